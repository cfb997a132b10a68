internal import Synchronization

/// Whether the operator has cancelled a run, and the calls that end soon then.
final class ControlHaste: Sendable {
    private struct State {
        var since: ContinuousClock.Instant?
        var calls: [Int: ControlCall] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    /// When the operator cancelled; nil otherwise.
    var since: ContinuousClock.Instant? { state.withLock(\.since) }

    /// The operator has cancelled. Further calls do nothing.
    func begin() {
        let now = ContinuousClock.now
        let calls = state.withLock { state -> [ControlCall] in
            guard state.since == nil else { return [] }
            state.since = now
            return Array(state.calls.values)
        }
        for call in calls { call.hurry(since: now) }
    }

    /// Another run of the process begins.
    func end() { state.withLock { $0.since = nil } }

    /// Does the work of a call, which is hurried as soon as the operator cancels.
    func covering<Value: Sendable>(
        _ call: ControlCall,
        _ body: () async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let (id, since) = state.withLock { state in
            state.last += 1
            state.calls[state.last] = call
            return (state.last, state.since)
        }
        defer { state.withLock { _ = $0.calls.removeValue(forKey: id) } }
        if let since { call.hurry(since: since) }
        return try await body()
    }
}
