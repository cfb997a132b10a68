public import ConvoyFleet
public import ConvoyMigrations
public import ConvoyRun

/// What a run does around its instances: hooks of the run and of its waves, and gates. Tests put their own here.
public struct RunSurroundings: Sendable {
    /// The points that have a hook.
    public var hookPoints: Set<HookPoint>
    /// Runs the hook of a point around the run, or around a wave. Cancelling the task ends it.
    public var runHook: @Sendable (HookContext) async -> HookResult
    /// Evaluates a gate; returns soon after the task is cancelled.
    public var passGate: @Sendable (GateContext) async -> GateKeeper.Verdict

    /// Nothing around the instances.
    public init() {
        hookPoints = []
        runHook = { HookResult(point: $0.point, wave: $0.wave, instance: nil, duration: .zero, problem: nil, output: "") }
        passGate = { _ in .passed }
    }

    /// The hooks and gates of the fleet file.
    ///
    /// - Parameter hooks: runs the programs.
    public init(_ hooks: HookRunner, gates: GateKeeper) {
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
    public struct HookContext: Sendable {
        public var point: HookPoint
        public var run: RunID
        public var fleet: String
        public var change: Change
        /// Nil around the run.
        public var wave: String?
        /// How the run ended; only after it.
        public var status: RunStatus?
    }

    /// What a gate is about.
    public struct GateContext: Sendable {
        public var gate: Gate
        public var run: RunID
        public var fleet: String
        public var change: Change
        public var wave: String
        /// The instances of the wave that succeeded.
        public var instances: [Instance]
        /// How much of the soak an earlier process has waited for already.
        public var soaked: Duration
        /// One element, the operator's name, for each approval.
        public var approvals: AsyncStream<String>
        /// Reports what the gate waits for.
        public var report: @Sendable (Event.Kind) -> Void
    }
}
