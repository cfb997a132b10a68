import ConvoyMigrations
import ConvoyRollout
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyRun
@testable import convoy

@Suite struct CommandExitTests {
    @Test(arguments: [
        (RunEnding.succeeded, [Outcome.migrated, .upToDate, .rolledBack], CommandExit.success),
        (.succeeded, [], .success),
        (.failed, [.migrated, .failed], .failed),
        (.failed, [.migrated, .unreachable], .failed),
        (.failed, [.unreachable, .unreachable], .unreachable),
        (.halted, [.unreachable, .pending], .halted),
        (.halted, [.failed], .halted),
        (.interrupted, [.failed, .pending], .interrupted),
        (.interrupted, [.migrated], .interrupted),
    ])
    func ofARun(status: RunEnding, outcomes: [Outcome], code: CommandExit) {
        #expect(CommandExit(status, outcomes: outcomes) == code)
    }

    /// An instance that has left the fleet since then has no say in how the rest ended.
    @Test func onlyTheInstancesOfThePlanCount() {
        var log = RunLog(announcing: [PlannedWave(name: "all", instances: ["gone", "here", "left"])])
        for (name, outcome) in [("gone", Outcome.failed), ("here", .migrated)] {
            log.apply(
                Event(at: Date(timeIntervalSince1970: 0), .instanceFinished(instance: name, result: InstanceResult(outcome: outcome)))
            )
        }
        let wave = RunPlan.Wave(name: "all", instances: instances("here left").map(RunPlan.PlannedInstance.init))
        let plan = RunPlan(fleet: "f", generatedAt: Date(timeIntervalSince1970: 0), change: .up(to: nil), waves: [wave])
        #expect(log.outcomes(in: plan) == ["here": .migrated, "left": .pending])
    }

    @Test(arguments: [
        ([Outcome.upToDate, .pending], CommandExit.success, CommandExit.checkFound),
        ([.upToDate], .success, .success),
        ([], .success, .success),
        ([.upToDate, .edited], .failed, .checkFound),
        ([.pending, .ahead], .failed, .failed),
        ([.pending, .unreachable], .failed, .failed),
        ([.unreachable], .unreachable, .unreachable),
        ([.interrupted, .unreachable, .failed], .interrupted, .interrupted),
        ([.skipped], .success, .success),
        ([.skipped, .unreachable], .unreachable, .unreachable),
        ([.skipped, .pending], .success, .checkFound),
    ])
    func ofALook(outcomes: [Outcome], plain: CommandExit, checked: CommandExit) {
        #expect(CommandExit(outcomes: outcomes) == plain)
        #expect(CommandExit(outcomes: outcomes, check: .on) == checked)
        // A plan refuses an instance with an edited migration: that is not something that would run.
        #expect(CommandExit(outcomes: outcomes, check: .pending) == (outcomes.contains(.edited) ? plain : checked))
    }

    @Test(arguments: Outcome.allCases.filter { ![.interrupted, .unreachable].contains($0) })
    func everyOutcomeThatIsNotGoodCounts(_ outcome: Outcome) {
        let isGood = [Outcome.upToDate, .migrated, .rolledBack, .adopted, .repaired, .pending, .skipped].contains(outcome)
        #expect(CommandExit(.succeeded, outcomes: [.migrated, outcome]) == (isGood ? .success : .failed))
        // A hook after the run may have failed with every instance well.
        #expect(CommandExit(.failed, outcomes: [.migrated, outcome]) == .failed)
    }

    @Test func theNumbersAreTheDocumentedOnes() {
        #expect(CommandExit.allCases.map(\.rawValue) == [0, 1, 2, 3, 64, 69, 75, 78, 130])
    }
}
