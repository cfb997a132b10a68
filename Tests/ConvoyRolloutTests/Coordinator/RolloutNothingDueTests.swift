import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import Testing

/// Where nothing was done there is nothing to wait for, and where nothing is due there is nothing to guard.
@Suite struct RolloutNothingDueTests {
    /// The same wave, in which a look found nothing due.
    private func settled(_ wave: RolloutMachine.Wave) -> RolloutMachine.Wave {
        var wave = wave
        for index in wave.instances.indices { wave.instances[index].mayBeDue = false }
        return wave
    }

    @Test func noGateWhereEveryInstanceWasUpToDate() {
        play(
            [wave("one", "a b", gate: true), wave("two", "c")],
            [("run started", "wave one, start a, start b"), ("a up-to-date, b up-to-date", "end one, wave two, start c")]
        )
    }

    @Test(arguments: ["migrated+", "failed", "unreachable", "lock-busy", "rolled-back"])
    func aGateWhereOneWasNot(_ outcome: String) {
        play(
            [wave("one", "a b", gate: true), wave("two", "c")],
            [("run started", "wave one, start a, start b"), ("a up-to-date, b \(outcome)", "end one, gate one")]
        )
    }

    @Test func noGateBeforeWavesWithNothingDue() {
        play(
            [wave("one", "a", gate: true), settled(wave("two", "b", gate: true)), settled(wave("three", "c"))],
            [
                ("run started", "wave one, start a"), ("a migrated+", "end one, wave two, start b"),
                ("b up-to-date", "end two, wave three, start c"), ("c up-to-date", "end three, finish succeeded"),
            ]
        )
    }

    @Test func noHooksAroundAWaveWithNothingDue() {
        play(
            [settled(wave("one", "a", preparation: true, closing: true)), wave("two", "b", preparation: true, closing: true)],
            [
                ("run started", "wave one, start a"), ("a up-to-date", "end one, wave two, prepare two"), ("prepared two", "start b"),
                // What was prepared is closed, whatever came of it.
                ("b up-to-date", "close two"), ("closed two", "end two, finish succeeded"),
            ]
        )
    }

    @Test func aResumedRunKnowsWhatItDidBefore() {
        let past = RolloutMachine.Past(
            waves: ["one": [.started, .finished]],
            finishes: [RolloutMachine.Finish("a", .migrated, isChanged: true)]
        )
        play([wave("one", "a", gate: true), wave("two", "b")], resuming: past, [("run started", "gate one")])
        let idle = RolloutMachine.Past(waves: ["one": [.started, .finished]], finishes: [RolloutMachine.Finish("a", .upToDate)])
        play([wave("one", "a", gate: true), wave("two", "b")], resuming: idle, [("run started", "wave two, start b")])
    }
}
