import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import Testing

/// What happens around a wave: its hooks and its gate.
@Suite struct RolloutGateTests {
    @Test func aWaveIsPreparedFirstAndClosedLast() {
        play(
            [wave("one", "a b", maxParallel: 1, gate: true, preparation: true, closing: true), wave("two", "c", preparation: true)],
            [
                ("run started", "wave one, prepare one"),
                ("prepared two", ""),
                ("prepared one", "start a"),
                ("prepared one", ""),
                ("closed one", ""),
                ("a migrated", "start b"),
                ("passed one", ""),
                ("b migrated", "close one"),
                ("closed two", ""),
                ("closed one", "end one, gate one"),
                ("closed one", ""),
                ("passed two", ""),
                ("passed one", "wave two, prepare two"),
                ("passed one", ""),
                ("prepared two", "start c"),
                ("c migrated", "end two, finish succeeded"),
            ]
        )
    }

    @Test func theLastGateGuardsNothing() {
        play([wave("one", "a", gate: true)], [("run started", "wave one, start a"), ("a migrated", "end one, finish succeeded")])
        play(
            [wave("one", "a", gate: true), wave("two", "")],
            [("run started", "wave one, start a"), ("a migrated", "end one, wave two, end two, finish succeeded")]
        )
    }

    @Test func anEmptyWaveHasNeitherHooksNorAGate() {
        play(
            [wave("one", "", gate: true, preparation: true, closing: true), wave("two", "a")],
            [("run started", "wave one, end one, wave two, start a")]
        )
    }

    @Test func aGateThatFailsHaltsTheFleet() {
        play(
            [wave("one", "a", gate: true), wave("two", "b")],
            [
                ("run started", "wave one, start a"),
                ("a migrated+", "end one, gate one"),
                ("not-passed two", ""),
                ("not-passed one", "halt [the gate after wave one failed: check failed], finish halted"),
                ("passed one", ""),
            ]
        )
    }

    /// A missing approval says nothing about the migrations: the wave is not rolled back, whatever `on_failure` says, and the run can be resumed.
    @Test func aGateThatIsNotApprovedInTimeHaltsTheFleetAndRollsNothingBack() {
        let waves = [wave("one", "a", onFailure: .rollbackWave, gate: true), wave("two", "b")]
        play(
            waves,
            [
                ("unapproved one", ""),
                ("run started", "wave one, start a"),
                ("unapproved one", ""),
                ("a migrated+", "end one, gate one"),
                ("unapproved two", ""),
                ("unapproved one", "halt [the gate after wave one was not approved within 2 h], finish halted"),
                ("unapproved one", ""),
                ("passed one", ""),
            ]
        )
        // The process that resumes it waits at the gate again.
        play(
            waves,
            resuming: past(["one": [.started, .finished]], "a migrated+"),
            [("run started", "gate one"), ("passed one", "wave two, start b")]
        )
    }

    @Test(arguments: [
        ("stop", "stop, abandon gate one, finish interrupted"),
        ("disk full", "halt [the journal can no longer be written: disk full], abandon gate one, finish halted"),
    ])
    func aStopOrAHaltAbandonsTheGate(fact: String, actions: String) {
        play(
            [wave("one", "a", onFailure: .rollbackWave, gate: true), wave("two", "b")],
            [
                ("run started", "wave one, start a"),
                ("a migrated+", "end one, gate one"),
                (fact, actions),
                ("not-passed one", ""),
                ("passed one", ""),
            ]
        )
    }

    @Test func aBeforeHookThatFailsLeavesTheWaveUntouched() {
        play(
            [wave("one", "a b", preparation: true, closing: true), wave("two", "c")],
            [
                ("run started", "wave one, prepare one"),
                ("not-prepared one", "halt [before_wave of wave one failed: exit code 1], end one, finish halted"),
                ("prepared one", ""),
            ]
        )
    }

    @Test func anAfterHookThatFailsHaltsBeforeTheGate() {
        play(
            [wave("one", "a", onFailure: .rollbackWave, gate: true, closing: true), wave("two", "c")],
            [
                ("run started", "wave one, start a"),
                ("a migrated+", "close one"),
                ("not-closed one", "halt [after_wave of wave one failed: exit code 1], end one, finish halted"),
            ]
        )
        play(
            [wave("one", "a", closing: true)],
            [
                ("run started", "wave one, start a"),
                ("a migrated+", "close one"),
                ("not-closed one", "halt [after_wave of wave one failed: exit code 1], end one, finish halted"),
            ]
        )
    }

    @Test(arguments: [
        ("stop", "stop", "prepared one", "end one, finish interrupted"),
        ("stop", "stop", "not-prepared one", "halt [before_wave of wave one failed: exit code 1], end one, finish interrupted"),
        ("disk full", "halt [the journal can no longer be written: disk full]", "prepared one", "end one, finish halted"),
        ("disk full", "halt [the journal can no longer be written: disk full]", "not-prepared one", "end one, finish halted"),
    ])
    func aStopOrAHaltAwaitsThePreparation(fact: String, actions: String, answer: String, end: String) {
        play([wave("one", "a", preparation: true)], [("run started", "wave one, prepare one"), (fact, actions), (answer, end)])
    }

    @Test(arguments: [
        ("closed one", "end one, finish interrupted"),
        ("not-closed one", "halt [after_wave of wave one failed: exit code 1], end one, finish interrupted"),
    ])
    func aStopAwaitsTheClosing(answer: String, end: String) {
        play(
            [wave("one", "a", gate: true, closing: true), wave("two", "b")],
            [("run started", "wave one, start a"), ("a migrated", "close one"), ("stop", "stop"), (answer, end)]
        )
    }

    @Test func aHookThatWasCancelledDidNotFail() {
        play(
            [wave("one", "a", preparation: true)],
            [
                ("run started", "wave one, prepare one"),
                ("stop", "stop"),
                ("stop", "cancel"),
                ("not-prepared one", "end one, finish interrupted"),
            ]
        )
    }

    @Test func aWaveThatWasHaltedOrStoppedIsNotClosed() {
        play(
            [wave("one", "a", failures: 1, closing: true)],
            [
                ("run started", "wave one, start a"),
                ("a failed", "halt [wave one reached its stop rule failures: 1 (a)], end one, finish halted"),
            ]
        )
        play(
            [wave("one", "a b", maxParallel: 1, closing: true)],
            [("run started", "wave one, start a"), ("stop", "stop"), ("a migrated", "end one, finish interrupted")]
        )
    }
}
