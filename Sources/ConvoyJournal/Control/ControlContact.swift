internal import Synchronization

/// When this process last failed to reach a control database. As long as it has not been back for a while, other processes may not have been able to renew
/// their leases, although they live.
final class ControlContact: Sendable {
    private let last = Mutex<ContinuousClock.Instant?>(nil)

    var lastLoss: ContinuousClock.Instant? { last.withLock(\.self) }

    func lose() { last.withLock { $0 = .now } }
}
