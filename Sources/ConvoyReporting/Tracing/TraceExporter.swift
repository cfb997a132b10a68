import ConvoyIO
import ConvoyRun
import ConvoyText
internal import Foundation
internal import Synchronization

/// Sends spans to a collector in batches, in a task of its own: what hands them over never waits.
///
///     let exporter = TraceExporter(settings, trace)
///     async let sent: Void = exporter.export()
///     exporter.post(spans)
///     exporter.finish(by: .now + .seconds(4))
///     await sent
///
/// What does not arrive is counted, and has no other effect.
final class TraceExporter: Sendable {
    /// Limits of the queue and of the tries.
    struct Limits: Sendable {
        /// The most spans that wait; a collector that is so far behind will not catch up.
        var queue = 8192
        /// The most spans in a request.
        var batch = 512
        /// From one look at the queue to the next.
        var pause = Duration.milliseconds(500)
        var tries = 5
        /// The same once nothing more comes.
        var lastTries = 2
        /// Before the second try; each further one waits about twice as long.
        var firstBackoff = Duration.seconds(1)
        /// For the body of an answer whose head is there. The status says that spans have arrived; only a collector that rejects some of them says
        /// so in the body.
        var body = Duration.seconds(1)
    }

    private struct State {
        var queue: [TraceSpan] = []
        var count = 0
        var dropped = 0
        var lost = 0
        var problem: String?
        var remark: String?
        /// When the export ends, whatever is left; nil while spans may come.
        var deadline: ContinuousClock.Instant?
    }

    private let settings: TraceSettings
    private let trace: TraceID
    private let limits: Limits
    private let state = Mutex(State())
    private let finished = OneShot<Bool>()

    init(_ settings: TraceSettings, _ trace: TraceID, limits: Limits = Limits()) {
        self.settings = settings
        self.trace = trace
        self.limits = limits
    }

    /// Puts spans into the queue and returns at once.
    func post(_ spans: [TraceSpan]) {
        state.withLock { state in
            state.count += spans.count
            let kept = spans.prefix(max(0, limits.queue - state.queue.count))
            state.queue += kept
            state.dropped += spans.count - kept.count
        }
    }

    /// No more spans come, and what is left is sent by then, or not at all.
    func finish(by deadline: ContinuousClock.Instant) {
        state.withLock { $0.deadline = deadline }
        finished.fulfil(true)
    }

    /// Sends until ``finish(by:)`` was called and nothing is left. Cancelling the task gives up what is left.
    @concurrent
    func export() async {
        while !Task.isCancelled {
            let isLast = finished.current != nil
            while !Task.isCancelled, let batch = nextBatch() { await send(batch) }
            if isLast { return }
            _ = await finished.value { [limits] in try await Task.sleep(for: limits.pause) }
        }
    }

    /// Why spans did not arrive, in one line, after the export; nil if all did.
    var warning: String? {
        state.withLock { state in
            let missing = state.dropped + state.lost + state.queue.count
            // The past of a resumed run may be too long to be read to its end in time.
            if missing == 0, finished.current == nil {
                return "\(settings.variable): parts of the run's trace did not arrive: no time was left"
            }
            guard missing > 0 else { return state.remark.map { "\(settings.variable): the collector says of the run's trace: \($0)" } }
            let reason =
                state.problem ?? (state.dropped > 0 ? "too many were waiting" : "no time was left")
            return "\(settings.variable): \(missing) of \(counted(state.count, "span")) of the run's trace did not arrive: \(reason)"
        }
    }

    private func nextBatch() -> [TraceSpan]? {
        state.withLock { state in
            guard !state.queue.isEmpty else { return nil }
            let batch = Array(state.queue.prefix(limits.batch))
            state.queue.removeFirst(batch.count)
            return batch
        }
    }

    private func send(_ batch: [TraceSpan]) async {
        var request = HTTPRequest(method: "POST", url: settings.endpoint, redirects: .refused, timeout: settings.timeout)
        request.headers = [("Content-Type", "application/json"), ("User-Agent", "convoy/\(Convoy.version)")]
        request.headers += settings.headers.map { ($0.name, $0.value.reveal()) }
        request.body = OTLPRequest(trace: trace, resource: settings.resource, spans: batch).json.line
        var tries = 0
        while true {
            let (answer, body) = await request.answerWithBody(within: limits.body)
            tries += 1
            if answer == nil, Task.isCancelled { return lose(batch.count, "it had not answered when the time after the run was over") }
            switch TraceDelivery(answer, body: body, of: batch.count, timeout: settings.timeout, at: Date()) {
            case .arrived(let rejected, let remark):
                if rejected > 0 { lose(rejected, "the collector rejected them\(remark.map { ": \($0)" } ?? "")") }
                if rejected == 0, let remark { state.withLock { $0.remark = remark } }
                return
            case .refused(let reason): return lose(batch.count, reason)
            case .failed(let reason, let wish):
                let problem = tries == 1 ? reason : "\(reason), after \(tries) attempts"
                let pause = max(Delivery.backoff(after: tries, first: limits.firstBackoff), wish ?? .zero)
                guard mayTryAgain(after: tries, pause) else { return lose(batch.count, problem) }
                _ = await finished.value { try await Task.sleep(for: pause) }
                // A run that has ended in the meantime waits for one more try, not for the pause.
                guard !Task.isCancelled, mayTryAgain(after: tries, .zero) else { return lose(batch.count, problem) }
                if finished.current != nil { try? await Task.sleep(for: min(pause, limits.firstBackoff)) }
            }
        }
    }

    private func mayTryAgain(after tries: Int, _ pause: Duration) -> Bool {
        guard let deadline = state.withLock(\.deadline) else { return tries < limits.tries }
        return tries < limits.lastTries && ContinuousClock.now + pause < deadline
    }

    private func lose(_ count: Int, _ problem: String) {
        state.withLock { state in
            state.lost += count
            state.problem = problem
        }
    }
}
