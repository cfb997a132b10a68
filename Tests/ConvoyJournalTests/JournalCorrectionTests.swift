import ConvoyMigrations
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyJournal

/// A baseline and a repair are recorded as such: by their plan, so that an earlier Convoy reads the record too.
@Suite(.timeLimit(.minutes(1)))
struct JournalCorrectionTests {
    @Test(
        arguments: StoreKind.all,
        [
            Change.baseline(at: nil), .baseline(at: MigrationVersion(7)), .repair(at: nil), .repair(at: MigrationVersion(7)), .up(to: nil),
            .up(to: MigrationVersion(7)), .downSteps(2),
            .undo(run: "r-0"),
        ]
    )
    func theRecordHasTheChange(_ kind: StoreKind, _ change: Change) async throws {
        try await kind.withStore { journal in
            var run = JournalSamples.run
            run.change = change
            // A plan's keys are in order, so the change comes first; a fleet may have any name.
            let plan = RunPlan(fleet: "\"kind\" : \"repair\"", generatedAt: moment(), change: change, waves: [])
            try await journal.begin(run, plan: try plan.data())
            #expect(try await journal.runs(limit: 1).first?.change == change)
        }
    }
}
