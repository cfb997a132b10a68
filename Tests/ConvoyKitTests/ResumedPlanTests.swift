import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyRollout

/// A run whose fleet has lost instances since it began.
@Suite struct ResumedPlanTests {
    private let moment = Date(timeIntervalSince1970: 0)

    private func plan(gate: Gate? = nil) -> RunPlan {
        func members(_ names: String) -> [RunPlan.PlannedInstance] { instances(names).map(RunPlan.PlannedInstance.init) }
        return RunPlan(
            fleet: "eu",
            generatedAt: moment,
            change: .up(to: nil),
            waves: [
                RunPlan.Wave(name: "canary", instances: members("a"), onFailure: .rollbackWave, gate: gate.map(RunPlan.GateTerms.init)),
                RunPlan.Wave(name: "rest", instances: members("b c")),
            ]
        )
    }

    private func log(_ plan: RunPlan, _ kinds: Event.Kind...) -> RunLog {
        var log = RunLog(announcing: plan.plannedWaves)
        for kind in [.runStarted(run: "r", fleet: "eu", waves: plan.plannedWaves), .waveStarted(wave: "canary")] + kinds {
            log.apply(Event(at: moment, kind))
        }
        return log
    }

    /// The one instance of the canary failed, was rolled back, and has left the fleet: what halted the run still does.
    @Test func aHaltOutlivesTheInstancesThatCausedIt() throws {
        let plan = plan()
        let failed = InstanceResult(outcome: .failed, failure: Failure(.failed, "no"))
        let log = log(
            plan,
            .instanceStarted(instance: "a", wave: "canary"),
            .instanceFinished(instance: "a", result: failed),
            .halted(.onFailure(wave: "canary", policy: .rollbackWave, instance: "a")),
            .rollbackStarted(instance: "a", wave: "canary"),
            .rollbackFinished(instance: "a", result: InstanceResult(outcome: .rolledBack)),
            .runFinished(status: .interrupted)
        )
        let targets = RunTargets(instances("b c"), limits: ConnectionLimits(total: 4, perServer: 4))
        let resumed = try plan.resumed(RunID("r"), after: log, on: targets, set: MigrationSet([]))
        #expect(resumed.waves.map(\.name) == ["canary", "rest"])
        #expect(resumed.instances.map(\.name) == ["b", "c"])
        var machine = RolloutMachine(
            waves: RolloutMachine.waves(of: resumed, on: targets) { _ in 1 },
            limits: targets.limits,
            resuming: log.past(in: resumed)
        )
        let actions = machine.runStarted()
        #expect(actions.contains(.finish(.halted)), "\(actions)")
        #expect(!actions.contains { if case .startInstance = $0 { true } else { false } }, "\(actions)")
    }

    /// The disk of one instance broke while it was in progress, and the operator skips it: the run is resumed without it.
    @Test func whatIsSkippedSinceIsLeftOut() throws {
        let plan = plan()
        let log = log(
            plan,
            .instanceStarted(instance: "a", wave: "canary"),
            .instanceFinished(instance: "a", result: InstanceResult(outcome: .migrated)),
            .waveStarted(wave: "rest"),
            .instanceStarted(instance: "b", wave: "rest")
        )
        var now = instances("a c")
        now.append(Instance(name: "b", server: "s", database: "b", connection: now[0].connection, skip: "the disk is broken"))
        let targets = RunTargets(now, limits: ConnectionLimits(total: 4, perServer: 4))
        let resumed = try plan.resumed(RunID("r"), after: log, on: targets, set: MigrationSet([]))
        #expect(resumed.instances.map(\.name) == ["a", "c"])
        var machine = RolloutMachine(
            waves: RolloutMachine.waves(of: resumed, on: targets) { _ in 1 },
            limits: targets.limits,
            resuming: log.past(in: resumed)
        )
        let actions = machine.runStarted()
        let started = actions.compactMap { if case .startInstance(let instance, _) = $0 { instance } else { nil } }
        #expect(started == ["c"], "\(actions)")
    }

    @Test func anUnfinishedInstanceThatLeftIsADifference() throws {
        let plan = plan()
        let log = log(plan, .instanceStarted(instance: "a", wave: "canary"))
        let targets = RunTargets(instances("b c"), limits: ConnectionLimits(total: 4, perServer: 4))
        let error = #expect(throws: FleetError.self) {
            try plan.resumed(RunID("r"), after: log, on: targets, set: MigrationSet([]))
        }
        #expect(error?.code == .planChanged)
        #expect(error?.details == ["instance a is no longer in the fleet"])
    }

    @Test(
        arguments: [
            (nil, nil, nil),
            (Gate(checks: [Check(name: "lag", sql: "SELECT true")]), Gate(checks: [Check(name: "lag", sql: "SELECT false")]), nil),
            (
                Gate(checks: [Check(name: "lag", sql: "SELECT true")]), Gate(soak: .seconds(1)),
                "the gate of wave canary no longer has the checks lag"
            ),
            (Gate(approve: true), nil, "wave canary has no gate in the fleet file any more: its gate waits as planned, and checks nothing"),
            (nil, Gate(approve: true), "the gate of wave canary is not in the plan of this run: the next wave does not wait for it"),
        ] as [(Gate?, Gate?, String?)]
    )
    func aGateThatChangedIsSaid(_ planned: Gate?, _ now: Gate?, _ line: String?) {
        var targets = RunTargets(instances("a b c"), limits: ConnectionLimits(total: 4, perServer: 4))
        targets.gates["canary"] = now
        #expect(targets.gateDifferences(from: plan(gate: planned)) == [line].compactMap(\.self))
    }
}
