import ConvoyFleet
import ConvoyText
public import FoundationEssentials

/// What has happened in a run: the fold over its events that progress, reports, requests and a resumed run are read from.
///
///     var log = RunLog()
///     for try await event in fleet.run(plan) { log.apply(event) }
///     print(log.status, log.instances.filter { !$0.outcome.isGood }.map(\.name))
///
/// An event about an instance or a wave that the run did not announce is passed over.
public struct RunLog: Sendable {
    /// The run's id; empty before it has begun.
    public private(set) var run = ""
    /// The fleet's name.
    public private(set) var fleet = ""
    /// How the run ended; nil while it is active, and if it was cut off.
    public private(set) var status: RunEnding?
    /// Nil before the run has begun.
    public private(set) var startedAt: Date?
    /// Nil while it is active.
    public private(set) var finishedAt: Date?
    /// Why the fleet was halted: a stop rule, a gate, a hook or the journal. Nil if it was not, and after the run was resumed.
    public private(set) var haltReason: HaltReason?
    /// Whether the operator asked to stop.
    public private(set) var isStopping = false
    /// Whether the operator asked again, and what runs is cancelled.
    public private(set) var isCancelling = false
    /// Until when nothing new starts, because the run is outside the maintenance window; nil inside it.
    public private(set) var closedUntil: Date?
    /// The gate that the run waits at; nil if it waits at none. A halt and a stop request end the wait: an approval would have no effect.
    public private(set) var gate: GateLog?
    /// The servers on which no instance starts until they are resumed, with the person who paused each, as `user@host`.
    public private(set) var pausedServers: [String: String] = [:]
    /// When each of these was paused.
    package private(set) var pausedSince: [String: Date] = [:]
    /// Who approved gates, paused and unpaused servers, and resumed the run, the newest last.
    package private(set) var operatorActions: [OperatorAction] = []
    /// In the order in which they run.
    public private(set) var waves: [WaveLog] = []
    /// In the order of the waves.
    public private(set) var instances: [InstanceLog] = []
    /// The instances that are in progress, in the order in which they were started.
    public var running: [String] { inProgress.names }
    /// The instances that failed last, the newest last; only a few.
    package private(set) var lastFailures: [String] = []
    /// When a failure was first seen in the run, by fingerprint.
    package private(set) var failuresFirstSeen: [String: Date] = [:]
    /// The instances whose change has ended at least once, in the order in which it first did.
    package private(set) var ended: [String] = []
    /// Whether the `before_run` hook succeeded, and what it did is not undone yet.
    package private(set) var isPrepared = false
    /// The span of another program to whose trace the run belongs; nil if its trace is its own.
    package private(set) var traceParent: String?
    /// How often the run was resumed.
    package private(set) var resumptions = 0
    /// Why the run stays halted, or was halted the last time; see ``standingReason``.
    private var lastHaltReason: HaltReason?
    private var lastEventAt: Date?
    private var inProgress = NamesInProgress()
    private var waveIndices: [String: Int] = [:]
    private var instanceIndices: [String: Int] = [:]

    /// A run that has not begun.
    public init() {}

    /// A run that has not begun, with the waves of its recorded plan: then its instances are known although the event that announces them is damaged.
    package init(announcing waves: [PlannedWave]) {
        for wave in waves { announce(wave) }
    }

    /// Whether nothing has happened yet.
    package var isEmpty: Bool { lastEventAt == nil }

    /// The same without its instances: what describes the run as a whole. It is small however large the fleet is.
    package var withoutInstances: RunLog {
        var log = self
        (log.instances, log.instanceIndices, log.ended) = ([], [:], [])
        return log
    }

    /// Takes in what happened, in the order in which it did.
    public mutating func apply(_ event: Event) {
        if case .runResumed = event.kind { closeProcess() }
        if let action = action(in: event) { operatorActions = Array((operatorActions + [action]).suffix(OperatorAction.most)) }
        defer { lastEventAt = event.at }
        switch event.kind {
        case .runStarted(let run, let fleet, let waves):
            self.run = run
            self.fleet = fleet
            startedAt = startedAt ?? event.at
            for wave in waves { announce(wave) }
        case .runResumed:
            // What was in progress when the process before this one ended is started again.
            for name in running { reset(name) }
            resumptions += 1
            lastHaltReason = standingReason
            (status, finishedAt, haltReason, gate, closedUntil) = (nil, nil, nil, nil, nil)
            (isStopping, isCancelling) = (false, false)
        case .traceJoined(let parent): traceParent = traceParent ?? parent
        case .runFinished(let status):
            self.status = status
            finishedAt = event.at
            gate = nil
        case .halted(let reason):
            (haltReason, gate) = (reason, nil)
            lastHaltReason = reason
        case .stopRequested: (isStopping, gate) = (true, nil)
        case .cancelRequested: (isCancelling, gate) = (true, nil)
        case .windowClosed(let until): closedUntil = until
        case .windowOpened: closedUntil = nil
        case .serverPaused(let server, let by):
            // A resumed run announces its pauses again.
            if pausedServers.updateValue(by, forKey: server) == nil { pausedSince[server] = event.at }
        case .serverResumed(let server, _): (pausedServers[server], pausedSince[server]) = (nil, nil)
        case .hookFinished(let hook): apply(hook)
        case .instanceWarned, .budgetChanged: break
        case .waveStarted, .waveFinished, .gateOpened, .gateWaiting, .approved, .gatePassed, .gateFailed: applyToWave(event)
        case .instanceStarted, .instancePlanned, .instanceWaiting, .migrationApplied, .instanceProgress, .instanceFinished,
            .rollbackStarted, .rollbackFinished:
            applyToInstance(event)
        }
    }

    private mutating func announce(_ wave: PlannedWave) {
        guard waveIndices[wave.name] == nil else { return }
        waveIndices[wave.name] = waves.count
        waves.append(WaveLog(wave))
        for name in wave.instances {
            add(name)
            change(name) { $0.wave = wave.name }
        }
    }

    /// Makes room for an instance that the run did not announce, so that events about it count; it belongs to no wave.
    package mutating func add(_ instance: String) {
        guard instanceIndices[instance] == nil else { return }
        instanceIndices[instance] = instances.count
        instances.append(InstanceLog(name: instance))
    }

    private mutating func apply(_ hook: HookResult) {
        switch hook.point {
        case .beforeRun: if hook.problem == nil { isPrepared = true }
        // What it undid has to be done again before the run continues.
        case .afterRun: isPrepared = false
        case .beforeWave: if hook.problem == nil, let wave = hook.wave { reach(wave, .prepared) }
        case .afterWave: if hook.problem == nil, let wave = hook.wave { reach(wave, .closed) }
        case .beforeInstance, .afterInstance: break
        }
    }

    // MARK: Waves and gates

    private mutating func applyToWave(_ event: Event) {
        switch event.kind {
        case .waveStarted(let name):
            reach(name, .started)
            change(wave: name) { $0.startedAt = $0.startedAt ?? event.at }
        case .waveFinished(let name):
            reach(name, .finished)
            change(wave: name) { $0.finishedAt = event.at }
        case .gateOpened(let wave):
            gate = GateLog(wave: wave, openedAt: event.at)
            change(wave: wave) {
                $0.gateOpenedAt = $0.gateOpenedAt ?? event.at
                $0.gateWatchedSince = event.at
            }
        case .gateWaiting(let wave, let reason): if gate?.wave == wave { gate?.waitingFor = reason }
        case .approved(let wave, let by):
            if gate?.wave == wave { gate?.isApproved = true }
            change(wave: wave) { $0.approvedBy = by }
        case .gatePassed(let wave):
            gate = nil
            reach(wave, .gatePassed)
        case .gateFailed(let wave, _):
            gate = nil
            // The next look at it starts anew.
            change(wave: wave) { ($0.gateWatchedSince, $0.soaked, $0.approvedBy) = (nil, 0, nil) }
        default: break
        }
    }

    /// The process that watched the gates has ended; what it watched of a soak counts.
    private mutating func closeProcess() {
        for index in waves.indices {
            waves[index].soaked = soakedSeconds(waves[index])
            waves[index].gateWatchedSince = nil
        }
    }

    private func soakedSeconds(_ wave: WaveLog) -> Double {
        let last = wave.gateWatchedSince.flatMap { since in lastEventAt?.timeIntervalSince(since) } ?? 0
        return wave.soaked + max(0, last)
    }

    /// How long the soak of a wave's gate was already watched, in seconds. Time without a process of the run does not count, nor time after the last
    /// event.
    package func soakedSeconds(_ wave: String) -> Double { self.wave(wave).map(soakedSeconds) ?? 0 }

    private mutating func reach(_ wave: String, _ milestone: WaveLog.Milestones) {
        change(wave: wave) { $0.milestones.insert(milestone) }
    }

    private mutating func change(wave: String, _ body: (inout WaveLog) -> Void) {
        if let index = waveIndices[wave] { body(&waves[index]) }
    }

    // MARK: Instances

    private mutating func applyToInstance(_ event: Event) {
        switch event.kind {
        case .instanceStarted(let name, _):
            start(name, at: event.at)
            change(name) { $0.footprint = $0.footprint ?? InstanceLog.Footprint() }
        case .rollbackStarted(let name, _):
            start(name, at: event.at)
            change(name) {
                $0.isReturning = true
                $0.rollback = $0.rollback ?? InstanceLog.Rollback()
            }
        case .instancePlanned(let name, let from, let pending):
            change(name) {
                $0.from = from
                $0.pending = pending
                $0.appliedBeforePlan = $0.applied.count
                if $0.footprint?.start == nil { $0.footprint?.start = InstanceStart(version: from, pending: pending) }
                $0.step(at: event.at)
                $0.wait(for: nil)
            }
        case .instanceWaiting(let name, let reason, _): change(name) { $0.wait(for: reason) }
        case .migrationApplied(let name, let migration):
            change(name) {
                $0.applied.append(migration)
                $0.footprint?.applied.append(migration)
                $0.step(at: event.at)
                $0.wait(for: nil)
            }
        case .instanceProgress(let name, let activity):
            change(name) {
                $0.activity = activity
                if activity != nil { $0.wait(for: nil) }
            }
        case .instanceFinished(let name, let result):
            finish(name, result, at: event.at)
            if instance(name).map({ $0.change == nil }) == true { ended.append(name) }
            change(name) {
                $0.change = result
                if !result.standing.isEmpty { $0.hasChanged = true }
                if result.outcome == .unknown { $0.wasUnknown = true }
                if result.outcome.isSettled { $0.footprint = nil }
            }
        case .rollbackFinished(let name, let result):
            finish(name, result, at: event.at)
            change(name) { $0.rollback = InstanceLog.Rollback(outcome: result.outcome) }
        default: break
        }
    }

    private mutating func start(_ name: String, at now: Date) {
        guard let index = instanceIndices[name] else { return }
        reset(name)
        instances[index].state = .running(waitingFor: nil)
        instances[index].startedAt = instances[index].startedAt ?? now
        instances[index].finishedAt = nil
        instances[index].isReturning = false
        // Until it is probed again.
        instances[index].pending = nil
        instances[index].step(at: now)
        inProgress.append(name)
        changeWave(of: index) { $0.running += 1 }
    }

    /// Takes an instance out of the count of those that are in progress, or have ended.
    private mutating func reset(_ name: String) {
        guard let index = instanceIndices[name] else { return }
        switch instances[index].state {
        case .notReached: return
        case .running:
            inProgress.remove(name)
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
        instances[index].lastResult = result
        instances[index].finishedAt = now
        instances[index].activity = nil
        changeWave(of: index) { $0.outcomes[result.outcome, default: 0] += 1 }
        if let fingerprint = result.failure?.fingerprint, failuresFirstSeen[fingerprint] == nil { failuresFirstSeen[fingerprint] = now }
        if !result.judgedOutcome.isGood { lastFailures = (lastFailures + [name]).suffix(8) }
    }

    private mutating func change(_ name: String, _ body: (inout InstanceLog) -> Void) {
        if let index = instanceIndices[name] { body(&instances[index]) }
    }

    private mutating func changeWave(of index: Int, _ body: (inout WaveLog) -> Void) {
        if let wave = instances[index].wave { change(wave: wave, body) }
    }
}

extension InstanceLog {
    fileprivate mutating func wait(for reason: String?) {
        if case .running = state { state = .running(waitingFor: reason) }
    }
}

// MARK: - What is read from it

extension RunLog {
    /// What the run has done to an instance; nil if the run does not have it.
    public func instance(_ name: String) -> InstanceLog? { instanceIndices[name].map { instances[$0] } }

    /// How far the run is with a wave; nil if the run does not have it.
    public func wave(_ name: String) -> WaveLog? { waveIndices[name].map { waves[$0] } }

    /// The place of a wave in ``waves``.
    package func place(ofWave name: String) -> Int? { waveIndices[name] }

    /// How many instances have ended, successfully or not.
    public var finishedInstances: Int { waves.reduce(0) { $0 + $1.finished } }

    /// How long the run took, or has taken at that time.
    public func duration(at now: Date) -> Duration {
        guard let startedAt else { return .zero }
        return startedAt.duration(to: finishedAt ?? now)
    }

    /// Whether an instance ended so that a resumed run does not start it again.
    package func isSettled(_ instance: String) -> Bool { self.instance(instance)?.lastResult?.outcome.isSettled == true }

    /// How many instances ended so.
    package var settledInstances: Int { instances.count { $0.lastResult?.outcome.isSettled == true } }

    /// Instances that were begun, or whose rollback was, and that did not finish: their app may be down.
    package var unfinished: Set<String> { Set(instances.lazy.filter { $0.owesRollback || $0.footprint != nil }.map(\.name)) }

    /// Instances whose rollback was begun and has not come to an end.
    package var owedRollbacks: Set<String> { Set(instances.lazy.filter(\.owesRollback).map(\.name)) }

    /// Whether an instance was in progress and its end is not known, so that the cause of the halt may have changed.
    private var hasUnknowns: Bool { instances.contains { $0.outcome == .unknown } }

    /// Why a resumed run stays halted; nil if it does not. Causes that an operator can fix are tried again: a hook, the journal, a missing approval, or a
    /// gate that has not caused rollbacks.
    package var standingReason: HaltReason? {
        switch lastHaltReason {
        case nil, .hookFailed, .journalFailed, .notApproved: nil
        case .gateFailed: instances.contains { $0.rollback != nil } ? lastHaltReason : nil
        case .failures, .failurePercent, .sameFailure, .unreachablePercent, .nothingReached, .onFailure: lastHaltReason
        }
    }

    /// Why a halted run cannot be resumed: no rollback is owed and no outcome unknown, so it would stay halted. Nil if it can.
    package var finalReason: HaltReason? { owedRollbacks.isEmpty && !hasUnknowns ? standingReason : nil }
}
