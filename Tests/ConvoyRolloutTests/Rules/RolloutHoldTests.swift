import ConvoyFleet
import ConvoyIO
import ConvoyRollout
import Testing

/// What holds a run back without ending it: the window, paused servers, budgets, and a journal that fails.
@Suite struct RolloutHoldTests {
    @Test func nothingNewStartsOutsideTheWindow() {
        play(
            [wave("one", "a b", maxParallel: 1, gate: true, closing: true), wave("two", "c")],
            [
                ("window closed", ""),
                ("run started", ""),
                ("window opened", "wave one, start a"),
                ("window closed", ""),
                ("a migrated", ""),
                ("window opened", "start b"),
                ("window opened", ""),
                ("window closed", ""),
                ("b migrated", "close one"),
                ("closed one", "end one, gate one"),
                ("passed one", ""),
                ("window opened", "wave two, start c"),
                ("c migrated", "end two, finish succeeded"),
                ("window closed", ""),
                ("window opened", ""),
            ]
        )
    }

    @Test func aClosedWindowHoldsAPreparedWave() {
        play(
            [wave("one", "a", preparation: true)],
            [
                ("run started", "wave one, prepare one"),
                ("window closed", ""),
                ("prepared one", ""),
                ("window opened", "start a"),
            ]
        )
    }

    @Test(arguments: [
        ("stop", "stop, end one, finish interrupted"),
        ("disk full", "halt [the journal can no longer be written: disk full], end one, finish halted"),
    ])
    func aRunThatWaitsCanBeEnded(fact: String, actions: String) {
        let waves = [wave("one", "a@x b@x", maxParallel: 1), wave("two", "c")]
        for hold in ["window closed", "pause x", "budget x 0"] {
            play(waves, [("run started", "wave one, start a"), (hold, ""), ("a migrated", ""), (fact, actions), ("window opened", "")])
        }
    }

    @Test func aRunThatWaitsForItsFirstWaveCanBeStopped() {
        play([wave("one", "a")], [("window closed", ""), ("run started", ""), ("stop", "stop, finish interrupted")])
    }

    @Test func aPausedServerStartsNothingNew() {
        play(
            [wave("all", "a@x b@x c@y d@y", maxParallel: 2)],
            [
                ("pause y", ""),
                ("run started", "wave all, start a, start b"),
                ("pause x", ""),
                ("a migrated", ""),
                ("b migrated", ""),
                ("unpause z", ""),
                ("unpause y", "start c, start d"),
                ("unpause y", ""),
                ("c migrated, d migrated", "end all, finish succeeded"),
            ]
        )
    }

    @Test func aPauseHoldsInLaterWavesToo() {
        play(
            [wave("one", "a@x"), wave("two", "b@y c@x")],
            [
                ("run started", "wave one, start a"),
                ("pause y", ""),
                ("a migrated", "end one, wave two, start c"),
                ("c migrated", ""),
                ("unpause y", "start b"),
                ("b migrated", "end two, finish succeeded"),
            ]
        )
    }

    @Test func aBudgetIsLoweredWhileTheRunGoesOn() {
        play(
            [wave("all", "a@x b@x c@x d@x e@x")],
            limits: ConnectionLimits(total: 9, perServer: 3),
            [
                ("run started", "wave all, start a, start b, start c"),
                ("budget x 1", ""),
                ("a migrated", ""),
                ("b migrated", ""),
                ("c migrated", "start d"),
                ("budget x 99", "start e"),
                ("budget x 1", ""),
                ("d migrated, e migrated", "end all, finish succeeded"),
            ]
        )
    }

    @Test func aBudgetIsNeverRaisedAboveTheConfiguredOne() {
        play(
            [wave("all", "a@x b@x c@x")],
            limits: ConnectionLimits(total: 9, perServer: 1),
            [
                ("budget x 5", ""),
                ("run started", "wave all, start a"),
                ("budget x 0", ""),
                ("a migrated", ""),
                ("budget x configured", "start b"),
                ("budget x -4", ""),
                ("b migrated", ""),
                ("budget x 2", "start c"),
            ]
        )
    }

    /// It would hold two connections where one is free.
    @Test func anInstanceThatNeedsMoreThanALoweredBudgetWaits() {
        play(
            [wave("all", "a@x*2 b@x c@y")],
            limits: ConnectionLimits(total: 9, perServer: 2),
            [
                ("budget x 1", ""),
                ("run started", "wave all, start c"),
                ("c migrated", ""),
                ("budget x 2", "start a"),
                ("a migrated", "start b"),
            ]
        )
    }

    @Test func aPauseOutlivesABudget() {
        play(
            [wave("all", "a@x b@x")],
            [
                ("pause x", ""),
                ("run started", "wave all"),
                ("budget x 1", ""),
                ("budget x configured", ""),
                ("unpause x", "start a, start b"),
            ]
        )
    }

    @Test func whatCouldNotBeRecordedIsNotStarted() {
        play(
            [wave("all", "a b c d", maxParallel: 3), wave("later", "e")],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("not-started b c", "halt [the journal can no longer be written: disk full]"),
                ("b migrated", ""),
                ("disk full", ""),
                ("a migrated", "end all, finish halted"),
                ("not-started a", ""),
            ]
        )
        play(
            [wave("all", "a b")],
            [
                ("run started", "wave all, start a, start b"),
                ("disk full", "halt [the journal can no longer be written: disk full]"),
                ("not-started a b", "end all, finish halted"),
            ]
        )
    }

    @Test func aHaltBeforeTheRunStartsNothing() {
        play(
            [wave("all", "a")],
            [
                ("disk full", "halt [the journal can no longer be written: disk full]"),
                ("run started", "finish halted"),
                ("disk full", ""),
            ]
        )
    }
}
