package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun

/// What a run does around its instances: hooks of the run and of its waves, and gates. Tests put their own here.
package struct RunSurroundings: Sendable {
    /// The points that have a hook.
    package var hookPoints: Set<HookPoint>
    /// Runs the hook of a point around the run, or around a wave. Cancelling the task ends a `before_…` hook; an `after_…` hook runs to its
    /// end.
    package var runHook: @Sendable (HookContext) async -> HookResult
    /// Evaluates a gate; returns soon after the task is cancelled.
    package var passGate: @Sendable (GateContext) async -> GateKeeper.Verdict

    /// The trace that the run belongs to, so that the journal knows of it; nil if it has none.
    package var trace: RunTrace?

    /// Nothing around the instances.
    package init() {
        hookPoints = []
        runHook = { HookResult(point: $0.point, wave: $0.wave, instance: nil, duration: .zero, problem: nil, output: "") }
        passGate = { _ in .passed }
    }

    /// The hooks and gates of the fleet file.
    ///
    /// - Parameter hooks: runs the programs.
    package init(_ hooks: HookRunner, gates: GateKeeper, trace: RunTrace? = nil) {
        self.trace = trace
        hookPoints = Set([HookPoint.beforeRun, .beforeWave, .afterWave, .afterRun].filter(hooks.has))
        runHook = { context in
            let occasion = HookOccasion(
                run: context.run.description,
                direction: context.change.direction,
                wave: context.wave,
                outcome: context.status?.rawValue
            )
            return await hooks.run(context.point, for: occasion)
                ?? HookResult(point: context.point, wave: context.wave, instance: nil, duration: .zero, problem: nil, output: "")
        }
        passGate = { context in
            await gates.verdict(
                on: context.gate,
                after: context.wave,
                instances: context.instances,
                run: context.run.description,
                direction: context.change.direction,
                approvals: context.approvals,
                resumedAfter: context.soaked
            ) { context.report(.gateWaiting(wave: context.wave, reason: $0)) }
        }
    }

    /// What a hook of a run or of a wave is about.
    package struct HookContext: Sendable {
        package var point: HookPoint
        package var run: RunID
        package var change: Change
        /// Nil around the run.
        package var wave: String?
        /// How the run ended; only after it.
        package var status: RunEnding?
    }

    /// What a gate is about.
    package struct GateContext: Sendable {
        package var gate: Gate
        package var run: RunID
        package var change: Change
        package var wave: String
        /// The instances of the wave that succeeded.
        package var instances: [Instance]
        /// How much of the soak an earlier process has waited for already.
        package var soaked: Duration
        /// One element, the operator's name, for each approval.
        package var approvals: AsyncStream<String>
        /// Reports what the gate waits for.
        package var report: @Sendable (Event.Kind) -> Void
    }
}
