import ConvoyPostgres
internal import Synchronization

/// A few sessions with a control database, each lent to one task at a time. The one that was used last is lent first, so that no more are opened
/// than are needed at once.
final class ControlPool: Sendable {
    private struct State {
        var idle: [ControlSession]
        var waiting: [CheckedContinuation<ControlSession, Never>] = []
    }

    private let state: Mutex<State>

    init(_ sessions: [ControlSession]) {
        state = Mutex(State(idle: sessions))
    }

    /// Lends a session to the body; waits for one while all are lent.
    func withSession<Value: Sendable>(
        _ body: (ControlSession) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let session = await withCheckedContinuation { continuation in
            let free = state.withLock { state -> ControlSession? in
                if let free = state.idle.popLast() { return free }
                state.waiting.append(continuation)
                return nil
            }
            if let free { continuation.resume(returning: free) }
        }
        defer { giveBack(session) }
        return try await body(session)
    }

    private func giveBack(_ session: ControlSession) {
        let next = state.withLock { state -> CheckedContinuation<ControlSession, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.idle.append(session)
            return nil
        }
        next?.resume(returning: session)
    }

    /// Ends the sessions that are not lent.
    func close() async {
        for session in state.withLock({ $0.idle }) { await session.close() }
    }
}
