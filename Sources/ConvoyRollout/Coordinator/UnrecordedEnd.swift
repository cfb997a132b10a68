package import ConvoyRun

/// The end of a run that the journal has not taken: what it has looks like a run that was cut off.
package struct UnrecordedEnd: Sendable, Hashable {
    /// The run that has ended.
    package let run: RunID
    /// Why its last events were not taken.
    package let problem: JournalError
    /// The instances whose ends are among those events, in order, each once.
    package let instances: [String]

    /// - Parameter events: what the journal has not taken.
    init(_ run: RunID, _ events: [Event], _ problem: JournalError) {
        (self.run, self.problem) = (run, problem)
        var seen: Set<String> = []
        instances = events.compactMap { event in
            switch event.kind {
            case .instanceFinished(let name, _), .rollbackFinished(let name, _): seen.insert(name).inserted ? name : nil
            default: nil
            }
        }
    }
}
