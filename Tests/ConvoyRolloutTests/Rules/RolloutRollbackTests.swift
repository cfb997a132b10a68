import ConvoyFleet
import ConvoyIO
import ConvoyRollout
import Testing

/// What `on_failure` rolls back to where it started, and when.
@Suite struct RolloutRollbackTests {
    // MARK: rollback-instance

    @Test func aFailedInstanceIsReturnedAtOnceAndKeepsItsPlace() {
        play(
            [wave("all", "a b c", maxParallel: 1, onFailure: .rollbackInstance)],
            [
                ("run started", "wave all, start a"),
                ("a failed+", "return a"),
                ("a migrated", ""),
                ("returned a rolled-back", "start b"),
                ("returned a rolled-back", ""),
                ("b failed", "start c"),
                ("c migrated+", "end all, finish failed"),
            ]
        )
    }

    @Test func itKeepsItsConnectionsToo() {
        play(
            [wave("all", "a@x*2 b@x c@y", onFailure: .rollbackInstance)],
            limits: ConnectionLimits(total: 9, perServer: 2),
            [
                ("run started", "wave all, start a, start c"),
                ("a check-failed+", "return a"),
                ("c migrated+", ""),
                ("returned a failed", "start b"),
                ("b migrated", "end all, finish failed"),
            ]
        )
    }

    @Test func onlyFailuresAreReturned() {
        play(
            [wave("all", "a b c d", onFailure: .rollbackInstance)],
            [
                ("run started", "wave all, start a, start b, start c, start d"),
                ("a unreachable+, b interrupted+, c migrated+, d pending+", "end all, finish failed"),
            ]
        )
    }

    @Test func itIsReturnedAfterAHaltAndAfterTheFirstStop() {
        play(
            [wave("all", "a b c d", maxParallel: 3, failures: 1, onFailure: .rollbackInstance)],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a failed+", "halt [wave all reached its stop rule failures: 1 (a)], return a"),
                ("b failed+", "return b"),
                ("returned b rolled-back", ""),
                ("stop", "stop"),
                ("c failed+", "return c"),
                ("returned a rolled-back, c rolled-back", "end all, finish interrupted"),
            ]
        )
    }

    @Test func theSecondStopReturnsNothingMore() {
        play(
            [wave("all", "a b", onFailure: .rollbackInstance)],
            [
                ("run started", "wave all, start a, start b"),
                ("a failed+", "return a"),
                ("stop", "stop"),
                ("stop", "cancel"),
                ("b failed+", ""),
                ("returned a interrupted", "end all, finish interrupted"),
            ]
        )
    }

    @Test func theGateWaitsForRollbacks() {
        play(
            [wave("one", "a b", onFailure: .rollbackInstance, gate: true), wave("two", "c")],
            [
                ("run started", "wave one, start a, start b"),
                ("a failed+", "return a"),
                ("b migrated", ""),
                ("returned a rolled-back", "end one, gate one"),
                ("passed one", "wave two, start c"),
            ]
        )
    }

    // MARK: rollback

    @Test func aWaveIsReturnedWhenWhatRunsHasFinished() {
        play(
            [wave("all", "a b c d e", maxParallel: 3, onFailure: .rollbackWave, closing: true), wave("later", "f")],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a migrated+", "start d"),
                ("b failed+", "halt [b did not succeed, and wave all has on_failure: rollback]"),
                ("c up-to-date", ""),
                ("d migrated+", "return a, return b, return d"),
                ("returned a rolled-back", ""),
                ("returned d rolled-back, b failed", "end all, finish halted"),
            ]
        )
    }

    @Test func rollbacksStayWithinTheLimits() {
        play(
            [wave("all", "a@x*2 b@x c@y d@y e@y", maxParallel: 2, onFailure: .rollbackWave)],
            limits: ConnectionLimits(total: 9, perServer: 2),
            [
                ("run started", "wave all, start a, start c"),
                ("a migrated+", "start b"),
                ("c migrated+", "start d"),
                ("b migrated+", "start e"),
                ("d migrated+", ""),
                ("e failed+", "halt [e did not succeed, and wave all has on_failure: rollback], return a, return c"),
                ("returned c rolled-back", "return d"),
                ("returned d rolled-back", "return e"),
                ("returned e rolled-back", ""),
                ("returned a rolled-back", "return b"),
                ("returned b rolled-back", "end all, finish halted"),
            ]
        )
    }

    @Test func hostsThatAreDownReturnNoWave() {
        play(
            [wave("all", "a b c", stop: StopRules(unreachablePercent: 30), onFailure: .rollbackWave)],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a migrated+", ""),
                ("b unreachable", "halt [wave all reached its stop rule unreachable_percent: 30 (1 of 3: b)]"),
                ("c migrated+", "end all, finish halted"),
            ]
        )
    }

    @Test func aFailureAfterTheHaltReturnsItStill() {
        play(
            [wave("all", "a b c", stop: StopRules(unreachablePercent: 30), onFailure: .rollbackWave)],
            [
                ("run started", "wave all, start a, start b, start c"),
                ("a migrated+", ""),
                ("b unreachable", "halt [wave all reached its stop rule unreachable_percent: 30 (1 of 3: b)]"),
                ("c failed", "return a"),
                ("returned a rolled-back", "end all, finish halted"),
            ]
        )
    }

    @Test func aStopReturnsNothingThatHasNotBegun() {
        let waves = [wave("all", "a b c", maxParallel: 1, onFailure: .rollbackWave)]
        let halt = "halt [c did not succeed, and wave all has on_failure: rollback]"
        let before: [(String, String)] = [
            ("run started", "wave all, start a"), ("a migrated+", "start b"), ("b migrated+", "start c"),
        ]
        play(
            waves,
            before + [
                ("c failed+", halt + ", return a"),
                ("stop", "stop"),
                ("returned a rolled-back", "end all, finish interrupted"),
            ]
        )
        play(waves, before + [("stop", "stop"), ("c failed+", halt + ", end all, finish interrupted")])
    }

    @Test func aGateThatFailsReturnsTheWave() {
        play(
            [wave("one", "a b c", onFailure: .rollbackWave, gate: true, closing: true), wave("two", "d")],
            [
                ("run started", "wave one, start a, start b, start c"),
                ("a migrated+, b up-to-date, c migrated+", "close one"),
                ("closed one", "end one, gate one"),
                ("not-passed one", "halt [the gate after wave one failed: check failed], return a, return c"),
                ("not-passed one", ""),
                ("returned a rolled-back, c rolled-back", "end one, finish halted"),
            ]
        )
    }

    @Test func aWaveThatChangedNothingIsNotReturned() {
        play(
            [wave("one", "a", onFailure: .rollbackWave, gate: true), wave("two", "b")],
            [
                ("run started", "wave one, start a"),
                ("a migrated", "end one, gate one"),
                ("not-passed one", "halt [the gate after wave one failed: check failed], finish halted"),
            ]
        )
    }

    @Test func noRollbackBeginsWhenTheJournalFails() {
        play(
            [wave("all", "a b", onFailure: .rollbackInstance)],
            [
                ("run started", "wave all, start a, start b"),
                ("disk full", "halt [the journal can no longer be written: disk full]"),
                ("a failed+", ""),
                ("b migrated", "end all, finish halted"),
            ]
        )
        play(
            [wave("all", "a b c", maxParallel: 1, onFailure: .rollbackWave)],
            [
                ("run started", "wave all, start a"),
                ("a migrated+", "start b"),
                ("b failed+", "halt [b did not succeed, and wave all has on_failure: rollback], return a"),
                ("not-started a", "end all, finish halted"),
            ]
        )
    }

    @Test func rollbacksWaitForPausedServersAndNotForTheWindow() {
        play(
            [wave("all", "a@x b@y", onFailure: .rollbackWave)],
            [
                ("run started", "wave all, start a, start b"),
                ("a migrated+", ""),
                ("pause y", ""),
                ("window closed", ""),
                ("b failed+", "halt [b did not succeed, and wave all has on_failure: rollback], return a"),
                ("returned a rolled-back", ""),
                ("unpause y", "return b"),
                ("returned b rolled-back", "end all, finish halted"),
            ]
        )
        play(
            [wave("all", "a@x", onFailure: .rollbackWave)],
            [
                ("run started", "wave all, start a"),
                ("pause x", ""),
                ("a failed+", "halt [a did not succeed, and wave all has on_failure: rollback]"),
                ("stop", "stop, end all, finish interrupted"),
            ]
        )
    }
}
