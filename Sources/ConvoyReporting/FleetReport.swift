package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What is known of a fleet: how its instances stand, what a run has done so far, or both. A fold over probes and the events of a run.
///
///     var report = FleetReport()
///     for event in events { report.apply(event) }
///     for status in statuses { report.apply(status, at: now) }
///
/// Live progress, every format of `status`, `report` and of a run, and the dashboard are all read from this one value.
package struct FleetReport: Sendable {
    /// The run's id; empty before it has begun, and where no run is reported on.
    package private(set) var run = ""
    /// The fleet's name.
    package private(set) var fleet = ""
    /// The version that instances are measured against: the newest of the set; nil where that is not known.
    package private(set) var target: MigrationVersion?
    /// The person who started the run, as `user@host`; nil if only its events are known.
    package private(set) var startedBy: String?
    /// Nil while the run is active.
    package private(set) var status: RunStatus?
    /// When instances were last probed; nil if they were not.
    package private(set) var lookedAt: Date?
    /// Nil before the run has begun.
    package private(set) var startedAt: Date?
    /// Nil while it is active.
    package private(set) var finishedAt: Date?
    /// Why the fleet was halted: a stop rule, a gate, a hook or the journal.
    package private(set) var haltReason: HaltReason?
    /// Whether the operator asked to stop.
    package private(set) var isStopping = false
    /// Whether the operator asked again, and what runs is cancelled.
    package private(set) var isCancelling = false
    /// Until when nothing new starts, because the run is outside the maintenance window; nil inside it.
    package private(set) var closedUntil: Date?
    /// The gate that the run waits at.
    package private(set) var gate: GateReport?
    /// The servers on which no instance starts until they are resumed.
    package private(set) var pausedServers: Set<String> = []
    /// In the order in which they run.
    package private(set) var waves: [WaveReport] = []
    /// In the order of the waves; those that no wave has come after them, in the fleet's order.
    package private(set) var instances: [InstanceReport] = []
    /// How many instances of the fleet the report does not show, because only some were selected.
    package private(set) var leftOut = 0
    /// The instances that are worked on, in the order in which they were started.
    package private(set) var running: [String] = []

    /// The instances that failed last, the newest last; only a few.
    private(set) var lastFailures: [String] = []

    /// When a failure was first seen in the run, by fingerprint.
    private var failuresFirstSeen: [String: Date] = [:]
    private var waveIndices: [String: Int] = [:]
    private var instanceIndices: [String: Int] = [:]

    /// Nothing is known yet.
    package init() {}

    /// How the instances of a fleet stand, without a run.
    ///
    /// - Parameters:
    ///   - target: the newest version of the set.
    ///   - now: when they were probed.
    package init(fleet: String, target: MigrationVersion?, statuses: [InstanceStatus], at now: Date) {
        (self.fleet, self.target, lookedAt) = (fleet, target, now)
        for status in statuses { apply(status, at: now) }
    }

    /// Takes in where the fleet file has its instances; those that the run did not announce are added.
    package mutating func apply(_ fleet: Fleet, target: MigrationVersion?, instances listed: [Instance]) {
        self.fleet = fleet.name
        self.target = target
        for instance in listed {
            let index = index(of: instance.name)
            instances[index].server = instance.server
            instances[index].database = instance.database
            instances[index].labels = instance.labels
        }
    }

    /// Takes in where an instance stands, as a probe found at that time.
    package mutating func apply(_ status: InstanceStatus, at now: Date) {
        let index = index(of: status.name)
        instances[index].server = status.server
        instances[index].database = status.database
        instances[index].labels = status.labels
        instances[index].probe = InstanceReport.Probe(status: status, at: now)
        lookedAt = now
    }

    /// Takes in what the journal knows of the run in addition to its events. Call it after the events: the first event begins a new report.
    package mutating func apply(_ record: RunRecord) { startedBy = record.startedBy }

    /// Takes in where instances stood when the run began, by name: what is known of those that it did not get to.
    package mutating func apply(starts: [String: RolloutPlan.Start]) {
        for (name, start) in starts {
            guard let index = instanceIndices[name], instances[index].state == .notReached, instances[index].pending == nil else {
                continue
            }
            instances[index].from = start.version
            instances[index].pending = start.pending
        }
    }

    /// Takes in how an instance ended in another run. The newest knowledge of an instance wins; an ending without knowledge does not count.
    package mutating func apply(elsewhere event: Event) {
        let (name, result): (String, InstanceResult)
        switch event.kind {
        case .instanceFinished(let instance, let ended), .rollbackFinished(let instance, let ended): (name, result) = (instance, ended)
        default: return
        }
        guard let index = instanceIndices[name], result.outcome.isGood || result.to != nil else { return }
        if let known = instances[index].elsewhere, known.at >= event.at { return }
        instances[index].elsewhere = InstanceReport.Ending(result: result, at: event.at)
    }

    /// Takes in the cohorts of instances, by name, as ``FleetProbe/cohorts(of:)`` finds them.
    package mutating func apply(cohorts: [String: String]) {
        for (name, cohort) in cohorts {
            if let index = instanceIndices[name] { instances[index].foundCohort = cohort }
        }
    }

    /// Takes in what happened. An event about an instance or wave that the run did not announce is passed over.
    package mutating func apply(_ event: Event) {
        switch event.kind {
        case .runStarted(let run, let fleet, let waves):
            self = FleetReport()
            self.run = run
            self.fleet = fleet
            startedAt = event.at
            for wave in waves { announce(wave) }
        case .waveStarted(let name): change(name) { $0.startedAt = $0.startedAt ?? event.at }
        case .waveFinished(let name): change(name) { $0.finishedAt = event.at }
        case .instanceWarned: break
        case .stopRequested: (isStopping, gate) = (true, nil)
        case .cancelRequested: isCancelling = true
        case .instanceStarted(let name, let wave): start(name, in: wave, at: event.at)
        case .rollbackStarted(let name, let wave):
            start(name, in: wave, at: event.at)
            if let index = instanceIndices[name] { instances[index].isReturning = true }
        case .instancePlanned(let name, let from, let pending):
            guard let index = instanceIndices[name] else { return }
            instances[index].from = from
            instances[index].pending = pending
            instances[index].appliedBeforePlan = instances[index].applied.count
            instances[index].step(at: event.at)
            setWaiting(nil, index)
        case .instanceWaiting(let name, let reason):
            guard let index = instanceIndices[name] else { return }
            setWaiting(reason, index)
        case .migrationApplied(let name, let migration):
            guard let index = instanceIndices[name] else { return }
            instances[index].applied.append(migration)
            instances[index].step(at: event.at)
            setWaiting(nil, index)
        case .instanceProgress(let name, let activity):
            guard let index = instanceIndices[name] else { return }
            instances[index].activity = activity
            if activity != nil { setWaiting(nil, index) }
        case .instanceFinished(let name, let result): finish(name, result, at: event.at)
        case .rollbackFinished(let name, let result): finish(name, result, at: event.at)
        case .gateOpened(let wave):
            gate = GateReport(wave: wave, openedAt: event.at)
            change(wave) { $0.gateOpenedAt = $0.gateOpenedAt ?? event.at }
        case .gateWaiting(let wave, let reason):
            if gate?.wave != wave { gate = GateReport(wave: wave, openedAt: event.at) }
            gate?.waitingFor = reason
        case .approved(let wave, _): if gate?.wave == wave { gate?.isApproved = true }
        case .gatePassed, .gateFailed: gate = nil
        case .serverPaused(let server, _): pausedServers.insert(server)
        case .serverResumed(let server, _): pausedServers.remove(server)
        case .windowClosed(let until): closedUntil = until
        case .windowOpened: closedUntil = nil
        case .hookFinished, .budgetChanged: break
        case .runResumed:
            // What was under way when the process before this one ended is started again.
            for name in running { reset(name) }
            (status, finishedAt, haltReason, gate, closedUntil) = (nil, nil, nil, nil, nil)
            (isStopping, isCancelling) = (false, false)
        case .halted(let reason): (haltReason, gate) = (reason, nil)
        case .runFinished(let status):
            self.status = status
            finishedAt = event.at
            gate = nil
        }
    }

    private mutating func announce(_ wave: PlannedWave) {
        waveIndices[wave.name] = waves.count
        waves.append(WaveReport(name: wave.name, instances: wave.instances.count))
        for name in wave.instances { instances[index(of: name)].wave = wave.name }
    }

    /// Where an instance is; one that is new comes last.
    private mutating func index(of name: String) -> Int {
        if let index = instanceIndices[name] { return index }
        instanceIndices[name] = instances.count
        instances.append(InstanceReport(name: name))
        return instances.count - 1
    }

    private mutating func start(_ name: String, in wave: String, at now: Date) {
        guard let index = instanceIndices[name] else { return }
        reset(name)
        instances[index].state = .running(waitingFor: nil)
        instances[index].startedAt = instances[index].startedAt ?? now
        instances[index].finishedAt = nil
        instances[index].isReturning = false
        // Until it is probed again.
        instances[index].pending = nil
        instances[index].step(at: now)
        running.append(name)
        change(wave) { $0.running += 1 }
    }

    /// Takes an instance out of the count of those that are worked on, or have ended.
    private mutating func reset(_ name: String) {
        guard let index = instanceIndices[name] else { return }
        switch instances[index].state {
        case .notReached: return
        case .running:
            if let place = running.firstIndex(of: name) { running.remove(at: place) }
            changeWave(of: index) { $0.running -= 1 }
        case .finished(let result):
            changeWave(of: index) { wave in
                let left = wave.outcomes[result.outcome, default: 1] - 1
                wave.outcomes[result.outcome] = left == 0 ? nil : left
            }
        }
        instances[index].state = .notReached
    }

    private mutating func finish(_ name: String, _ result: InstanceResult, at now: Date) {
        guard let index = instanceIndices[name] else { return }
        reset(name)
        // A resumed run finds an instance further than where the run began; only a result that learnt nothing leaves it at that.
        if result.from != nil || result.to != nil || !result.applied.isEmpty { instances[index].from = result.from }
        instances[index].applied = result.applied
        instances[index].state = .finished(result)
        instances[index].finishedAt = now
        instances[index].activity = nil
        changeWave(of: index) { $0.outcomes[result.outcome, default: 0] += 1 }
        if let fingerprint = result.failure?.fingerprint, failuresFirstSeen[fingerprint] == nil { failuresFirstSeen[fingerprint] = now }
        if !result.outcome.isGood { lastFailures = (lastFailures + [name]).suffix(8) }
    }

    private mutating func setWaiting(_ reason: String?, _ index: Int) {
        if case .running = instances[index].state { instances[index].state = .running(waitingFor: reason) }
    }

    private mutating func changeWave(of index: Int, _ body: (inout WaveReport) -> Void) {
        if let wave = instances[index].wave { change(wave, body) }
    }

    private mutating func change(_ wave: String, _ body: (inout WaveReport) -> Void) {
        if let index = waveIndices[wave] { body(&waves[index]) }
    }

    /// The same with only some of its instances, or in another order. What it reports of the run and its waves still describes the whole
    /// run.
    ///
    /// - Parameter leftOut: the number of missing instances to report.
    func showing(_ shown: [InstanceReport], leftOut: Int) -> FleetReport {
        var report = self
        report.leftOut = leftOut
        report.instances = shown
        report.instanceIndices = Dictionary(shown.enumerated().map { ($1.name, $0) }) { first, _ in first }
        return report
    }

    /// What is known of an instance.
    package func instance(_ name: String) -> InstanceReport? { instanceIndices[name].map { instances[$0] } }

    /// How many instances have ended, successfully or not.
    package var finishedInstances: Int { waves.reduce(0) { $0 + $1.finished } }

    /// The outcomes and versions of all instances; those not reached count as `pending`.
    package var summary: FleetSummary {
        instances.reduce(into: FleetSummary()) { $0.add($1.outcome, version: $1.version, isVersionKnown: $1.isVersionKnown) }
    }

    /// Every failure, grouped by its fingerprint.
    package var failureGroups: [FailureGroup] {
        var groups = FailureGroup.groups(
            of: instances.lazy.compactMap { instance in
                instance.failure.map {
                    FailureGroup.Occurrence(instance: instance.name, wave: instance.wave, at: instance.probe?.at, failure: $0)
                }
            }
        )
        for index in groups.indices {
            if let date = failuresFirstSeen[groups[index].fingerprint] { groups[index].firstSeen = date }
            groups[index].waves.sort { waveIndices[$0, default: 0] < waveIndices[$1, default: 0] }
        }
        return groups
    }

    /// How long each migration took in the run, ups before downs, by version.
    package var migrationDurations: [MigrationDurations] {
        MigrationDurations.gathered(
            instances.lazy.filter { $0.wave != nil }.flatMap { instance in instance.applied.lazy.map { (instance.name, $0) } }
        )
    }

    /// How long the run took, or has taken at that time.
    package func duration(at now: Date) -> Duration {
        guard let startedAt else { return .zero }
        return startedAt.duration(to: finishedAt ?? now)
    }
}
