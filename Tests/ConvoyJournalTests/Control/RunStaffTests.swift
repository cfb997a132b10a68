import ConvoyFleet
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// What an operator reads about a run that workers have and none takes.
@Suite(.timeLimit(.minutes(2)))
struct RunStaffTests {
    private let run = JournalSamples.run

    /// The same command does something else with and without workers.
    @Test func theRemedyFitsTheShortage() {
        let none = RunStaff(willing: 0)
        #expect(none.shortage == "no worker of its fleet is alive (start one with `convoy worker`)")
        #expect(none.remedy(run.id).hasPrefix("`convoy resume \(run.id)` carries it out without workers, `convoy abandon \(run.id)` gives"))
        let unwilling = RunStaff(willing: 0, refusals: [.init(worker: "w1", reason: "r", hint: "h")])
        #expect(unwilling.shortage == "no worker takes part in it: worker w1: r (h)")
        #expect(unwilling.remedy(run.id).hasPrefix("`convoy resume \(run.id)` submits it again with your fleet file and migrations"))
        #expect(none.waitReason(run.id)?.contains("(start one with `convoy worker`); `convoy resume ") == true)
        #expect(RunStaff(willing: 1).waitReason(run.id) == nil)
        #expect(none.standstill == none.shortage)
        // One that has a lease of it may end with it.
        let held = RunStaff(willing: 0, holders: ["w1"])
        #expect(held.waitReason(run.id) == nil && held.standstill == nil && held.shortage != nil)
        #expect(held.leases == "worker w1 still has a lease of it: try again in 15 seconds, or later if it has a longer --lease")
        #expect(none.leases == nil)
    }

    @Test(arguments: [
        (1, "worker w1 still has a lease of it"), (2, "workers w1, w2 still have leases of it"),
        (5, "workers w1, w2, w3, … and 2 more still have leases of it"),
    ])
    func whoStillHasALeaseIsNamed(_ count: Int, _ words: String) async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            try await database.execute([
                "UPDATE convoy_control.runs SET for_workers = true",
                """
                INSERT INTO convoy_control.assignments (run, number, kind, subject, state, worker, lease_until)
                SELECT '\(run.id)', n, 'change', 'i' || n, 'claimed', 'w' || n, clock_timestamp() + interval '1 h'
                FROM generate_series(1, \(count)) AS n
                """,
            ])
            let catalog = RunCatalog(journal: .control(database.owner)) { _ in }
            do throws(FleetError) {
                _ = try await catalog.run(run.id.description, .resumable, in: journal)
                Issue.record("it was found")
            } catch {
                #expect(error.message.contains("it is running; no worker of its fleet is alive"), "\(error)")
                #expect(error.hint?.hasPrefix("\(words): try again in 15 seconds") == true, "\(error)")
            }
        }
    }
}
