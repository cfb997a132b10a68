internal import Synchronization

/// What this process has learnt about its way to a control database.
final class ControlContact: Sendable {
    private let last = Mutex<ContinuousClock.Instant?>(nil)
    private let keeping = Mutex(true)

    /// When this process last failed to reach it. As long as it has not been back for a while, other processes may not have been able to renew their leases,
    /// although they live.
    var lastLoss: ContinuousClock.Instant? { last.withLock(\.self) }

    func lose() { last.withLock { $0 = .now } }

    /// Whether a session keeps the statements that were parsed in it. A pooler may give each transaction another session.
    var keepsStatements: Bool { keeping.withLock(\.self) }

    /// - Returns: whether it was thought to keep them until now.
    func stopKeeping() -> Bool {
        keeping.withLock { keeps in
            defer { keeps = false }
            return keeps
        }
    }
}
