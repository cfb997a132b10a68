package import ConvoyFleet
import ConvoyIO
package import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
package import ConvoyRollout
package import ConvoyRun

/// Whether and how a run is traced, as the environment says.
package struct RunTracing: Sendable {
    /// The trace that hooks get to know; nil if the environment names no collector.
    package let trace: RunTrace?
    private let tracer: RunTracer?
    private let journal: (any RunStore)?
    private let run: RunID
    private let isResumed: Bool

    /// - Parameters:
    ///   - earlier: what earlier processes did in the run, if this one resumes it.
    ///   - process: which process of the run this is, counted from 1; nil is the one that follows those of `earlier`.
    ///   - journal: has what earlier processes recorded; nil where the caller has it.
    ///   - secrets: are masked in what the environment says of the sender.
    ///   - environment: of this process.
    ///   - warn: called with one line for what the environment has wrong, and for what did not arrive.
    package init(
        _ plan: RunPlan,
        on targets: RunTargets,
        _ run: RunID,
        resuming earlier: RunLog?,
        process: Int? = nil,
        journal: (any RunStore)?,
        secrets: KnownSecrets,
        environment: [String: String],
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.journal = journal
        self.run = run
        isResumed = earlier != nil
        let (settings, warnings) = TraceSettings.read(
            environment,
            masking: secrets.mask.adding(targets.instances(of: plan).flatMap(\.allSecrets))
        )
        for line in warnings { warn("warning: \(line)") }
        guard let settings else {
            (trace, tracer) = (nil, nil)
            return
        }
        let surrounding = environment[HookTracing.variable].flatMap { $0.isEmpty ? nil : $0 }
        let parent = surrounding.flatMap(TraceParent.init)
        if surrounding != nil, parent == nil {
            warn("warning: \(HookTracing.variable): this is not a valid trace context, so the run has a trace of its own")
        }
        var trace = RunTrace(of: run.description, resuming: earlier, within: parent, sampler: settings.sampler.records)
        if let process { trace = RunTrace(run: trace.run, parent: trace.parent, process: process, isSampled: trace.isSampled) }
        self.trace = trace
        guard trace.isSampled else {
            tracer = nil
            return
        }
        let places = Dictionary(
            plan.instances.map { planned in
                let address = targets.instances[planned.name]?.serverAddress
                return (planned.name, TraceFold.Place(database: planned.database, host: address?.host, port: address?.port))
            }
        ) { first, _ in first }
        tracer = RunTracer(settings, TraceFold(trace, direction: plan.change.direction, places: places), warn: warn)
    }

    /// What receives the events of the run; empty if it is not traced.
    package var sinks: [any EventSink] { tracer.map { [$0] } ?? [] }

    /// Sends the trace while the body runs, and what is left for a few seconds after it.
    package func tracing<Value: Sendable>(_ body: () async -> Value) async -> Value {
        guard let tracer else { return await body() }
        // What this process adds to the journal comes as events.
        let last = isResumed ? (try? await journal?.lastEvent(of: run)) ?? 0 : 0
        return await tracer.tracing { [journal, run] replay in
            var replay = replay
            guard last > 0, let journal else { return replay }
            // A journal that cannot be read is reported when it is written.
            do {
                for try await recorded in journal.events(of: run, .all) {
                    guard recorded.number <= last else { break }
                    if let event = recorded.event { replay.apply(event) }
                }
            } catch {}
            return replay
        } _: {
            await body()
        }
    }

    /// Whether spans are sent.
    package var isSent: Bool { tracer != nil }

    /// The same for a process that is not the only one that records events of the run; it is given them with ``take(_:isOwn:)``.
    ///
    /// - Parameter past: all that was recorded before.
    package func tracing<Value: Sendable>(after past: [Event], _ body: () async -> Value) async -> Value {
        guard let tracer else { return await body() }
        return await tracer.tracing { replay in
            var replay = replay
            for event in past { replay.apply(event) }
            return replay
        } _: {
            await body()
        }
    }

    /// Takes in what was recorded, and returns at once.
    ///
    /// - Parameter isOwn: whether this process has recorded it, and sends the spans that end with it.
    package func take(_ events: [Event], isOwn: Bool) { tracer?.take(events, isOwn: isOwn) }
}
