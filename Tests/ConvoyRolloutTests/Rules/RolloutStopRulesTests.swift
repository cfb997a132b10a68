import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import Testing

/// What halts the fleet, and in which words.
@Suite struct RolloutStopRulesTests {
    @Test func aShareOfTheWaveThatFailed() {
        play(
            [wave("all", "a b c d e f g h", maxParallel: 3, stop: StopRules(failurePercent: 25))],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a failed, b unreachable, c interrupted", "start d, start e, start f"),
                ("d failed", "halt [wave all reached its stop rule failure_percent: 25 (2 of 8: a, d)]"),
                ("e migrated, f migrated", "end all, finish halted"),
            ]
        )
    }

    @Test func aShareIsReachedByTheNextWholeInstance() {
        play(
            [wave("all", "a b c", stop: StopRules(failurePercent: 33.4))],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a failed", ""),
                ("b failed", "halt [wave all reached its stop rule failure_percent: 33.4 (2 of 3: a, b)]"),
                ("c failed", "end all, finish halted"),
            ]
        )
    }

    @Test func aShareOfNothingIsReachedByTheFirst() {
        play(
            [wave("all", "a b c", maxParallel: 1, stop: StopRules(failurePercent: 0, unreachablePercent: 0))],
            [
                ("run started", "wave all, start a"),
                ("a migrated", "start b"),
                ("b unreachable", "halt [wave all reached its stop rule unreachable_percent: 0 (1 of 3: b)], end all, finish halted"),
            ]
        )
    }

    @Test func hostsThatAreDownCountApart() {
        play(
            [wave("all", "a b c d", maxParallel: 2, stop: StopRules(failures: 2, unreachablePercent: 50))],
            [
                ("run started", "wave all, start a, start b"),
                ("a failed, b unreachable", "start c, start d"),
                ("c unreachable", "halt [wave all reached its stop rule unreachable_percent: 50 (2 of 4: b, c)]"),
                ("d failed", "end all, finish halted"),
            ]
        )
    }

    @Test func theSameFailureCountsOverTheWholeRun() {
        play(
            [wave("canary", "a b c"), wave("rest", "d e f", maxParallel: 1, stop: StopRules(sameFailure: 3))],
            [
                ("run started", "wave canary, start a, start b, start c"),
                ("a failed #f1, b failed #f2, c failed #f1", "end canary, wave rest, start d"),
                ("d failed #f2", "start e"),
                (
                    "e lock-busy #f1",
                    "halt [wave rest reached its stop rule same_failure: 3 (failure f1: a, c, e)], end rest, finish halted"
                ),
            ]
        )
    }

    @Test func aWaveWhoseRuleIsBrokenBeforeItDoesNotStart() {
        play(
            [wave("canary", "a b"), wave("rest", "c", stop: StopRules(sameFailure: 2), preparation: true)],
            [
                ("run started", "wave canary, start a, start b"),
                (
                    "a failed #f1, b failed #f1",
                    "end canary, halt [wave rest reached its stop rule same_failure: 2 (failure f1: a, b)], finish halted"
                ),
            ]
        )
    }

    @Test func unreachableAndInterruptedInstancesAreNoSameFailure() {
        play(
            [wave("all", "a b c d e", maxParallel: 4, stop: StopRules(sameFailure: 2))],
            [
                ("run started", "wave all, start a, start b, start c, start d"),
                ("a unreachable #f1, b interrupted #f1, c failed #f1, d failed", "start e"),
                ("e failed #f1", "halt [wave all reached its stop rule same_failure: 2 (failure f1: c, e)], end all, finish halted"),
            ]
        )
    }

    @Test(arguments: [OnFailure.halt, .rollbackWave])
    func theFirstFailureHaltsWhereTheWaveSaysSo(_ policy: OnFailure) {
        play(
            [wave("all", "a b c d", maxParallel: 2, onFailure: policy)],
            [
                ("run started", "wave all, start a, start b"),
                ("a unreachable", "start c"),
                ("b interrupted", "start d"),
                ("c failed", "halt [c did not succeed, and wave all has on_failure: \(policy.rawValue)]"),
                ("d migrated", "end all, finish halted"),
            ]
        )
    }

    /// A rule says more than `on_failure`, and the same failure says most.
    @Test func ofSeveralBrokenRulesTheOneThatSaysMostIsTold() {
        let rules = StopRules(failures: 2, failurePercent: 10, sameFailure: 2)
        play(
            [wave("all", "a b", stop: rules, onFailure: .halt)],
            [
                ("run started", "wave all, start a, start b"),
                (
                    "a failed #f1, b failed #f1",
                    "halt [wave all reached its stop rule same_failure: 2 (failure f1: a, b)], end all, finish halted"
                ),
            ]
        )
        play(
            [wave("all", "a b", stop: rules, onFailure: .halt)],
            [
                ("run started", "wave all, start a, start b"),
                ("a failed #f1, b failed #f2", "halt [wave all reached its stop rule failures: 2 (a, b)], end all, finish halted"),
            ]
        )
    }

    @Test(arguments: [
        wave("canary", "a", stop: StopRules(failurePercent: 50)),
        wave("canary", "a", stop: StopRules(sameFailure: 9)),
        wave("canary", "a", gate: true),
        wave("canary", "a", onFailure: .halt),
        wave("canary", "a", onFailure: .rollbackWave),
    ])
    func aWaveThatGuardsTheOthersMustReachSomething(_ canary: RolloutMachine.Wave) {
        play(
            [canary, wave("rest", "b")],
            [
                ("run started", "wave canary, start a"),
                (
                    "a unreachable",
                    """
                    halt [no instance of wave canary could be reached, so the next wave does not start], \
                    end canary, finish halted
                    """
                ),
            ]
        )
    }

    @Test(arguments: [
        wave("canary", "a b", failures: 1), wave("canary", "a b", onFailure: .halt), wave("canary", "a b", stop: StopRules(sameFailure: 1)),
    ])
    func aRuleThatWasNotBrokenStaysQuiet(_ canary: RolloutMachine.Wave) {
        play(
            [canary, wave("rest", "c")],
            [
                ("run started", "wave canary, start a, start b"),
                ("a unreachable", ""),
                ("b up-to-date", "end canary, wave rest, start c"),
                ("c migrated", "end rest, finish failed"),
            ]
        )
    }

    @Test func theReasonNamesTheFirstFewOfManyInstances() {
        let reason = HaltReason.failures(wave: "all", limit: 7, instances: ["a", "b", "c", "d", "e", "f", "g"])
        #expect(reason.description == "wave all reached its stop rule failures: 7 (a, b, c, d, e and 2 more)")
    }

    @Test(arguments: [
        (HaltReason.hookFailed(.beforeRun, wave: nil, reason: "exit code 1"), "before_run failed: exit code 1"),
        (.hookFailed(.afterWave, wave: "all", reason: "timed out"), "after_wave of wave all failed: timed out"),
        (.gateFailed(wave: "all", reason: "check lag"), "the gate after wave all failed: check lag"),
        (.notApproved(wave: "all", within: .seconds(7200)), "the gate after wave all was not approved within 2 h"),
        (.journalFailed(reason: "disk full"), "the journal can no longer be written: disk full"),
    ])
    func reasonsFromOutside(_ reason: HaltReason, text: String) {
        #expect(reason.description == text)
    }
}
