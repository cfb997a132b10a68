import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import Testing

/// A machine that goes on from what an earlier process recorded.
@Suite struct RolloutResumeTests {
    @Test func whatIsDoneIsNotDoneAgain() {
        play(
            [wave("one", "a b"), wave("two", "c d e f"), wave("three", "g")],
            resuming: past(["one": [.started, .finished], "two": [.started]], "a migrated, b up-to-date, c migrated"),
            [
                ("run started", "start d, start e, start f"),
                ("c migrated", ""),
                ("d migrated, e migrated, f migrated", "end two, wave three, start g"),
                ("g migrated", "end three, finish succeeded"),
            ]
        )
    }

    @Test(arguments: Outcome.allCases)
    func onlyWhatIsNotSettledIsStartedAgain(_ outcome: Outcome) {
        var machine = RolloutMachine(
            waves: [wave("all", "a b")],
            limits: ConnectionLimits(total: 8, perServer: 8),
            resuming: .init(waves: ["all": .started], finishes: [.init("a", outcome)])
        )
        let again: Set<Outcome> = [.interrupted, .unknown, .pending]
        #expect(machine.runStarted().map(\.text) == (again.contains(outcome) ? ["start a", "start b"] : ["start b"]))
    }

    @Test func aRunWithNothingLeftEndsWithItsStatus() {
        let waves = [wave("one", "a", gate: true, preparation: true, closing: true), wave("two", "b")]
        let milestones: [String: WaveLog.Milestones] = [
            "one": [.started, .prepared, .closed, .finished, .gatePassed], "two": [.started, .finished],
        ]
        play(waves, resuming: past(milestones, "a migrated, b migrated"), [("run started", "finish succeeded")])
        play(waves, resuming: past(milestones, "a failed, b migrated"), [("run started", "finish failed")])
    }

    @Test func aWaveGoesOnWhereItWas() {
        let waves = [wave("one", "a b", gate: true, preparation: true, closing: true), wave("two", "c")]
        play(waves, resuming: past(["one": .started]), [("run started", "prepare one"), ("prepared one", "start a, start b")])
        play(waves, resuming: past(["one": [.started, .prepared]], "a migrated"), [("run started", "start b")])
        play(
            waves,
            resuming: past(["one": [.started, .prepared]], "a migrated, b migrated"),
            [("run started", "close one"), ("closed one", "end one, gate one")]
        )
        play(
            waves,
            resuming: past(["one": [.started, .prepared, .closed]], "a migrated, b migrated"),
            [("run started", "end one, gate one")]
        )
        play(
            waves,
            resuming: past(["one": [.started, .prepared, .closed, .finished]], "a migrated, b migrated"),
            [("run started", "gate one"), ("passed one", "wave two, start c")]
        )
        play(
            waves,
            resuming: past(["one": [.started, .prepared, .closed, .finished, .gatePassed]], "a migrated, b migrated"),
            [("run started", "wave two, start c")]
        )
    }

    /// The first process was stopped in the middle of the wave, and so ended it early.
    @Test func aWaveThatWasStoppedEndsAgain() {
        let waves = [wave("one", "a b", preparation: true, closing: true)]
        play(
            waves,
            resuming: past(["one": [.started, .finished]]),
            [
                ("run started", "prepare one"),
                ("prepared one", "start a, start b"),
                ("a migrated, b migrated", "close one"),
                ("closed one", "end one, finish succeeded"),
            ]
        )
        play(
            waves,
            resuming: past(["one": [.started, .prepared, .finished]], "a migrated, b migrated"),
            [("run started", "close one"), ("closed one", "end one, finish succeeded")]
        )
    }

    @Test func anInstanceOfAnEarlierWaveComesFirst() {
        play(
            [wave("one", "a b", gate: true, preparation: true, closing: true), wave("two", "c d")],
            resuming: past(
                ["one": [.started, .prepared, .closed, .finished, .gatePassed], "two": .started],
                "a unknown, b migrated, c migrated"
            ),
            [
                ("run started", "start a"),
                ("a migrated", "end one, start d"),
                ("d migrated", "end two, finish succeeded"),
            ]
        )
    }

    @Test func sharesAreOfTheWholeWave() {
        play(
            [wave("all", "a b c d", maxParallel: 1, stop: StopRules(failurePercent: 50))],
            resuming: past(["all": .started], "a migrated, b failed"),
            [
                ("run started", "start c"),
                ("c failed", "halt [wave all reached its stop rule failure_percent: 50 (2 of 4: b, c)], end all, finish halted"),
            ]
        )
    }

    @Test func earlierFailuresCount() {
        play(
            [wave("one", "a"), wave("two", "b c d", maxParallel: 1, stop: StopRules(sameFailure: 3))],
            resuming: past(["one": [.started, .finished], "two": .started], "a failed #f1, b failed #f1"),
            [
                ("run started", "start c"),
                ("c failed #f1", "halt [wave two reached its stop rule same_failure: 3 (failure f1: a, b, c)], end two, finish halted"),
            ]
        )
    }

    /// Whether the reason was recorded or not, and whether the wave was ended or not.
    @Test(arguments: [WaveLog.Milestones.started, [.started, .finished]], [true, false])
    func aRuleThatIsBrokenHaltsAtOnce(_ milestones: WaveLog.Milestones, isRecorded: Bool) {
        let reason = HaltReason.failures(wave: "one", limit: 1, instances: ["a"])
        play(
            [wave("one", "a b", failures: 1), wave("two", "c")],
            resuming: past(["one": milestones], "a failed", haltReason: isRecorded ? reason : nil),
            [("run started", "halt [\(reason)], \(milestones == .started ? "end one, " : "")finish halted")]
        )
        play(
            [wave("one", "a", failures: 1), wave("two", "c")],
            resuming: past(["one": milestones], "a failed", haltReason: isRecorded ? reason : nil),
            [("run started", "halt [\(reason)], \(milestones == .started ? "end one, " : "")finish halted")]
        )
    }

    @Test func whatHaltedMayBeTriedAgain() {
        play(
            [wave("one", "a", gate: true), wave("two", "b")],
            resuming: past(["one": [.started, .finished]], "a migrated"),
            [("run started", "gate one"), ("passed one", "wave two, start b")]
        )
        play(
            [wave("one", "a", gate: true), wave("two", "b")],
            resuming: past(["one": [.started, .finished]], "a migrated", haltReason: .gateFailed(wave: "one", reason: "lag")),
            [("run started", "halt [the gate after wave one failed: lag], finish halted")]
        )
    }

    /// A rule does not hold up what has passed because of failures that came later.
    @Test func aWaveThatWasPassedIsNotJudgedAgain() {
        play(
            [wave("one", "a b", stop: StopRules(sameFailure: 2)), wave("two", "c d")],
            resuming: past(["one": [.started, .finished], "two": .started], "a failed #f1, b migrated, c failed #f1"),
            [("run started", "start d"), ("d migrated", "end two, finish failed")]
        )
        play(
            [wave("one", "a b", stop: StopRules(sameFailure: 2)), wave("two", "c d")],
            resuming: past(["one": [.started, .finished], "two": .started], "a failed #f1, b unknown, c failed #f1"),
            [("run started", "start b")]
        )
    }

    // MARK: Rollbacks

    @Test func anInstanceThatWasToBeReturnedIsReturnedFirst() {
        play(
            [wave("all", "a b c d e", onFailure: .rollbackInstance)],
            resuming: past(
                ["all": .started],
                "a failed+, b failed+, c failed+, d failed",
                rollbacks: ["a": .rolledBack, "b": .interrupted]
            ),
            [
                ("run started", "return b, return c"),
                ("returned b rolled-back", ""),
                ("returned c rolled-back", "start e"),
                ("e migrated", "end all, finish failed"),
            ]
        )
    }

    @Test func theRollbackOfAWaveGoesOn() {
        let reason = HaltReason.onFailure(wave: "one", policy: .rollbackWave, instance: "b")
        play(
            [wave("one", "a b c d e", onFailure: .rollbackWave), wave("two", "f")],
            resuming: past(
                ["one": .started],
                "a migrated+, b failed+, c up-to-date, d interrupted+",
                rollbacks: ["a": .rolledBack],
                haltReason: reason
            ),
            [
                ("run started", "halt [\(reason)], return b, return d"),
                ("returned b failed", ""),
                ("returned d rolled-back", "end one, finish halted"),
            ]
        )
    }

    @Test func theRollbackAfterAGateGoesOn() {
        let reason = HaltReason.gateFailed(wave: "one", reason: "lag")
        play(
            [wave("one", "a b", onFailure: .rollbackWave, gate: true), wave("two", "c")],
            resuming: past(
                ["one": [.started, .finished]],
                "a migrated+, b migrated+",
                rollbacks: ["a": .rolledBack],
                haltReason: reason
            ),
            [("run started", "halt [\(reason)], return b"), ("returned b rolled-back", "end one, finish halted")]
        )
    }

    /// The failure that halted was one that a resumed run looks at again.
    @Test func aWaveThatWasHaltedIsReturnedThoughItsFailureIsNotSettled() {
        let reason = HaltReason.onFailure(wave: "one", policy: .rollbackWave, instance: "b")
        play(
            [wave("one", "a b c", onFailure: .rollbackWave)],
            resuming: past(["one": .started], "a migrated+, b unknown", haltReason: reason),
            [("run started", "halt [\(reason)], return a"), ("returned a rolled-back", "end one, finish halted")]
        )
    }

    /// The second finish says nothing of what the first left there.
    @Test func aChangeBeforeAnInterruptionIsNotForgotten() {
        play(
            [wave("all", "a b", onFailure: .rollbackWave)],
            resuming: past(["all": .started], "a interrupted+"),
            [
                ("run started", "start a, start b"),
                ("a migrated", ""),
                ("b failed", "halt [b did not succeed, and wave all has on_failure: rollback], return a"),
            ]
        )
    }

    @Test func aRollbackThatFailedIsRemembered() {
        play(
            [wave("all", "a", onFailure: .rollbackInstance)],
            resuming: past(["all": [.started, .finished]], "a failed+", rollbacks: ["a": .failed]),
            [("run started", "finish failed")]
        )
    }

    // MARK: Interplay

    @Test func aStopBeforeItGoesOnEndsTheWave() {
        play(
            [wave("one", "a b", onFailure: .rollbackInstance), wave("two", "c")],
            resuming: past(["one": .started], "a failed+"),
            [("stop", "stop"), ("run started", "end one, finish interrupted")]
        )
    }

    @Test func theWindowHoldsWhatIsLeftOfAWave() {
        let waves = [wave("one", "a b", onFailure: .rollbackInstance, gate: true), wave("two", "c")]
        play(
            waves,
            resuming: past(["one": .started], "a failed+"),
            [
                ("window closed", ""),
                ("run started", "return a"),
                ("returned a rolled-back", ""),
                ("window opened", "start b"),
            ]
        )
        play(
            waves,
            resuming: past(["one": [.started, .finished]], "a migrated, b migrated"),
            [("window closed", ""), ("run started", "gate one"), ("passed one", ""), ("window opened", "wave two, start c")]
        )
    }

    @Test func pastOfOthersIsIgnored() {
        play(
            [wave("one", "a", stop: StopRules(sameFailure: 1))],
            resuming: past(["other": .started], "x failed+ #f1"),
            [("run started", "wave one, start a"), ("a migrated", "end one, finish succeeded")]
        )
    }
}
