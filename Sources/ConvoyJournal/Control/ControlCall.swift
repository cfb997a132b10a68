import ConvoyIO
import ConvoyPostgres
import ConvoyText
internal import Synchronization

/// One call of a control database: whatever it waits for, a session, an answer or another attempt, ends when the call is over.
final class ControlCall: Sendable {
    private struct State {
        /// Why it has no more time; nil while it has.
        var words: String?
        /// Ends what is waited for.
        var end: (@Sendable () -> Void)?
        var timers: [Task<Void, Never>] = []
    }

    /// For its pipelines.
    let watch = PipelineWatch(.uniform(nil), slack: .zero)
    private let begun: ContinuousClock.Instant
    private let grace: Duration
    private let state = Mutex(State())

    /// - Parameters:
    ///   - begun: since when it has had time.
    ///   - grace: how long it may still take once the operator has cancelled.
    init(begun: ContinuousClock.Instant, grace: Duration) {
        (self.begun, self.grace) = (begun, grace)
    }

    deinit { for timer in state.withLock(\.timers) { timer.cancel() } }

    /// Whether it has no more time.
    var isOver: Bool { state.withLock { $0.words != nil } }

    /// What is to be said of it then.
    var problem: ControlError { .postgres(PostgresError(.timedOut, state.withLock(\.words) ?? "no answer")) }

    /// The operator has cancelled. What begins after that has the same time.
    func hurry(since moment: ContinuousClock.Instant = .now) {
        end(at: max(moment, begun) + grace, "no answer within \(Self.words(grace)) after the cancellation")
    }

    /// It may take no longer than that from now on.
    func end(within limit: Duration) { end(at: .now + limit, "no answer within \(Self.words(limit))") }

    private static func words(_ limit: Duration) -> String {
        let milliseconds = limit.milliseconds
        return milliseconds % 1000 == 0 ? counted(Int(clamping: milliseconds / 1000), "second") : limit.human
    }

    /// Sets its end; the earliest counts.
    private func end(at moment: ContinuousClock.Instant, _ words: String) {
        let timer = Task { [weak self] in
            await pause(for: moment - .now, cancellation: .observed)
            if !Task.isCancelled { self?.giveUp(words) }
        }
        state.withLock { $0.timers.append(timer) }
    }

    private func giveUp(_ words: String) {
        watch.giveUp(words)
        let end = state.withLock { state in
            state.words = state.words ?? words
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
            return state.words != nil
        }
        defer { state.withLock { $0.end = nil } }
        if isOver { end() }
        return try await body()
    }
}
