import ConvoyMigrations
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// What is said of an instance whose work an earlier process had begun, and no other one continues.
struct ContinuedResultTests {
    @Test(arguments: [
        (KnownWork.recorded, 0, false, "no migration was reported before, but some may have been completed"),
        (.recorded, 2, false, "2 migrations were reported before, but more may have been completed"),
        (
            .asked(nil), 1, false,
            "1 migration was reported before, but more may have been completed: the instance could not be asked"
        ),
        (
            .notAsked, 0, false,
            "no migration was reported before, but some may have been completed: this worker does not connect to the instance"
        ),
        (.recorded, 1, true, "1 migration had been completed before"),
        (.asked(RunWork(applied: [], ledger: [])), 0, false, "no migration had been completed before; the ledger has no version"),
        (
            .asked(RunWork(applied: [], ledger: [MigrationVersion(3)])), 2, true,
            "2 migrations had been completed before; the newest version in the ledger is 3"
        ),
    ])
    func whatIsKnownIsSaid(_ known: KnownWork, _ count: Int, _ isComplete: Bool, _ words: String) {
        for (ending, beginning) in [
            (InstanceResult.cancelledBeforeStart, "cancelled before it was continued"),
            (.stoppedBeforeStart, "the run was halted or stopped before it was continued"),
        ] {
            var ended = ending
            ended.to = known.work?.ledger.max()
            let result = ended.continuing(known, done: count, isComplete: isComplete)
            #expect(result.outcome == .interrupted)
            #expect(result.failure?.message == "\(beginning); \(words)")
            #expect(result.failure?.hint == ending.failure?.hint)
        }
    }

    /// Of what is known to have done nothing, and of every other ending.
    @Test func otherEndingsStayAsTheyAre() {
        let untouched = InstanceResult.cancelledBeforeStart
        #expect(untouched.continuing(.recorded, done: 0, isComplete: true) == untouched)
        let failed = InstanceResult(outcome: .failed, failure: Failure(.failed, "no"))
        #expect(failed.continuing(.asked(nil), done: 1, isComplete: false) == failed)
    }
}
