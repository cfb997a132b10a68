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
    /// - Returns: a reason that was not given before; nil if there is none.
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

/// What is shown once, when two looks in a row have found it: a worker that begins, or a control database that was away, makes one look alone say nothing.
struct LastingReason: Sendable {
    private var last: String?
    private var shown: String?
    /// What two looks in a row have found, until one finds nothing.
    private(set) var current: String?

    /// - Parameter found: by this look; nil if it has found nothing.
    /// - Returns: what was found, if the look before has found it too and it was not shown before.
    mutating func news(_ found: String?) -> String? {
        if found == nil || found == last { current = found }
        defer { last = found }
        guard let found, found == last, found != shown else { return nil }
        shown = found
        return found
    }
}
