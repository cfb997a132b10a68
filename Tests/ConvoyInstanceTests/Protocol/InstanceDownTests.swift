import ConvoyCatalog
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct InstanceDownTests {
    @Test func revertsNewestFirstToAVersion() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance())
            let status = await runner.probe(database.instance(), for: .down(to: MigrationVersion(1)))
            #expect(status.pending.map(\.value) == [3, 2])
            let result = await runner.migrate(
                InstanceJob(database.instance(), .down(to: MigrationVersion(1)), run: "run-2"),
                report: { _ in }
            )
            #expect(result.outcome == .rolledBack, "\(String(describing: result.failure))")
            #expect(result.versions == [3, 2])
            #expect(result.applied.allSatisfy { $0.direction == .down })
            #expect(result.to == MigrationVersion(1))
            let ledger = try await database.ledger()
            #expect(ledger == [1])
            let log = try await database.query("SELECT count(*) AS n FROM convoy.migration_log WHERE direction = 'down'").onlyRow()
            #expect(try log.int64("n") == 2)
        }
    }

    @Test func revertsSomeSteps() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set, batchMigrations: 1)
            _ = await runner.up(database.instance())
            let result = await runner.migrate(InstanceJob(database.instance(), .downSteps(2), run: "run-2"), report: { _ in })
            #expect(result.versions == [3, 2])
            let all = await runner.migrate(InstanceJob(database.instance(), .downSteps(5), run: "run-3"), report: { _ in })
            #expect(all.versions == [1])
            #expect(all.to == nil)
            let none = await runner.migrate(InstanceJob(database.instance(), .downSteps(5), run: "run-4"), report: { _ in })
            #expect(none.outcome == .upToDate)
        }
    }

    @Test func refusesAnIrreversibleVersionBeforeAnythingIsTouched() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);", down: "DROP TABLE cars;")),
            (2, migrationText("DROP TABLE cars;", down: "-- convoy:irreversible the cars are gone")),
            (3, migrationText("CREATE TABLE trips (id bigint);", down: "DROP TABLE trips;")),
        ])
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance())
            let result = await runner.migrate(InstanceJob(database.instance(), .downSteps(2), run: "run-2"), report: { _ in })
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("the cars are gone") == true)
            #expect(result.failure?.file == "Migrations/2_test.sql")
            #expect(result.applied.isEmpty)
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
            let status = await runner.probe(database.instance(), for: .downSteps(2))
            #expect(status.outcome == .blocked)
        }
    }

    @Test func revertsWhatARunApplied() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            _ = await runner.up(database.instance(), run: "run-2")
            let work = await runner.work(of: "run-2", on: database.instance())
            #expect(work?.applied.map(\.version.value) == [2, 3])
            #expect(work?.from == MigrationVersion(1))
            let versions = [2, 3].map { MigrationVersion($0) }
            let result = await runner.migrate(
                InstanceJob(database.instance(), .revert(versions, start: MigrationVersion(1)), run: "run-2"),
                report: { _ in }
            )
            #expect(result.versions == [3, 2])
            let after = await runner.work(of: "run-2", on: database.instance())
            #expect(after?.applied.map(\.version.value) == [2, 3, 3, 2])
            #expect(after?.from == MigrationVersion(1))
            let again = await runner.migrate(
                InstanceJob(database.instance(), .revert(versions, start: MigrationVersion(1)), run: "run-2"),
                report: { _ in }
            )
            #expect(again.outcome == .upToDate)
        }
    }

    /// Version 2 goes back from beneath 3 only where 3 was there before the run began.
    @Test(arguments: [(start: 3, outcome: Outcome.rolledBack), (start: 1, outcome: .blocked)] as [(start: Int64, outcome: Outcome)])
    func revertsBeneathOnlyWhatWasThereBefore(start: Int64, outcome: Outcome) async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance())
            let change = Change.revert([MigrationVersion(2)], start: MigrationVersion(start))
            let result = await runner.migrate(InstanceJob(database.instance(), change, run: "run-2"), report: { _ in })
            #expect(result.outcome == outcome, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(ledger == (outcome == .blocked ? [1, 2, 3] : [1, 3]))
        }
    }

    @Test func tellsTheSlotsOfAServer() async throws {
        try await withDatabase { database in
            let runner = InstanceRunner(try threeMigrations())
            let before = try #require(await runner.slots(on: database.instance(), run: "run-1"))
            let other = try await database.connect()
            defer { other.close() }
            #expect(before.maximum > 3)
            #expect(before.available < before.maximum - before.others)
        }
    }

    @Test func theCohortTellsSchemasApartAndNotRows() async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared().withDatabases(2) { databases in
            let runner = InstanceRunner(set)
            for database in databases { _ = await runner.up(database.instance()) }
            let first = await CatalogReader(runner).cohort(of: databases[0].instance())
            #expect(first?.hasPrefix("3 ") == true)
            _ = try await databases[1].query("INSERT INTO cars VALUES (1)")
            #expect(await CatalogReader(runner).cohort(of: databases[1].instance()) == first)
            _ = try await databases[1].query("CREATE INDEX ON cars (name)")
            #expect(await CatalogReader(runner).cohort(of: databases[1].instance()) != first)
        }
    }
}
