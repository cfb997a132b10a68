import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun
@testable import ConvoyText

/// What an instance's own rows may hold, and what becomes of it.
@Suite(.timeLimit(.minutes(3))) struct InstanceEdgeTests {
    @Test(
        arguments: [
            (1_577_836_800.0, true), (-62_135_596_800.0, true), (.infinity, false), (.nan, false), (1e300, false), (-1e300, false),
            (9.2e18, false),
        ] as [(Double, Bool)]
    )
    func aTimeOfTheLedgerIsADateOrNothing(_ seconds: Double, _ isDate: Bool) {
        #expect((Date(secondsSince1970: seconds) != nil) == isDate)
        #expect((CatalogTime(seconds: seconds).date != nil) == isDate)
    }

    @Test func slotsOfAServerAreNumbersThatAServerCanHave() {
        for (maximum, reserved, others) in [(Int.max, Int.min, Int.min), (.min, .max, .max), (100, 3, -1), (.max, .max, .max)] {
            let slots = ServerSlots(maximum: maximum, reserved: reserved, others: others)
            #expect((0...1_000_000).contains(slots.available))
        }
        #expect(ServerSlots(maximum: 100, reserved: 3, others: 7).available == 87)
    }

    @Test func longListsAreCut() {
        #expect(shortList([1, 2, 3]) == "1, 2, 3")
        #expect(shortList([Int]()) == "")
        #expect(shortList(1...5_000_000) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … and 4,999,990 more")
    }

    @Test func aLedgerOfMoreVersionsThanAnySetHasIsNotRead() async throws {
        try await withDatabase { database in
            let runner = InstanceRunner(try threeMigrations())
            #expect(await runner.up(database.instance()).outcome == .migrated)
            try await database.execute(["INSERT INTO schema_migrations SELECT n, now() FROM generate_series(10, 30000) AS n"])
            let status = await runner.status(database.instance())
            #expect(status.outcome == .blocked)
            #expect(status.failure?.message == "public.schema_migrations has more than 20,000 versions, which no migration set has")
            try await database.execute(["DELETE FROM schema_migrations WHERE version > 1000"])
            let fewer = await runner.status(database.instance())
            #expect(fewer.outcome == .ahead)
            #expect(fewer.failure?.message.hasSuffix("10, 11, 12, 13, 14, 15, 16, 17, 18, 19, … and 981 more") == true)
        }
    }

    @Test(arguments: ["infinity", "-infinity"])
    func aTimeWithoutEndInTheLedgerIsNoHindrance(_ time: String) async throws {
        try await withDatabase { database in
            let runner = InstanceRunner(try threeMigrations())
            #expect(await runner.up(database.instance()).outcome == .migrated)
            try await database.execute(["UPDATE schema_migrations SET inserted_at = '\(time)' WHERE version = 3"])
            #expect(await runner.status(database.instance()).outcome == .upToDate)
        }
    }

    @Test func warningsOfTheServerAreShownUpToANumber() async throws {
        try await withDatabase { database in
            let noisy = "DO $$ BEGIN FOR i IN 1..1000 LOOP RAISE WARNING 'no %', i; RAISE NOTICE 'not this'; END LOOP; END $$;"
            let log = EventLog()
            let runner = InstanceRunner(try migrationSet([(1, migrationText(noisy)), (2, migrationText(noisy))]))
            let result = await runner.migrate(InstanceJob(database.instance(), .up(to: nil), run: "r"), report: log.add)
            #expect(result.outcome == .migrated)
            #expect(log.warnings.count == 21)
            #expect(log.warnings.last == "the server sent more warnings than are shown here; see the server's log")
            #expect(!log.warnings.contains { $0.contains("not this") })
        }
    }

    @Test func aMigrationThatIsFloodedFailsAndIsRolledBack() async throws {
        try await withDatabase { database in
            let flood = "DO $$ BEGIN LOOP RAISE WARNING '%', repeat('x', 100000); END LOOP; END $$;"
            let runner = InstanceRunner(try migrationSet([(1, migrationText("CREATE TABLE cars (id int);")), (2, migrationText(flood))]))
            let result = await runner.up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.applied.map(\.version.value) == [1])
            #expect(result.failure?.message == "the server sent more than 4 MiB without a result, and the connection was closed")
            #expect(result.failure?.version == MigrationVersion(2))
            #expect(try await database.ledger() == [1])
        }
    }

    @Test func rowsOfAMigrationsSelectAreNotKept() async throws {
        try await withDatabase { database in
            let select = "SELECT repeat('x', 1000) FROM generate_series(1, 100000);"
            let runner = InstanceRunner(try migrationSet([(1, migrationText(select))]))
            #expect(await runner.up(database.instance()).outcome == .migrated)
        }
    }
}
