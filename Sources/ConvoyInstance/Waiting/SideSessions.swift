import ConvoyFleet
import ConvoyPostgres
import ConvoyRun
internal import Synchronization

/// Limits the sessions that ask a server what the work there waits for: one at a time on each server, whatever the number of waiting
/// instances. Together with the session that probes progress these are two of the slots that a run leaves free (``ServerSlots/spare``).
final class SideSessions: Sendable {
    private let busy = Mutex<Set<String>>([])

    /// Runs the body when it is the server's only one.
    ///
    /// - Returns: nil if another one asks at this moment.
    @discardableResult
    func asking<Value: Sendable>(_ server: String, _ body: () async -> Value) async -> Value? {
        guard busy.withLock({ $0.insert(server).inserted }) else { return nil }
        defer { busy.withLock { _ = $0.remove(server) } }
        return await body()
    }
}

/// What was found about the cause of an instance's wait. Written by the task that asks, read by the task that waits.
final class Sightings: Sendable {
    private struct State {
        var holders: [LockHolder] = []
        var told: Set<String> = []
        var isWaitingForStandby = false
    }

    private let state = Mutex(State())

    /// The sessions that held the lock when a holder was last seen.
    var holders: [LockHolder] {
        get { state.withLock(\.holders) }
        set { state.withLock { $0.holders = newValue } }
    }

    /// Whether the last COMMIT was seen to wait for a synchronous standby.
    var isWaitingForStandby: Bool {
        get { state.withLock(\.isWaitingForStandby) }
        set { state.withLock { $0.isWaitingForStandby = newValue } }
    }

    /// Whether this was not reported yet.
    func isNews(_ text: String) -> Bool { state.withLock { $0.told.insert(text).inserted } }

    /// Something was committed: what kept it waiting is over.
    func clear() { state.withLock { $0 = State() } }
}
