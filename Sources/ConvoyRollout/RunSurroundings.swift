public import ConvoyFleet
public import ConvoyMigrations

/// What a run does around its instances: hooks of the run and of its waves, and gates. Tests put their own here.
public struct RunSurroundings: Sendable {
    /// The points that have a hook.
    public var hookPoints: Set<HookPoint>
    /// Runs the hook of a point around the run, or around a wave. Cancelling the task ends it.
    public var runHook: @Sendable (HookContext) async -> HookResult
    /// Evaluates a gate; returns soon after the task is cancelled.
    public var passGate: @Sendable (GateContext) async -> GateVerdict

    /// Nothing around the instances.
    public init() {
        hookPoints = []
        runHook = { HookResult(point: $0.point, wave: $0.wave, instance: nil, duration: .zero, problem: nil, output: "") }
        passGate = { _ in .passed }
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
        /// Those of the wave that ended well.
        public var instances: [Instance]
        public var limits: ConnectionLimits
        /// How much of the soak an earlier process has waited for already.
        public var soaked: Duration
        /// An element, who it was, each time that somebody approves.
        public var approvals: AsyncStream<String>
        /// Tells what the gate waits for.
        public var report: @Sendable (Event.Kind) -> Void
    }

    /// How a gate ended.
    public enum GateVerdict: Sendable, Hashable {
        case passed
        case failed(reason: String)
        /// The task was cancelled first.
        case cancelled
    }
}
