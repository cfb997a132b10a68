package import ConvoyRun
import ConvoyText
internal import FoundationEssentials
internal import Synchronization

/// Sends the trace of a run to a collector while it happens.
///
///     let tracer = RunTracer(settings, fold) { print($0) }
///     let log = await tracer.tracing(after: { $0 }) { await coordinator.run(plan) }
///
/// It never makes the run wait, but for a few seconds at its end, and what cannot be delivered changes nothing but a line of warning.
package final class RunTracer: EventSink {
    /// For what is left after the run.
    private static let patience = Duration.seconds(4)
    /// After this it says that it waits.
    private static let silence = Duration.seconds(1)

    private struct Batch: Sendable {
        var events: [Event]
        /// Whether this process sends the spans that end with them.
        var isOwn: Bool
    }

    private let exporter: TraceExporter
    private let warn: @Sendable (String) -> Void
    private let patience: Duration
    private let silence: Duration
    private let firstFold: TraceFold
    private let events: AsyncStream<Batch>
    private let queue: AsyncStream<Batch>.Continuation
    /// When nothing is waited for any more; nil before the run has ended.
    private let deadline = OneShotDeadline()

    /// - Parameters:
    ///   - fold: of the run's trace, with no event in it.
    ///   - warn: called with one line if something did not arrive, or is waited for.
    package convenience init(_ settings: TraceSettings, _ fold: TraceFold, warn: @escaping @Sendable (String) -> Void) {
        self.init(settings, fold, patience: Self.patience, limits: TraceExporter.Limits(), warn: warn)
    }

    init(
        _ settings: TraceSettings,
        _ fold: TraceFold,
        patience: Duration,
        silence: Duration = RunTracer.silence,
        limits: TraceExporter.Limits,
        warn: @escaping @Sendable (String) -> Void
    ) {
        exporter = TraceExporter(settings, fold.trace.id, limits: limits)
        firstFold = fold
        self.patience = patience
        self.silence = silence
        self.warn = warn
        (events, queue) = AsyncStream.makeStream()
    }

    /// Queues the events and returns at once.
    package func send(_ events: [Event]) async { take(events, isOwn: true) }

    /// Queues the events and returns at once.
    ///
    /// - Parameter isOwn: whether this process sends the spans that end with them; if not, it only needs to know of them.
    package func take(_ events: [Event], isOwn: Bool) {
        // The time for what is left begins with the end of the run, beside that for notifications.
        if events.contains(where: \.endsRun) { deadline.begin(patience) }
        queue.yield(Batch(events: events, isOwn: isOwn))
    }

    /// Sends spans while the body runs; after it waits for what is left, but not for long. It is used once.
    ///
    /// - Parameters:
    ///   - past: takes in the events that earlier processes recorded of the run, in order.
    ///   - body: sends its events here.
    package func tracing<Value: Sendable>(
        after past: @escaping @Sendable (TraceReplay) async -> TraceReplay,
        _ body: () async -> Value
    ) async -> Value {
        let value = await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.fold(after: past) }
            let value = await body()
            // What came after the end of the run may have taken longer.
            let end = max(deadline.begin(patience), .now + .milliseconds(500))
            queue.finish()
            group.addTask { await self.wait(until: end) }
            // Whichever comes first: everything is sent, or the time is over.
            await group.next()
            group.cancelAll()
            return value
        }
        if let warning = exporter.warning { warn("warning: \(warning)") }
        return value
    }

    /// Ends when there was time enough.
    private func wait(until end: ContinuousClock.Instant) async {
        let notice = ContinuousClock.now + silence
        if notice < end {
            guard (try? await Task.sleep(until: notice, clock: .continuous)) != nil else { return }
            warn("waiting up to \((end - notice).human) for the trace to arrive")
        }
        try? await Task.sleep(until: end, clock: .continuous)
    }

    @concurrent
    private func fold(after past: @escaping @Sendable (TraceReplay) async -> TraceReplay) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.exporter.export() }
            let replay = await past(TraceReplay(firstFold))
            exporter.post(replay.unsent)
            var fold = replay.fold
            for await batch in events {
                let spans = batch.events.flatMap { fold.apply($0) }
                if batch.isOwn { exporter.post(spans) }
                if batch.events.contains(where: \.endsRun) { break }
            }
            exporter.finish(by: deadline.begin(patience))
        }
    }
}

extension Event {
    fileprivate var endsRun: Bool { if case .runFinished = kind { true } else { false } }
}

/// A deadline that the first who asks for it sets.
private final class OneShotDeadline: Sendable {
    private let instant = Mutex<ContinuousClock.Instant?>(nil)

    @discardableResult
    func begin(_ patience: Duration) -> ContinuousClock.Instant {
        instant.withLock { instant in
            let end = instant ?? .now + patience
            instant = end
            return end
        }
    }
}
