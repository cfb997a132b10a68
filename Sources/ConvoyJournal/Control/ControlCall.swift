import ConvoyIO
import ConvoyPostgres
internal import Synchronization

/// One call of a control database: whatever it waits for, a session, an answer or another attempt, ends when the call is over.
final class ControlCall: Sendable {
    private struct State {
        var isOver = false
        /// Ends what is waited for.
        var end: (@Sendable () -> Void)?
        var timers: [Task<Void, Never>] = []
    }

    /// For its pipelines.
    let watch = PipelineWatch(.uniform(nil), slack: .zero)
    private let begun: ContinuousClock.Instant
    private let grace: Duration
    private let state = Mutex(State())

    private static let words = "no answer, and the command was cancelled or has no more time for it"

    /// - Parameters:
    ///   - begun: since when it has had time.
    ///   - grace: how long it may still take once the operator has cancelled.
    init(begun: ContinuousClock.Instant, grace: Duration) {
        (self.begun, self.grace) = (begun, grace)
    }

    deinit { for timer in state.withLock(\.timers) { timer.cancel() } }

    /// Whether it has no more time.
    var isOver: Bool { state.withLock(\.isOver) }

    /// What is to be said of it then.
    var problem: ControlError { .postgres(PostgresError(.timedOut, Self.words)) }

    /// The operator has cancelled. What begins after that has the same time.
    func hurry(since moment: ContinuousClock.Instant = .now) { end(at: max(moment, begun) + grace) }

    /// Sets its end; the earliest counts.
    func end(at moment: ContinuousClock.Instant) {
        let timer = Task { [weak self] in
            await pause(for: moment - .now, cancellation: .observed)
            if !Task.isCancelled { self?.giveUp() }
        }
        state.withLock { $0.timers.append(timer) }
    }

    private func giveUp() {
        watch.giveUp(Self.words)
        let end = state.withLock { state in
            state.isOver = true
            return state.end
        }
        end?()
    }

    /// Waits for something.
    ///
    /// - Parameter end: ends the wait; it may be called before the body begins to wait.
    func waiting<Value, Failure: Error>(
        endedBy end: @escaping @Sendable () -> Void,
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let isOver = state.withLock { state in
            state.end = end
            return state.isOver
        }
        defer { state.withLock { $0.end = nil } }
        if isOver { end() }
        return try await body()
    }
}
