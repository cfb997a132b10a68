import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

@Suite(.timeLimit(.minutes(3))) struct InstanceNonTransactionalTests {
    private func indexSet(_ statement: String) throws -> MigrationSet {
        try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint, vin text);\nINSERT INTO cars VALUES (1, 'a'), (2, 'a');")),
            (2, migrationText(statement, down: "DROP INDEX CONCURRENTLY IF EXISTS cars_vin;", options: " transaction:false")),
            (3, migrationText("CREATE TABLE trips (id bigint);")),
        ])
    }

    private func isValid(_ database: TestDatabase) async throws -> Bool? {
        try await database.query("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('cars_vin')").rows.first.map {
            try $0.bool("indisvalid")
        }
    }

    @Test func buildsAnIndexConcurrentlyBesideTheLedgersLock() async throws {
        let set = try indexSet("CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin);")
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3])
            var validity = try await isValid(database)
            #expect(validity == true)
            let down = await InstanceRunner(set).migrate(
                InstanceJob(database.instance(), .down(to: MigrationVersion(1)), run: "run-2"),
                report: { _ in }
            )
            #expect(down.outcome == .rolledBack, "\(String(describing: down.failure))")
            validity = try await isValid(database)
            #expect(validity == nil)
        }
    }

    @Test func rebuildsAnIndexThatAnEarlierAttemptLeftInvalid() async throws {
        let set = try indexSet("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin);")
        try await withDatabase { database in
            let failed = await InstanceRunner(set).up(database.instance())
            #expect(failed.outcome == .failed)
            #expect(failed.failure?.sqlstate == "23505")
            #expect(failed.versions == [1])
            var validity = try await isValid(database)
            #expect(validity == false)
            var ledger = try await database.ledger()
            #expect(ledger == [1])
            try await database.execute(["DELETE FROM cars WHERE id = 2"])
            let log = EventLog()
            let result = await InstanceRunner(set).up(database.instance(), log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            validity = try await isValid(database)
            #expect(validity == true)
            #expect(log.warnings.contains { $0.contains("left invalid") })
            ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
        }
    }

    @Test(arguments: [
        ("VACUUM", true), ("vacuum (analyze, verbose)", true), ("VACUUM FULL", true), ("VACUUM\nANALYZE", true), ("VACUUM cars", false),
        ("VACUUM (SKIP_LOCKED, ANALYZE)", false), ("VACUUM FREEZE cars", false), ("VACUUM(FULL) \"FULL\"", false),
        ("REINDEX DATABASE CONCURRENTLY teslamate", true), ("REINDEX (VERBOSE) DATABASE", true), ("REINDEX INDEX CONCURRENTLY a", false),
        ("CREATE INDEX CONCURRENTLY vacuum ON cars (id)", false), ("VACUUM schema_migrations", true),
        ("VACUUM (ANALYZE) cars, app.\"schema_migrations\"", true), ("VACUUM (SKIP_LOCKED) schema_migrations", false),
        ("VACUUM schema_migrations_old", false), ("REINDEX SCHEMA app", true), ("REINDEX (VERBOSE) SCHEMA CONCURRENTLY \"app\"", true),
        ("REINDEX SCHEMA public", false), ("REINDEX TABLE CONCURRENTLY app.schema_migrations", true), ("REINDEX TABLE cars", false),
        ("REINDEX INDEX CONCURRENTLY schema_migrations_pkey", true), ("REINDEX SYSTEM teslamate", false),
        ("ANALYZE", true), ("ANALYZE (SKIP_LOCKED)", false), ("ANALYZE VERBOSE cars (id), schema_migrations (version)", true),
        ("VACUUM cars, other.schema_migrations", false), ("VACUUM /* schema_migrations */ cars", false), ("VACUUM -- x\n", true),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY app . schema_migrations (version)", true),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON U&\"schema\\005Fmigrations\" (version)", true),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS schema_migrations ON cars (id)", false), ("CLUSTER", false),
        ("VACUUM (FULL, SKIP_LOCKED false)", true),
    ])
    func knowsWhatLocksTheLedger(statement: String, does: Bool) async throws {
        #expect(InstanceAssessment.locksLedger(statement, in: "app") == does)
    }

    /// Convoy itself holds a lock on the ledger meanwhile.
    @Test(arguments: [
        "VACUUM;", "REINDEX SCHEMA public;", "VACUUM schema_migrations;", "-- convoy:repeatable\nANALYZE;",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON public.\"schema_migrations\" (inserted_at);",
    ])
    func refusesWhatWouldWaitForItself(statement: String) async throws {
        let set = try migrationSet([(1, migrationText(statement, down: "VACUUM pg_class;", options: " transaction:false"))])
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .blocked)
            #expect(result.failure?.line == (statement.hasPrefix("--") ? 3 : 2))
            #expect(result.failure?.hint?.contains("SKIP_LOCKED") == true)
        }
    }
}
