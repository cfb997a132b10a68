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
