internal import Synchronization

/// What this process has learnt about its way to a control database.
final class ControlContact: Sendable {
    private let last = Mutex<ContinuousClock.Instant?>(nil)
    private let lostStatements = Mutex(0)

    /// A session may lose its statements once, when the tables are updated or a pooler is restarted; more often it does behind a pooler that gives each
    /// transaction another session.
    private static let mostLosses = 3

    /// When this process last failed to reach it. As long as it has not been back for a while, other processes may not have been able to renew their leases,
    /// although they live.
    var lastLoss: ContinuousClock.Instant? { last.withLock(\.self) }

    func lose() { last.withLock { $0 = .now } }

    /// Whether sessions keep the statements that were parsed in them.
    var keepsStatements: Bool { lostStatements.withLock { $0 < Self.mostLosses } }

    func loseStatements() { lostStatements.withLock { $0 = min($0 + 1, Self.mostLosses) } }
}
