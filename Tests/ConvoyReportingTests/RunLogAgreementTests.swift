import ConvoyFleet
import ConvoyMigrations
import FoundationEssentials
import Testing

@testable import ConvoyReporting
@testable import ConvoyRollout
@testable import ConvoyRun

/// The folds that `RunLog` replaces, beside it.
struct RunLogAgreementTests {
    private static let names = ["a", "b", "c", "d", "e"]
    private static let waves = [PlannedWave(name: "one", instances: ["a", "b"]), PlannedWave(name: "two", instances: ["c", "d", "e"])]

    @Test(arguments: 0..<400) func agree(_ seed: Int) throws {
        var numbers = Numbers(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1)
        var (log, report, past, gate) = (RunLog(), FleetReport(), RunPast(), OpenGate())
        var time = 1000.0
        var event = Event(at: Date(timeIntervalSince1970: time), .runStarted(run: "r", fleet: "f", waves: Self.waves))
        for _ in 0..<120 {
            log.apply(event)
            report.apply(event)
            past.apply(event)
            gate.apply(event.kind)
            try compare(log, report, past, gate)
            time += Double(numbers.below(4))
            event = Event(at: Date(timeIntervalSince1970: time), kind(&numbers, openGate: log.gate?.wave))
            // No rollback ends that was not begun.
            if case .rollbackFinished(let name, _) = event.kind, log.instance(name)?.rollback == nil { event.kind = .windowOpened }
        }
    }

    private func compare(_ log: RunLog, _ report: FleetReport, _ past: RunPast, _ gate: OpenGate) throws {
        try #require(log.run == report.run && log.fleet == report.fleet && log.status == report.status)
        try #require(log.startedAt == report.startedAt && log.finishedAt == report.finishedAt && log.haltReason == report.haltReason)
        try #require(log.isStopping == report.isStopping && log.isCancelling == report.isCancelling)
        try #require(log.closedUntil == report.closedUntil && Set(log.pausedServers.keys) == report.pausedServers)
        try #require(log.running == report.running && log.lastFailures == report.lastFailures)
        try #require(log.gate?.wave == gate.wave && log.gate?.wave == report.gate?.wave && log.gate?.openedAt == report.gate?.openedAt)
        try #require(log.gate?.waitingFor == report.gate?.waitingFor && log.gate?.isApproved == report.gate?.isApproved)
        for (new, old) in zip(log.waves, report.waves) {
            try #require(new.name == old.name)
            try #require(new.instances == old.instances)
            try #require(new.running == old.running)
            try #require(new.outcomes == old.outcomes)
            try #require(new.startedAt == old.startedAt && new.finishedAt == old.finishedAt && new.gateOpenedAt == old.gateOpenedAt)
            try #require(log.soakedSeconds(new.name) == past.soakedSeconds(new.name) && new.approvedBy == past.approvals[new.name])
        }
        for (new, old) in zip(log.instances, report.instances) {
            try #require(new.name == old.name && new.wave == old.wave && new.from == old.from && new.pending == old.pending)
            try #require("\(new.state)" == "\(old.state)" && new.applied == old.applied && new.appliedBeforePlan == old.appliedBeforePlan)
            try #require(new.isReturning == old.isReturning && new.startedAt == old.startedAt && new.finishedAt == old.finishedAt)
            try #require(new.steppedAt == old.steppedAt && new.activity == old.activity && new.current == old.current)
            try #require(new.lastResult == past.results[new.name] && log.isSettled(new.name) == past.isSettled(new.name))
            try #require((new.footprint == nil) == (past.underWay[new.name] == nil))
            try #require(new.footprint?.applied == past.underWay[new.name]?.applied)
            try #require(new.footprint?.start?.pending == past.underWay[new.name]?.planned?.pending)
            try #require(new.footprint?.start.map(\.version) == past.underWay[new.name]?.planned.map(\.from))
        }
        try #require(log.startedAt == past.startedAt && log.status == past.status && log.isPrepared == past.isPrepared)
        try #require(log.pausedServers == past.pausedServers)
        try #require(log.unfinished == past.unfinished)
        try #require(log.owedRollbacks == past.owedRollbacks)
        try #require(log.settledInstances == past.settledInstances && log.standingReason == past.standingReason)
        try #require(log.finalReason == past.finalReason)
        for change in [Change.up(to: nil), .downSteps(1)] {
            var plan = RolloutPlan(fleet: "f", change: change, waves: [], limits: ConnectionLimits(total: 1, perServer: 1))
            plan.waves = [.init(name: "one", instances: [], onFailure: .rollbackWave), .init(name: "two", instances: [])]
            let (new, old) = (log.progress(in: plan), past.progress(in: plan))
            try #require(new.waves == old.waves && new.rollbacks == old.rollbacks && new.haltReason == old.haltReason)
            let (newHistory, oldHistory) = (RunHistory(new), RunHistory(old))
            try #require(newHistory.settledInstances == oldHistory.settledInstances)
            for name in Self.names {
                try #require(newHistory.settled(name) == oldHistory.settled(name))
                try #require(newHistory.isChanged(name) == oldHistory.isChanged(name))
            }
        }
    }

    private func kind(_ numbers: inout Numbers, openGate: String?) -> Event.Kind {
        let name = Self.names[numbers.below(5)]
        let wave = ["a", "b"].contains(name) ? "one" : "two"
        switch numbers.below(31) {
        case 0, 1, 2: return .instanceStarted(instance: name, wave: wave)
        case 3, 4:
            return .instancePlanned(
                instance: name,
                from: numbers.below(2) == 0 ? nil : MigrationVersion(1),
                pending: [MigrationVersion(2), MigrationVersion(3)]
            )
        case 5, 6: return .migrationApplied(instance: name, migration: migration(&numbers))
        case 7, 8, 9: return .instanceFinished(instance: name, result: result(&numbers))
        case 10: return .instanceWaiting(instance: name, reason: "a lock")
        case 11: return .instanceProgress(instance: name, activity: nil)
        case 12: return .instanceWarned(instance: name, message: "w")
        case 13: return .rollbackStarted(instance: name, wave: wave)
        case 14: return .rollbackFinished(instance: name, result: result(&numbers))
        case 15: return .waveStarted(wave: wave)
        case 16: return .waveFinished(wave: wave)
        case 17: return .gateOpened(wave: wave)
        case 18: return openGate.map { .gateWaiting(wave: $0, reason: "an approval") } ?? .windowOpened
        case 19: return .approved(wave: wave, by: "me@here")
        case 20: return .gatePassed(wave: wave)
        case 21: return .gateFailed(wave: wave, reason: "no")
        case 22:
            let point = HookPoint.allCases[numbers.below(HookPoint.allCases.count)]
            let problem = numbers.below(2) == 0 ? nil : "exit code 1"
            return .hookFinished(
                HookResult(point: point, wave: wave, instance: nil, duration: .zero, problem: problem, output: "")
            )
        case 23: return .serverPaused(server: name, by: "me@here")
        case 24: return .serverResumed(server: name, by: "me@here")
        case 25: return .windowClosed(until: Date(timeIntervalSince1970: 5000))
        case 26: return .runResumed(by: "me@here")
        case 27: return .halted(halt(&numbers, wave))
        case 28: return .stopRequested
        case 29: return .runFinished(status: .halted)
        default: return .budgetChanged(server: "s", connections: 1)
        }
    }

    private func halt(_ numbers: inout Numbers, _ wave: String) -> HaltReason {
        switch numbers.below(4) {
        case 0: .failures(wave: wave, limit: 1, instances: [])
        case 1: .gateFailed(wave: wave, reason: "no")
        case 2: .journalFailed(reason: "full")
        default: .nothingReached(wave: wave)
        }
    }

    private func migration(_ numbers: inout Numbers) -> AppliedMigration {
        AppliedMigration(
            version: MigrationVersion(numbers.below(2) == 0 ? 2 : 3),
            direction: numbers.below(3) == 0 ? .down : .up,
            duration: .seconds(1)
        )
    }

    private func result(_ numbers: inout Numbers) -> InstanceResult {
        let outcome = Outcome.allCases[numbers.below(Outcome.allCases.count)]
        return InstanceResult(
            outcome: outcome,
            from: numbers.below(2) == 0 ? nil : MigrationVersion(1),
            to: numbers.below(2) == 0 ? nil : MigrationVersion(3),
            applied: (0..<numbers.below(3)).map { _ in migration(&numbers) },
            failure: outcome.isGood ? nil : Failure(outcome, "no")
        )
    }
}

private struct Numbers {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(limit))
    }
}
