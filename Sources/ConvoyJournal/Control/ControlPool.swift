import ConvoyPostgres
internal import Synchronization

/// A few sessions with a control database, each lent to one task at a time. The one that was used last is lent first, so that no more are opened
/// than are needed at once.
final class ControlPool: Sendable {
    private struct State {
        var idle: [ControlSession]
        var waiting: [(call: ControlCall, continuation: CheckedContinuation<ControlSession?, Never>)] = []
    }

    private let state: Mutex<State>

    init(_ sessions: [ControlSession]) {
        state = Mutex(State(idle: sessions))
    }

    /// Lends a session to the body; waits for one while all are lent and the call is not over.
    func withSession<Value: Sendable>(
        _ call: ControlCall,
        _ body: (ControlSession) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        guard let session = await session(for: call) else { throw call.problem }
        defer { giveBack(session) }
        return try await body(session)
    }

    private func session(for call: ControlCall) async -> ControlSession? {
        await call.waiting(endedBy: { self.abandon(call) }) {
            await withCheckedContinuation { continuation in
                let (session, waits) = state.withLock { state -> (ControlSession?, Bool) in
                    // Its end was announced before it could be found here.
                    guard !call.isOver else { return (nil, false) }
                    if let free = state.idle.popLast() { return (free, false) }
                    state.waiting.append((call, continuation))
                    return (nil, true)
                }
                if !waits { continuation.resume(returning: session) }
            }
        }
    }

    /// Ends the wait of a call.
    private func abandon(_ call: ControlCall) {
        let continuation = state.withLock { state in
            state.waiting.firstIndex { $0.call === call }.map { state.waiting.remove(at: $0).continuation }
        }
        continuation?.resume(returning: nil)
    }

    private func giveBack(_ session: ControlSession) {
        let next = state.withLock { state -> CheckedContinuation<ControlSession?, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
            state.idle.append(session)
            return nil
        }
        next?.resume(returning: session)
    }

    /// Ends the sessions that are not lent. Meanwhile they count as lent, so that no call uses one that is being ended.
    func close() async {
        let idle = state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
        for session in idle {
            await session.close()
            giveBack(session)
        }
    }
}
