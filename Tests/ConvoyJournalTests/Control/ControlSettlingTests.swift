import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import Glibc
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
        #expect(try await control.workersAlive(of: run.fleet) == 2)
        do throws(FleetError) {
            _ = try await RunCatalog(journal: .control(database.owner)) { _ in }.resumable("latest", in: ControlJournal(control))
            Issue.record("it can be resumed")
        } catch {
            let words = "the control database was away until a moment ago, and its workers have not been seen since"
            #expect(error.message.hasSuffix("it is running; \(words)"), "\(error)")
            #expect(error.hint == "try again in 15 s")
        }
    }

    private func expectMissing(_ control: ControlDatabase) async throws {
        let staff = try #require(try await control.staff(of: run.id))
        #expect(staff.isMissing && !staff.isUnsettled)
        #expect(try await control.workersAlive(of: run.fleet) == 0)
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
            #expect(try await control.workersAlive(of: run.fleet) == 1)
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

    /// The server is not started anew where it recovers from a crash, and where a standby becomes the primary.
    @Test(arguments: PostgresServer.Release.tested)
    func aCrashAndAPromotionAreBeginnings(_ release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.start(release)
        try await server.withDatabase { database in
            let control = ControlDatabase(database.owner)
            func waitUntilOld() async throws {
                try await eventually("it is old", within: .seconds(30)) { await !control.hasJustBegun(within: .seconds(3)) }
            }
            #expect(await control.hasJustBegun(within: .seconds(600)))
            try await waitUntilOld()
            let victim = try await database.connect()
            let process = try await victim.query("SELECT pg_backend_pid() AS pid").onlyRow().int64("pid")
            #expect(Glibc.kill(Int32(clamping: process), SIGKILL) == 0)
            try await eventually("it has recovered", within: .seconds(30)) { await control.hasJustBegun(within: .seconds(3)) }
            victim.close()

            try await waitUntilOld()
            try await server.becomeStandby()
            try await eventually("it can be read", within: .seconds(30)) { (try? await control.schemaState()) == .missing }
            try await waitUntilOld()
            try await server.execute("SELECT pg_promote()")
            #expect(await control.hasJustBegun(within: .seconds(3)))
            await control.close()
        }
    }

    /// Who may not look at how the server began hears of its start.
    @Test func withoutRightsTheStartCounts() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            try await database.execute(["REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM public"], as: "postgres")
            let control = ControlDatabase(database.owner)
            #expect(await control.hasJustBegun(within: .seconds(600)))
            #expect(await !control.hasJustBegun(within: .milliseconds(1)))
            await control.close()
        }
    }
}
