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
    private let journal: any RunStore
    private let run: RunID
    private let isResumed: Bool

    /// - Parameters:
    ///   - earlier: what earlier processes did in the run, if this one resumes it.
    ///   - secrets: are masked in what the environment says of the sender.
    ///   - environment: of this process.
    ///   - warn: called with one line for what the environment has wrong, and for what did not arrive.
    package init(
        _ plan: RunPlan,
        on targets: RunTargets,
        _ run: RunID,
        resuming earlier: RunLog?,
        journal: any RunStore,
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
        let trace = RunTrace(of: run.description, resuming: earlier, within: parent, sampler: settings.sampler.records)
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
        let last = isResumed ? (try? await journal.lastEvent(of: run)) ?? 0 : 0
        return await tracer.tracing { [journal, run] replay in
            var replay = replay
            guard last > 0 else { return replay }
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
}
