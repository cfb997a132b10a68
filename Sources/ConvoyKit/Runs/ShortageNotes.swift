package import ConvoyJournal
package import ConvoyRun

/// Why no worker takes a run that a process waits for or shows.
package struct ShortageNotes: Sendable {
    /// Between two looks.
    private static let interval = Duration.seconds(2)

    private var nextLook = ContinuousClock.now + Self.interval
    private var reason = LastingReason()

    package init() {}

    /// Looks whether it is time to.
    ///
    /// - Returns: a reason that was not given before; nil where there is nothing new to say.
    mutating func next(of run: RunID, in journal: any RunStore) async -> String? {
        guard nextLook <= .now else { return nil }
        nextLook = .now + Self.interval
        // Where that cannot be read, the run is waited for all the same.
        return reason.news((try? await journal.staff(of: run))?.waitReason(run))
    }

    /// Looks whether it is time to.
    ///
    /// - Returns: the reason that holds at present; nil where a worker may take the run.
    package mutating func current(of run: RunID, in journal: any RunStore) async -> String? {
        _ = await next(of: run, in: journal)
        return reason.current
    }
}
