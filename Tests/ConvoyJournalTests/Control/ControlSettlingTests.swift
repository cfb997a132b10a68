import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// The control database was away for longer than a worker counts as alive: workers could not write, and are not gone.
@Suite(.timeLimit(.minutes(5)))
struct ControlSettlingTests {
    private let run = JournalSamples.run

    /// A run that workers have, and workers that were last seen before a long outage: one that takes the run, one that refuses it, one that drains, and
    /// one of last week.
    private func begin(_ control: ControlDatabase, _ database: TestDatabase) async throws {
        try await ControlJournal(control).begin(run, plan: Data())
        for worker in ["w1", "w2", "w3", "w4"] {
            let record = WorkerRecord(id: worker, fleet: run.fleet, capacity: 4, isDraining: worker == "w3")
            _ = try await control.renew(record, for: .seconds(15))
        }
        try await control.note(.init(worker: "w2", reason: "r", hint: "h"), of: run.id, by: "w2")
        try await database.execute([
            "UPDATE convoy_control.runs SET for_workers = true",
            "UPDATE convoy_control.workers SET seen_at = clock_timestamp() - CASE id WHEN 'w4' THEN interval '7 days' ELSE interval '40 s' END",
        ])
    }

    private func expectUnsettled(_ control: ControlDatabase, _ database: TestDatabase) async throws {
        let staff = try #require(try await control.staff(of: run.id))
        #expect(staff.willing == 1 && staff.isUnsettled && !staff.isMissing)
        #expect(staff.refusals.map(\.worker) == ["w2"])
        #expect(staff.waitReason(run.id) == nil)
        #expect(try await control.workersAlive(of: run.fleet) == (0, 2))
        do throws(FleetError) {
            _ = try await RunCatalog(journal: .control(database.owner)) { _ in }.resumable("latest", in: ControlJournal(control))
            Issue.record("it can be resumed")
        } catch {
            let words = "the control database was away until a moment ago, and the workers of its fleet have not been seen since"
            #expect(error.message.hasSuffix("it is running; \(words)"), "\(error)")
            #expect(error.hint == "try again in 15 s")
        }
    }

    private func expectMissing(_ control: ControlDatabase) async throws {
        let staff = try #require(try await control.staff(of: run.id))
        #expect(staff.isMissing && !staff.isUnsettled)
        #expect(try await control.workersAlive(of: run.fleet).seen == 0)
    }

    @Test(arguments: PostgresServer.Release.tested)
    func afterARestartWorkersHaveTimeToWriteAgain(_ release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.start(release)
        try await server.withDatabase { database in
            let first = ControlDatabase(database.owner)
            try await first.prepare()
            try await begin(first, database)
            await first.close()
            try await server.stop(.fast)
            try await server.start()
            let control = ControlDatabase(database.owner)
            try await expectUnsettled(control, database)
            #expect(control.lastLoss == nil)
            // One that writes again is there, and no more is guessed.
            _ = try await control.renew(WorkerRecord(id: "w2", fleet: run.fleet, capacity: 4), for: .seconds(15))
            #expect(try await control.workersAlive(of: run.fleet).seen == 1)
            try await database.execute(["UPDATE convoy_control.workers SET seen_at = clock_timestamp() - interval '40 s' WHERE id = 'w2'"])
            try await waitUntilSettled(control)
            try await expectMissing(control)
            await control.close()
        }
    }

    /// A process that has just failed to reach it knows that the workers may have, too; whatever the reason was.
    @Test func whoHasLostItGuessesNothing() async throws {
        try await withProxiedControlDatabase { control, proxy, database in
            try await begin(control, database)
            try await waitUntilSettled(control)
            try await expectMissing(control)
            proxy.set(mode: .refuse)
            proxy.cutAll()
            await #expect(throws: ControlError.self) { try await control.rows("SELECT", patience: .zero) }
            proxy.set(mode: .forward)
            try await expectUnsettled(control, database)
            let other = ControlDatabase(database.owner)
            try await expectMissing(other)
            await other.close()
        }
    }

    /// Who may not have lost anything, and acts: a worker that lives writes again within seconds.
    @Test func whoTakesARunFromWorkersLooksTwice() async throws {
        try await withControlDatabase { control, database in
            try await begin(control, database)
            try await waitUntilSettled(control)
            let journal = ControlJournal(control)
            let catalog = RunCatalog(journal: .control(database.owner)) { _ in }
            let begun = ContinuousClock.now
            let run = self.run
            async let found = catalog.resumable(run.id.description, in: journal)
            // It has looked once by then.
            try await eventually("half a second has passed") { ContinuousClock.now - begun > .milliseconds(500) }
            _ = try await control.renew(WorkerRecord(id: "w1", fleet: run.fleet, capacity: 4), for: .seconds(15))
            do {
                _ = try await found
                Issue.record("it can be resumed")
            } catch {
                #expect((error as? FleetError)?.message.hasSuffix("it is running; workers carry it out") == true, "\(error)")
            }
            #expect(ContinuousClock.now - begun < RunStaff.silence)
            // It stays away.
            try await database.execute(["UPDATE convoy_control.workers SET seen_at = clock_timestamp() - interval '40 s'"])
            let again = ContinuousClock.now
            #expect(try await catalog.resumable(run.id.description, in: journal).record.id == run.id)
            #expect(ContinuousClock.now - again > RunStaff.silence)
            // Nobody is left who may come back.
            try await database.execute(["DELETE FROM convoy_control.workers"])
            let last = ContinuousClock.now
            #expect(try await catalog.resumable(run.id.description, in: journal).record.id == run.id)
            #expect(ContinuousClock.now - last < RunStaff.silence)
        }
    }
}
