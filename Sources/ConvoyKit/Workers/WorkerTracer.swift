import ConvoyFleet
import ConvoyRollout
import ConvoyRun

/// Sends the trace of what a worker's decisions do to one run: of all spans of the run, those that end with events which this worker has recorded.
///
/// The workers of a run name its spans alike, because all ids follow from the run and what is recorded of it, and so together they send one trace.
final class WorkerTracer: Sendable {
    private let tracing: RunTracing
    private let ending: AsyncStream<Never>.Continuation
    private let delivery: Task<Void, Never>

    /// Nil where the environment names no collector.
    ///
    /// - Parameter past: what was recorded before.
    init?(_ tracing: RunTracing, after past: [Event]) {
        guard tracing.isSent else { return nil }
        let (ended, ending) = AsyncStream.makeStream(of: Never.self)
        self.tracing = tracing
        self.ending = ending
        delivery = Task.detached {
            await tracing.tracing(after: past) { for await _ in ended {} }
        }
    }

    deinit { ending.finish() }

    /// Takes in what was recorded, and returns at once.
    ///
    /// - Parameter isOwn: whether this worker has recorded it.
    func take(_ events: [Event], isOwn: Bool) { tracing.take(events, isOwn: isOwn) }

    /// Waits for what is left, but not for long. Nothing is sent after it.
    func finish() async {
        ending.finish()
        await delivery.value
    }
}

extension RunTracing {
    /// Whether and how a worker traces a run. The span that surrounds the worker itself is not the run's.
    ///
    /// - Parameters:
    ///   - past: what was recorded before.
    ///   - isResumptionDue: whether the next thing to be recorded is that the run is resumed.
    init(
        _ plan: RunPlan,
        on targets: RunTargets,
        _ run: RunID,
        after past: [Event],
        isResumptionDue: Bool,
        secrets: KnownSecrets,
        environment: [String: String],
        warn: @escaping @Sendable (String) -> Void
    ) {
        var log = RunLog()
        for event in past where event.placesTrace { log.apply(event) }
        self.init(
            plan,
            on: targets,
            run,
            resuming: log.isEmpty ? nil : log,
            process: log.resumptions + (isResumptionDue ? 2 : 1),
            journal: nil,
            secrets: secrets,
            environment: environment.filter { $0.key != HookTracing.variable },
            warn: warn
        )
    }
}

extension Event {
    /// Whether it says to which trace the run belongs, or which process of the run follows.
    fileprivate var placesTrace: Bool {
        switch kind {
        case .traceJoined, .runResumed: true
        default: false
        }
    }
}
