import ConvoyJournal
import ConvoyRun

/// Why no worker takes a run that a process waits for: each reason once.
struct ShortageNotes {
    /// Between two looks.
    private static let interval = Duration.seconds(2)

    private var nextLook = ContinuousClock.now + Self.interval
    private var last: String?
    private var shown: String?

    /// Looks whether it is time to.
    ///
    /// - Returns: a reason that was not given before; nil if there is none.
    mutating func next(of run: RunID, in journal: any RunStore) async -> String? {
        guard nextLook <= .now else { return nil }
        nextLook = .now + Self.interval
        // Where that cannot be read, the run is waited for all the same.
        let reason = (try? await journal.staff(of: run))?.waitReason(run)
        defer { last = reason }
        // A worker that begins makes one look alone say nothing.
        guard let reason, reason == last, reason != shown else { return nil }
        shown = reason
        return reason
    }
}
