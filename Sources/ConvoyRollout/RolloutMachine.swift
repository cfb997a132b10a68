public import ConvoyFleet

/// The rules of a run over the fleet: facts in, actions out; no clock, no socket, no task.
///
///     var machine = RolloutMachine(plan) { _ in 1 }
///     machine.runStarted()                            // [.startWave("canary"), .startInstance("alice", wave: "canary")]
///     machine.instanceFinished("alice", .migrated)    // [.finishWave("canary"), .startWave("rest"), …]
///
/// Waves go in order and never overlap. In a wave at most `max_parallel` instances are under way, within the connection limits. After a halt
/// or a stop nothing starts, what is under way finishes, and what had not started stays ``Outcome/pending``.
///
/// `stop: {failures: N}` counts every outcome that is not a good one but two: ``Outcome/unreachable``, because a host that is down says
/// nothing about the migration, and ``Outcome/interrupted``, which is the operator's doing. So that a dead canary does not pass for a
/// healthy one, a wave with a stop rule halts the fleet too when not one of its instances could be reached and other waves would follow.
///
/// A fact takes O(log servers), amortised, whatever the size of the fleet.
public struct RolloutMachine: Sendable {
    /// What the coordinator is to do, in the order given.
    public enum Action: Sendable, Hashable {
        case startWave(String)
        case startInstance(String, wave: String)
        /// All instances of the wave that were started have finished.
        case finishWave(String)
        /// A stop rule was broken: nothing starts from here on.
        case halt(HaltReason)
        /// The operator's first request was heard: nothing starts from here on.
        case stop
        /// The operator asked again: cancel what is under way.
        case cancelInstances
        /// The run is over. Always the last action.
        case finish(RunStatus)
    }

    /// A wave as the rules see it.
    public struct Wave: Sendable, Hashable {
        public var name: String
        /// The most instances at a time; nil leaves it to the connection limits.
        public var maxParallel: Int?
        public var stop: StopRules
        public var instances: [Member]

        public init(name: String, maxParallel: Int? = nil, stop: StopRules = StopRules(), instances: [Member]) {
            self.name = name
            self.maxParallel = maxParallel
            self.stop = stop
            self.instances = instances
        }
    }

    /// An instance as the rules see it.
    public struct Member: Sendable, Hashable {
        public var name: String
        public var server: String
        /// All that it may hold at once on its server.
        public var connections: Int

        public init(name: String, server: String, connections: Int = 1) {
            self.name = name
            self.server = server
            self.connections = connections
        }
    }

    /// A fact about an instance: it ended like this.
    public struct Finish: Sendable, Hashable {
        public var instance: String
        public var outcome: Outcome

        public init(_ instance: String, _ outcome: Outcome) {
            self.instance = instance
            self.outcome = outcome
        }
    }

    /// The wave under way.
    private struct Current: Sendable {
        let index: Int
        var queue: StartQueue
        /// The index in the wave of each instance that is under way.
        var running: [String: Int] = [:]
        var finished = 0
        var failures: [String] = []
        var unreachable = 0
    }

    private enum Phase: Sendable {
        /// The run has not begun.
        case ready
        /// Waves are going on.
        case started
        /// ``Action/finish(_:)`` was given; nothing follows.
        case finished
    }

    private let waves: [Wave]
    private let limits: ConnectionLimits
    private var phase = Phase.ready
    private var current: Current?
    private var nextWave = 0
    private var isHalted = false
    private var stopRequests = 0
    private var hasFailures = false

    /// - Parameter waves: in order. An instance that is named twice is taken where it comes first.
    public init(waves: [Wave], limits: ConnectionLimits) {
        var seen: Set<String> = []
        self.waves = waves.map { wave in
            var wave = wave
            wave.instances = wave.instances.filter { seen.insert($0.name).inserted }
            return wave
        }
        self.limits = limits
    }

    /// - Parameter connections: what an instance may hold at once on its server: ``InstanceOperator/connections(for:)``.
    public init(_ plan: RolloutPlan, connections: (Instance) -> Int) {
        let waves = plan.waves.map { wave in
            Wave(
                name: wave.name,
                maxParallel: wave.maxParallel,
                stop: wave.stop,
                instances: wave.instances.map { Member(name: $0.name, server: $0.server, connections: connections($0)) }
            )
        }
        self.init(waves: waves, limits: plan.limits)
    }

    /// The run begins. Only the first time counts.
    public mutating func runStarted() -> [Action] {
        guard case .ready = phase else { return [] }
        phase = .started
        return advance()
    }

    /// An instance that was started has finished. One that is not under way is ignored.
    public mutating func instanceFinished(_ instance: String, _ outcome: Outcome) -> [Action] {
        instancesFinished([Finish(instance, outcome)])
    }

    /// Several instances have finished. The stop rules see all of them before anything else starts.
    public mutating func instancesFinished(_ finishes: [Finish]) -> [Action] {
        guard case .started = phase else { return [] }
        for finish in finishes { note(finish) }
        return brokenRule().map { [halt($0)] + advance() } ?? advance()
    }

    /// The operator asked to stop: first gracefully, the second time by cancelling what is under way; more requests change nothing.
    public mutating func stopRequested() -> [Action] {
        if case .finished = phase { return [] }
        stopRequests += 1
        switch stopRequests {
        case 1: return [.stop] + (current == nil ? [] : advance())
        case 2: return [.cancelInstances]
        default: return []
        }
    }

    private var startsNothing: Bool { isHalted || stopRequests > 0 }

    private mutating func note(_ finish: Finish) {
        guard let entry = current?.running.removeValue(forKey: finish.instance) else { return }
        current?.queue.finished(entry)
        current?.finished += 1
        guard !finish.outcome.isGood else { return }
        hasFailures = true
        switch finish.outcome {
        case .unreachable: current?.unreachable += 1
        case .interrupted: break
        default: current?.failures.append(finish.instance)
        }
    }

    /// The stop rule of the current wave that no longer holds.
    private func brokenRule() -> HaltReason? {
        guard !isHalted, let current, let limit = waves[current.index].stop.failures else { return nil }
        let wave = waves[current.index].name
        if current.failures.count >= max(1, limit) { return .failures(wave: wave, limit: limit, instances: current.failures) }
        let isOver = current.finished > 0 && current.queue.running == 0 && current.queue.waiting == 0
        if isOver, current.unreachable == current.finished, !startsNothing, nextWave < waves.count { return .nothingReached(wave: wave) }
        return nil
    }

    private mutating func halt(_ reason: HaltReason) -> Action {
        isHalted = true
        return .halt(reason)
    }

    /// Starts what may start, and ends the wave or the run where nothing is left under way.
    private mutating func advance() -> [Action] {
        var actions: [Action] = []
        while true {
            guard let index = current?.index else {
                guard !startsNothing, nextWave < waves.count else {
                    phase = .finished
                    actions.append(.finish(status))
                    return actions
                }
                let wave = waves[nextWave]
                let entries = wave.instances.lazy.map { StartQueue.Entry(server: $0.server, connections: $0.connections) }
                current = Current(index: nextWave, queue: StartQueue(entries, maxParallel: wave.maxParallel, limits: limits))
                nextWave += 1
                actions.append(.startWave(wave.name))
                continue
            }
            while !startsNothing, let entry = current?.queue.next() {
                let instance = waves[index].instances[entry].name
                current?.running[instance] = entry
                actions.append(.startInstance(instance, wave: waves[index].name))
            }
            // With nothing under way every budget is free, so what still waits does so because nothing may start any more.
            guard current?.queue.running == 0 else { return actions }
            current = nil
            actions.append(.finishWave(waves[index].name))
        }
    }

    private var status: RunStatus {
        if stopRequests > 0 { return .interrupted }
        if isHalted { return .halted }
        return hasFailures ? .failed : .succeeded
    }
}
