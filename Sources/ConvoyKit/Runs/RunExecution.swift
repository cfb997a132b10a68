import ConvoyCatalog
package import ConvoyFleet
package import ConvoyInstance
package import ConvoyJournal
import ConvoyReporting
package import ConvoyRollout
package import ConvoyRun
package import FoundationEssentials

/// Puts together what carries out a run: hooks, health checks, gates, the server's activity, the journal, and who is shown the events.
package struct RunExecution: Sendable {
    private let fleet: Fleet
    private let runner: InstanceRunner
    private let secrets: KnownSecrets
    private let environment: [String: String]

    /// - Parameters:
    ///   - runner: migrates the instances.
    ///   - secrets: are masked in what hooks print.
    ///   - environment: what hooks may inherit from.
    package init(_ fleet: Fleet, runner: InstanceRunner, secrets: KnownSecrets, environment: [String: String]) {
        self.fleet = fleet
        self.runner = runner.asking(CatalogReader.fingerprintQuestion)
        self.secrets = secrets
        self.environment = environment
    }

    /// The coordinator of a run whose plan is recorded in the journal and whose lock the caller holds.
    ///
    /// - Parameters:
    ///   - unfinished: instances that an earlier process of the run started and did not finish.
    ///   - trace: the trace of the run; nil if it is not traced.
    ///   - journal: where the run is recorded; nil where a worker records it.
    ///   - events: is shown every event after the journal has taken it or refused; a refusal halts the run.
    ///   - now: the wall clock that stamps events and opens the window.
    ///   - onHookLine: is given each line that a hook prints, without secrets.
    ///   - onTakenOver: is called if another process has the run now; see ``Coordinator``.
    ///   - onUnrecorded: is called if the journal has not taken the end of the run.
    package func coordinator(
        of plan: RunPlan,
        on targets: RunTargets,
        unfinished: Set<String> = [],
        journal: (any RunStore)? = nil,
        trace: RunTrace? = nil,
        events: any EventSink,
        now: @escaping @Sendable () -> Date = { Date() },
        onHookLine: (@Sendable (_ line: String) -> Void)? = nil,
        onTakenOver: @escaping @Sendable (JournalError) -> Void = { _ in },
        onUnrecorded: @escaping @Sendable (UnrecordedEnd) -> Void = { _ in }
    ) -> Coordinator {
        let healthChecks: HealthCheckRunner = { await InstanceChecks(checks: $0).failure(on: $1) }
        let hooks = HookRunner(
            fleet.rollout.hooks,
            fleet: fleet.name,
            releases: runner.set.releases,
            instances: targets.instances(of: plan),
            secrets: secrets,
            environment: environment,
            tracing: trace.map(HookTracing.init),
            onLine: onHookLine
        )
        let guarded = GuardedMigrator(
            ObservingMigrator(runner) { [runner] in await runner.activity(of: $0, on: $1) },
            inspector: runner,
            hooks: hooks,
            checks: fleet.rollout.checks,
            waves: Dictionary(plan.waves.flatMap { wave in wave.instances.map { ($0.name, wave.name) } }) { first, _ in first },
            unfinished: unfinished,
            healthChecks: healthChecks
        )
        return Coordinator(
            migrator: guarded,
            inspector: runner,
            events: events,
            journal: journal,
            surroundings: RunSurroundings(
                hooks,
                gates: GateKeeper(hooks: hooks, limits: targets.limits, healthChecks: healthChecks),
                trace: trace
            ),
            window: plan.isImmediate ? nil : fleet.rollout.window,
            now: now,
            onTakenOver: onTakenOver,
            onUnrecorded: onUnrecorded
        )
    }
}
