internal import ConvoyMigrations
public import ConvoyRollout
public import FoundationEssentials

/// What a run has done so far: a fold over its events.
///
///     var report = FleetReport()
///     for event in events { report.apply(event) }
///
/// Live progress, the table and the JSON of a run are all read from this one value.
public struct FleetReport: Sendable {
    /// The run's id; empty before it has begun.
    public private(set) var run = ""
    /// The fleet's name.
    public private(set) var fleet = ""
    /// Nil while the run goes on.
    public private(set) var status: RunStatus?
    /// Nil before it has begun.
    public private(set) var startedAt: Date?
    /// Nil while it goes on.
    public private(set) var finishedAt: Date?
    /// Why a stop rule halted the fleet.
    public private(set) var haltReason: HaltReason?
    /// In the order in which they run.
    public private(set) var waves: [WaveReport] = []
    /// In the order of the waves.
    public private(set) var instances: [InstanceReport] = []
    /// The instances that are worked on, in the order in which they were started.
    public private(set) var running: [String] = []

    /// The instances that last did not end well, the newest last; only a few.
    private(set) var lastFailures: [String] = []

    private var waveIndices: [String: Int] = [:]
    private var instanceIndices: [String: Int] = [:]

    /// A run that has not begun.
    public init() {}

    /// Takes in what happened. An event about an instance or wave that the run did not announce is passed over.
    public mutating func apply(_ event: Event) {
        switch event.kind {
        case .runStarted(let run, let fleet, let waves):
            self = FleetReport()
            self.run = run
            self.fleet = fleet
            startedAt = event.at
            for wave in waves { announce(wave) }
        case .waveStarted, .waveFinished, .instanceWarned, .stopRequested, .cancelRequested: break
        case .instanceStarted(let name, let wave), .rollbackStarted(let name, let wave): start(name, in: wave)
        case .instancePlanned(let name, let from, let pending):
            guard let index = instanceIndices[name] else { return }
            instances[index].from = from
            instances[index].pending = pending.count
            setWaiting(nil, index)
        case .instanceWaiting(let name, let reason):
            guard let index = instanceIndices[name] else { return }
            setWaiting(reason, index)
        case .migrationApplied(let name, let migration):
            guard let index = instanceIndices[name] else { return }
            instances[index].applied.append(migration)
            setWaiting(nil, index)
        case .instanceFinished(let name, let result): finish(name, result)
        case .rollbackFinished(let name, let result): finish(name, result)
        case .gateOpened, .gateWaiting, .approved, .gatePassed, .gateFailed, .hookFinished, .serverPaused, .serverResumed, .budgetChanged,
            .windowClosed, .windowOpened:
            break
        case .runResumed:
            // What was under way when the process before this one ended is started again.
            for name in running { reset(name) }
            (status, finishedAt, haltReason) = (nil, nil, nil)
        case .halted(let reason): haltReason = reason
        case .runFinished(let status):
            self.status = status
            finishedAt = event.at
        }
    }

    private mutating func announce(_ wave: PlannedWave) {
        waveIndices[wave.name] = waves.count
        waves.append(WaveReport(name: wave.name, instances: wave.instances.count))
        for name in wave.instances {
            instanceIndices[name] = instances.count
            instances.append(InstanceReport(name: name, wave: wave.name))
        }
    }

    private mutating func start(_ name: String, in wave: String) {
        guard let index = instanceIndices[name] else { return }
        reset(name)
        instances[index].state = .running(waitingFor: nil)
        running.append(name)
        change(wave) { $0.running += 1 }
    }

    /// Takes an instance out of the count of those that are worked on, or have ended.
    private mutating func reset(_ name: String) {
        guard let index = instanceIndices[name] else { return }
        switch instances[index].state {
        case .notReached: return
        case .running:
            running.removeAll { $0 == name }
            change(instances[index].wave) { $0.running -= 1 }
        case .finished(let result):
            change(instances[index].wave) { wave in
                let left = wave.outcomes[result.outcome, default: 1] - 1
                wave.outcomes[result.outcome] = left == 0 ? nil : left
            }
        }
        instances[index].state = .notReached
    }

    private mutating func finish(_ name: String, _ result: InstanceResult) {
        guard let index = instanceIndices[name] else { return }
        reset(name)
        // A resumed run finds an instance further than where the run began; only a result that learnt nothing leaves it at that.
        if result.from != nil || result.to != nil || !result.applied.isEmpty { instances[index].from = result.from }
        instances[index].applied = result.applied
        instances[index].state = .finished(result)
        change(instances[index].wave) { $0.outcomes[result.outcome, default: 0] += 1 }
        if !result.outcome.isGood { lastFailures = (lastFailures + [name]).suffix(8) }
    }

    private mutating func setWaiting(_ reason: String?, _ index: Int) {
        if case .running = instances[index].state { instances[index].state = .running(waitingFor: reason) }
    }

    private mutating func change(_ wave: String, _ body: (inout WaveReport) -> Void) {
        if let index = waveIndices[wave] { body(&waves[index]) }
    }

    /// What is known of an instance of the run.
    public func instance(_ name: String) -> InstanceReport? { instanceIndices[name].map { instances[$0] } }

    /// How many instances have ended, well or not.
    public var finishedInstances: Int { waves.reduce(0) { $0 + $1.finished } }

    /// The outcomes and versions of all instances; those not reached count as `pending`.
    public var summary: FleetSummary {
        instances.reduce(into: FleetSummary()) { $0.add($1.outcome, version: $1.version) }
    }

    /// Every failure, grouped by its fingerprint.
    public var failureGroups: [FailureGroup] {
        FailureGroup.groups(of: instances.lazy.compactMap { instance in instance.failure.map { (instance.name, $0) } })
    }

    /// How long the run took, or has taken at that time.
    public func duration(at now: Date) -> Duration {
        guard let startedAt else { return .zero }
        return .milliseconds(Int64(max(0, (finishedAt ?? now).timeIntervalSince(startedAt)) * 1000))
    }
}
