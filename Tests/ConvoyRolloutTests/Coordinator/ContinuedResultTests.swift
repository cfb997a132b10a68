import ConvoyMigrations
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// What is said of an instance whose work an earlier process had begun, and no other one continues.
struct ContinuedResultTests {
    private static let lost = "what was begun before reported"

    @Test(arguments: [
        (KnownWork.recorded, 0, false, "\(lost) no migration, and may have done more"),
        (.recorded, 2, false, "\(lost) 2 migrations, and may have done more"),
        (.asked(nil), 1, false, "\(lost) 1 migration, and may have done more: the instance could not be asked"),
        (.notAsked, 0, false, "\(lost) no migration, and may have done more: this worker does not connect to the instance"),
        (.recorded, 1, true, "what was begun before has done 1 migration"),
        (.asked(RunWork(applied: [], ledger: [])), 0, false, "what was begun before has done no migration; the ledger has no version"),
        (
            .asked(RunWork(applied: [], ledger: [MigrationVersion(3)])), 2, true,
            "what was begun before has done 2 migrations; the newest version in the ledger is 3"
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
