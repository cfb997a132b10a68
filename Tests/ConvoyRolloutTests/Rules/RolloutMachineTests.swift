import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import Testing

/// Facts on the left, the machine's actions on the right.
@Suite struct RolloutMachineTests {
    @Test func wavesGoInOrderAndEndTheRun() {
        play(
            [wave("canary", "a"), wave("rest", "b c")],
            [
                ("run started", "wave canary, start a"),
                ("a migrated", "end canary, wave rest, start b, start c"),
                ("c up-to-date", ""),
                ("b migrated", "end rest, finish succeeded"),
            ]
        )
    }

    @Test func aFleetWithoutInstancesEndsAtOnce() {
        play([], [("run started", "finish succeeded")])
        play([wave("canary", ""), wave("rest", "")], [("run started", "wave canary, end canary, wave rest, end rest, finish succeeded")])
    }

    @Test func atMostMaxParallelAreUnderWay() {
        play(
            [wave("all", "a b c d", maxParallel: 2)],
            [
                ("run started", "wave all, start a, start b"),
                ("b migrated", "start c"),
                ("a migrated", "start d"),
                ("c migrated", ""),
                ("d migrated", "end all, finish succeeded"),
            ]
        )
    }

    @Test func aFailureWithoutAStopRuleStopsNobody() {
        play(
            [wave("canary", "a"), wave("rest", "b")],
            [
                ("run started", "wave canary, start a"),
                ("a failed", "end canary, wave rest, start b"),
                ("b migrated", "end rest, finish failed"),
            ]
        )
    }

    @Test func aStopRuleHaltsTheFleetAndLetsWhatRunsFinish() {
        play(
            [wave("all", "a b c d e", maxParallel: 3, failures: 2), wave("later", "f")],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a failed", "start d"),
                ("b lock-busy", "halt [wave all reached its stop rule failures: 2 (a, b)]"),
                ("c migrated", ""),
                ("d failed", "end all, finish halted"),
            ]
        )
    }

    @Test func aStopRuleCountsItsOwnWaveOnly() {
        play(
            [wave("one", "a b", failures: 2), wave("two", "c d", failures: 2)],
            [
                ("run started", "wave one, start a, start b"),
                ("a failed", ""),
                ("b migrated", "end one, wave two, start c, start d"),
                ("c failed", ""),
                ("d migrated", "end two, finish failed"),
            ]
        )
    }

    @Test func theLastInstanceCanStillBreakTheRule() {
        play(
            [wave("all", "a", failures: 1)],
            [
                ("run started", "wave all, start a"),
                ("a failed", "halt [wave all reached its stop rule failures: 1 (a)], end all, finish halted"),
            ]
        )
    }

    @Test(arguments: Outcome.allCases)
    func theStopRuleCountsWhatTheMigrationMayHaveDone(_ outcome: Outcome) {
        let counts: Set<Outcome> = [
            .failed, .lockBusy, .unprovisioned, .ahead, .edited, .outOfOrder, .blocked, .checkFailed, .unknown,
        ]
        var machine = RolloutMachine(
            waves: [wave("all", "a b", maxParallel: 1, failures: 1)],
            limits: ConnectionLimits(total: 8, perServer: 8)
        )
        _ = machine.runStarted()
        let halts = machine.instancesFinished([.init("a", outcome)]).contains { if case .halt = $0 { true } else { false } }
        #expect(halts == counts.contains(outcome))
    }

    @Test func aWaveThatNobodyCouldReachShowsNothing() {
        play(
            [wave("canary", "a b", failures: 1), wave("rest", "c")],
            [
                ("run started", "wave canary, start a, start b"),
                ("a unreachable", ""),
                (
                    "b unreachable",
                    """
                    halt [no instance of wave canary could be reached, so the next wave does not start], \
                    end canary, finish halted
                    """
                ),
            ]
        )
    }

    @Test(arguments: [
        ([wave("canary", "a"), wave("rest", "b")], "end canary, wave rest, start b"),
        ([wave("all", "a", failures: 1)], "end all, finish failed"),
    ])
    func anUnreachableWaveGoesOnWithoutAStopRuleAndEndsAsFailedWhereNothingFollows(waves: [RolloutMachine.Wave], actions: String) {
        play(waves, [("run started", "wave \(waves[0].name), start a"), ("a unreachable", actions)])
    }

    @Test func theFirstStopStartsNothingMoreAndTheSecondCancels() {
        play(
            [wave("all", "a b c", maxParallel: 2), wave("later", "d")],
            [
                ("run started", "wave all, start a, start b"),
                ("stop", "stop"),
                ("a migrated", ""),
                ("stop", "cancel"),
                ("stop", ""),
                ("b interrupted", "end all, finish interrupted"),
                ("stop", ""),
            ]
        )
    }

    @Test func aStopBeforeTheRunStartsNothing() {
        play([wave("all", "a")], [("stop", "stop"), ("run started", "finish interrupted")])
    }

    @Test func aStopAfterAHaltMakesTheRunInterrupted() {
        play(
            [wave("all", "a b c", maxParallel: 2, failures: 1)],
            [
                ("run started", "wave all, start a, start b"),
                ("a failed", "halt [wave all reached its stop rule failures: 1 (a)]"),
                ("stop", "stop"),
                ("b migrated", "end all, finish interrupted"),
            ]
        )
    }

    @Test func factsThatCannotBeChangeNothing() {
        play(
            [wave("all", "a b", maxParallel: 1)],
            [
                ("a migrated", ""),
                ("run started", "wave all, start a"),
                ("run started", ""),
                ("b migrated", ""),
                ("nobody failed", ""),
                ("a migrated", "start b"),
                ("a failed", ""),
                ("b migrated", "end all, finish succeeded"),
                ("b migrated", ""),
                ("run started", ""),
            ]
        )
    }

    @Test func anInstanceNamedTwiceRunsOnce() {
        play(
            [wave("one", "a a"), wave("two", "a b")],
            [
                ("run started", "wave one, start a"),
                ("a migrated", "end one, wave two, start b"),
                ("b migrated", "end two, finish succeeded"),
            ]
        )
    }

    @Test func severalFinishesAreSeenTogetherBeforeAnythingStarts() {
        play(
            [wave("all", "a b c d", maxParallel: 2, failures: 1)],
            [
                ("run started", "wave all, start a, start b"),
                ("a migrated, b failed", "halt [wave all reached its stop rule failures: 1 (b)], end all, finish halted"),
            ]
        )
    }
}
