internal import ConvoyFleet
import ConvoyMigrations
package import ConvoyRun
package import FoundationEssentials

/// What an earlier process did in a run: a fold over the events in the journal, for the process that resumes it.
///
///     var past = RunPast()
///     for event in events { past.apply(event) }
package struct RunPast: Sendable {
    /// When the run began; nil before its first event.
    package private(set) var startedAt: Date?
    /// How instances ended that need not be started again, and those that do.
    package private(set) var results: [String: InstanceResult] = [:]
    /// Servers that were paused and not resumed.
    package private(set) var pausedServers: [String: String] = [:]
    /// Whether the run has come to an end, and how.
    package private(set) var status: RunStatus?
    /// Why it was halted the last time.
    package private(set) var haltReason: HaltReason?

    /// Instances that were started and have not finished: what they had done is read from the database.
    private(set) var underWay: [String: Footprint] = [:]
    /// When the gate of a wave was opened last.
    private var gatesOpened: [String: Date] = [:]
    /// How long each gate's soak was watched by processes before the last one.
    private var soaked: [String: Double] = [:]
    private var lastEventAt: Date?
    /// The person who approved the gate of a wave.
    private(set) var approvals: [String: String] = [:]
    private(set) var isPrepared = false
    private var milestones: [String: RolloutMachine.Progress.Milestones] = [:]
    private var finishes: [RolloutMachine.Finish] = []
    private var rollbacks: [String: Outcome] = [:]
    private var rollbacksBegun: Set<String> = []

    /// What is known of an instance that was started and has not finished.
    struct Footprint: Sendable {
        /// What the first probe found; nil if the instance was not probed.
        var planned: (from: MigrationVersion?, pending: [MigrationVersion])?
        /// What it had reported.
        var applied: [AppliedMigration] = []
    }

    /// A run that has not begun.
    package init() {}

    /// Takes in what happened, in the order in which it did.
    package mutating func apply(_ event: Event) {
        if case .runResumed = event.kind {
            for wave in gatesOpened.keys { soaked[wave] = soakedSeconds(wave) }
            gatesOpened = [:]
        }
        lastEventAt = event.at
        switch event.kind {
        case .runStarted: startedAt = startedAt ?? event.at
        case .waveStarted(let wave): reach(wave, .started)
        case .waveFinished(let wave): reach(wave, .finished)
        case .instanceStarted(let name, _): underWay[name] = underWay[name] ?? Footprint()
        case .instancePlanned(let name, let from, let pending):
            if underWay[name]?.planned == nil { underWay[name]?.planned = (from, pending) }
        case .migrationApplied(let name, let migration): underWay[name]?.applied.append(migration)
        case .instanceFinished(let name, let result):
            results[name] = result
            if result.outcome.isSettled { underWay[name] = nil }
            finishes.append(RolloutMachine.Finish(name, result))
        case .rollbackFinished(let name, let result):
            results[name] = result
            rollbacks[name] = result.outcome
        case .gateOpened(let wave): gatesOpened[wave] = event.at
        case .approved(let wave, let by): approvals[wave] = by
        case .gatePassed(let wave): reach(wave, .gatePassed)
        case .gateFailed(let wave, _):
            // The next probe of it starts anew.
            (gatesOpened[wave], soaked[wave], approvals[wave]) = (nil, nil, nil)
        case .hookFinished(let hook) where hook.problem == nil:
            switch hook.point {
            case .beforeRun: isPrepared = true
            case .beforeWave: hook.wave.map { reach($0, .prepared) }
            case .afterWave: hook.wave.map { reach($0, .closed) }
            // What it undid has to be done again before the run continues.
            case .afterRun: isPrepared = false
            case .beforeInstance, .afterInstance: break
            }
        case .serverPaused(let server, let by): pausedServers[server] = by
        case .serverResumed(let server, _): pausedServers[server] = nil
        case .halted(let reason): haltReason = reason
        case .runResumed: (status, haltReason) = (nil, standingReason)
        case .runFinished(let status): self.status = status
        case .hookFinished(let hook): if hook.point == .afterRun { isPrepared = false }
        case .rollbackStarted(let name, _): rollbacksBegun.insert(name)
        case .instanceWaiting, .instanceProgress, .instanceWarned, .gateWaiting, .budgetChanged, .windowClosed, .windowOpened,
            .stopRequested, .cancelRequested:
            break
        }
    }

    private mutating func reach(_ wave: String, _ milestone: RolloutMachine.Progress.Milestones) {
        milestones[wave, default: []].insert(milestone)
    }

    /// How long the soak of a wave's gate was already watched. Time without a running process does not count, nor time after the last
    /// event.
    func soakedSeconds(_ wave: String) -> Double {
        let last = gatesOpened[wave].flatMap { opened in lastEventAt?.timeIntervalSince(opened) } ?? 0
        return soaked[wave, default: 0] + max(0, last)
    }

    /// Whether an instance ended so that it is not started again.
    package func isSettled(_ instance: String) -> Bool { results[instance]?.outcome.isSettled == true }

    /// Instances that were begun, or whose rollback was, and that did not finish: their app may be down.
    package var unfinished: Set<String> { owedRollbacks.union(underWay.keys) }

    /// Whether an instance was worked on and its end is not known, so that the cause of the halt may have changed.
    package var hasUnknowns: Bool { results.values.contains { $0.outcome == .unknown } }

    /// How many instances ended so.
    package var settledInstances: Int { results.values.count { $0.outcome.isSettled } }

    /// Instances whose rollback was begun and has not come to an end.
    package var owedRollbacks: Set<String> { rollbacksBegun.subtracting(rollbacks.filter(\.value.isSettled).keys) }

    /// Why a resumed run stays halted. Causes that an operator can fix are tried again: a hook, the journal, or a gate that has not caused
    /// rollbacks.
    package var standingReason: HaltReason? {
        switch haltReason {
        case nil, .hookFailed, .journalFailed: nil
        case .gateFailed: rollbacksBegun.isEmpty ? nil : haltReason
        case .failures, .failurePercent, .sameFailure, .unreachablePercent, .nothingReached, .onFailure: haltReason
        }
    }

    /// Why a halted run cannot be resumed: no rollback is owed and no outcome unknown, so it would stay halted. Nil if it can.
    package var finalReason: HaltReason? { owedRollbacks.isEmpty && !hasUnknowns ? standingReason : nil }

    /// What the rules need to continue. They decide for themselves whether a stop rule is still broken, now that `unknown` outcomes have
    /// become facts; only a wave that was to be rolled back stays halted for its first reason.
    func progress(in plan: RolloutPlan) -> RolloutMachine.Progress {
        let wave = standingReason?.badWave.flatMap { name in plan.waves.first { $0.name == name } }
        var finishes = finishes
        if plan.change.direction == .up {
            // More may have been applied there than was heard of.
            for index in finishes.indices where finishes[index].outcome == .unknown { finishes[index].isChanged = true }
        }
        return RolloutMachine.Progress(
            waves: milestones,
            finishes: finishes
                + (plan.change.direction == .down ? [] : underWay.keys.sorted()).map {
                    RolloutMachine.Finish($0, .interrupted, isChanged: true)
                },
            rollbacks: rollbacks,
            haltReason: wave?.onFailure == .rollbackWave ? standingReason : nil
        )
    }
}

extension RolloutMachine.Finish {
    init(_ instance: String, _ result: InstanceResult) {
        self.init(instance, result.outcome, fingerprint: result.failure?.fingerprint, isChanged: !result.standing.isEmpty)
    }
}

extension InstanceResult {
    /// The same ending with what earlier processes of the run did before it.
    ///
    /// - Parameters:
    ///   - work: what the audit log has of the whole run; nil if there is no audit log.
    ///   - footprint: what the journal has of the time before.
    ///   - direction: the run's.
    ///   - planned: what this process found pending; nil where it did not get so far, or where nothing was.
    func completed(
        by work: RunWork?,
        _ footprint: RunPast.Footprint,
        _ direction: MigrationDirection,
        planned: [MigrationVersion]?
    ) -> InstanceResult {
        var result = self
        if let work {
            result.applied = work.applied
            result.from = work.from
            result.to = work.ledger.max()
        } else {
            let told = Set((footprint.applied + applied).map(\.version))
            // Migrations that were committed and never reported: no longer pending, although the run meant to apply them. Their duration is
            // unknown.
            let untold = outcome == .upToDate || planned != nil ? (footprint.planned?.pending ?? []) : []
            let lost = untold.filter { !told.contains($0) && planned?.contains($0) != true }
            result.applied =
                footprint.applied + lost.map { AppliedMigration(version: $0, direction: direction, duration: .zero) }
                + applied
            if let planned = footprint.planned { result.from = planned.from }
        }
        if outcome == .upToDate, !result.applied.isEmpty { result.outcome = direction == .up ? .migrated : .rolledBack }
        return result
    }
}
