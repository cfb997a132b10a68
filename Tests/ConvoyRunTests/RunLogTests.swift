import ConvoyMigrations
import FoundationEssentials
import Testing

@testable import ConvoyRun

/// The fold over the events of a run.
struct RunLogTests {
    private let waves = [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: ["bob", "carol"])]

    private func log(_ kinds: Event.Kind..., from start: RunLog = RunLog()) -> RunLog {
        kinds.enumerated().reduce(into: start) { $0.apply(Event(at: Date(timeIntervalSince1970: Double($1.offset)), $1.element)) }
    }

    private var started: Event.Kind { .runStarted(run: "r", fleet: "f", waves: waves) }

    @Test func whatWavesAndInstancesDid() {
        let applied = AppliedMigration(version: MigrationVersion(2), direction: .up, duration: .seconds(1))
        let log = log(
            started,
            .waveStarted(wave: "canary"),
            .instanceStarted(instance: "alice", wave: "canary"),
            .instancePlanned(instance: "alice", from: MigrationVersion(1), pending: [MigrationVersion(2), MigrationVersion(3)]),
            .migrationApplied(instance: "alice", migration: applied)
        )
        #expect(log.running == ["alice"])
        #expect(log.wave("canary")?.running == 1)
        #expect(log.instance("alice")?.current == MigrationVersion(3))
        #expect(log.instance("alice")?.outcome == .pending)
        #expect(log.unfinished == ["alice"])
        let ended = self.log(
            .instanceFinished(instance: "alice", result: InstanceResult(outcome: .failed, applied: [applied])),
            .runFinished(status: .failed),
            from: log
        )
        #expect(ended.running.isEmpty && ended.unfinished.isEmpty)
        #expect(ended.wave("canary")?.outcomes == [.failed: 1])
        #expect(ended.wave("rest")?.allOutcomes == [.pending: 2])
        #expect(ended.instance("alice")?.hasChanged == true)
        #expect(ended.isSettled("alice") && !ended.isSettled("bob"))
        #expect(ended.status == .failed)
    }

    @Test func whoDidWhatIsKept() {
        let log = log(
            started,
            .gateOpened(wave: "canary"),
            .approved(wave: "canary", by: "bea"),
            .approved(wave: "nowhere", by: "eve"),
            .serverPaused(server: "eu-1", by: "ann"),
            .runResumed(by: "cleo"),
            // A resumed run announces its pauses again.
            .serverPaused(server: "eu-1", by: "ann"),
            .serverResumed(server: "eu-1", by: "dora"),
            .serverResumed(server: "eu-2", by: "eve")
        )
        let kinds: [OperatorAction.Kind] = [.approved(wave: "canary"), .paused(server: "eu-1"), .resumed, .unpaused(server: "eu-1")]
        #expect(log.operatorActions.map(\.kind) == kinds)
        #expect(log.operatorActions.map(\.by) == ["bea", "ann", "cleo", "dora"])
        #expect(log.operatorActions.map(\.at.timeIntervalSince1970) == [2, 4, 5, 7])
        let resumed = (0..<150).reduce(into: log) { log, number in
            log.apply(Event(at: Date(timeIntervalSince1970: 10), .runResumed(by: "\(number)")))
        }
        #expect(resumed.operatorActions.count == 100 && resumed.operatorActions.last?.by == "149")
    }

    /// After any of these an approval would have no effect.
    @Test(arguments: [
        Event.Kind.gatePassed(wave: "canary"), .gateFailed(wave: "canary", reason: "no"), .halted(.nothingReached(wave: "canary")),
        .stopRequested, .cancelRequested, .runResumed(by: "me@here"), .runFinished(status: .interrupted),
    ])
    func whatClosesTheGate(_ kind: Event.Kind) {
        let open = log(started, .gateOpened(wave: "canary"), .gateWaiting(wave: "canary", reason: "an approval"))
        #expect(open.gate?.waitingFor == "an approval")
        let closed = log(kind, .gateWaiting(wave: "canary", reason: "its soak"), from: open)
        #expect(closed.gate == nil)
    }

    /// The time in which no process watched the gate does not count.
    @Test func theSoakThatWasWatched() {
        var log = RunLog()
        for (second, kind) in [
            (0.0, started), (10, .gateOpened(wave: "canary")), (40, .gateWaiting(wave: "canary", reason: "its soak")),
            (500, .runResumed(by: "me@here")), (510, .gateOpened(wave: "canary")), (515, .instanceWarned(instance: "alice", message: "")),
        ] { log.apply(Event(at: Date(timeIntervalSince1970: second), kind)) }
        #expect(log.soakedSeconds("canary") == 35)
        #expect(log.soakedSeconds("rest") == 0)
    }

    /// The plan of the run has its waves too.
    @Test func theFirstEventIsDamaged() {
        let result = InstanceResult(outcome: .rolledBack)
        var log = log(
            .waveStarted(wave: "canary"),
            .instanceStarted(instance: "alice", wave: "canary"),
            .instanceFinished(instance: "alice", result: result),
            .instanceStarted(instance: "bob", wave: "rest"),
            from: RunLog(announcing: waves)
        )
        #expect(log.startedAt == nil && !log.isEmpty)
        #expect(log.isSettled("alice"))
        #expect(log.unfinished == ["bob"])
        // A process that resumes the run writes it again.
        log = self.log(started, .runResumed(by: "me@here"), from: log)
        #expect(log.run == "r" && log.instances.map(\.name) == ["alice", "bob", "carol"])
        #expect(log.isSettled("alice"))
        #expect(log.unfinished == ["bob"])
    }

    @Test func whatTheRunDidNotAnnounceIsPassedOver() {
        let log = log(
            started,
            .waveStarted(wave: "other"),
            .instanceStarted(instance: "mallory", wave: "other"),
            .instanceFinished(instance: "mallory", result: InstanceResult(outcome: .failed)),
            .rollbackStarted(instance: "mallory", wave: "other"),
            .rollbackFinished(instance: "mallory", result: InstanceResult(outcome: .failed)),
            .gatePassed(wave: "other")
        )
        #expect(log.instances.map(\.name) == ["alice", "bob", "carol"])
        #expect(log.waves.map(\.name) == ["canary", "rest"])
        #expect(log.running.isEmpty && log.ended.isEmpty && log.unfinished.isEmpty)
    }
}
