import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// Statements without a transaction: what an attempt leaves behind, what they wait for, and that none runs twice.
@Suite(.timeLimit(.minutes(3))) struct InstanceStandaloneTests {
    private func runner(_ set: MigrationSet) -> InstanceRunner {
        var timing = InstanceRunner.Timing()
        timing.ownLockInterval = .milliseconds(100)
        return InstanceRunner(set: set, steps: [], timing: timing)
    }

    private func set(_ first: String, alone: String, down: String = "VACUUM pg_class;") throws -> MigrationSet {
        try migrationSet([
            (1, migrationText(first)), (2, migrationText(alone, down: down, options: " transaction:false")),
            (3, migrationText("CREATE TABLE trips (id bigint);")),
        ])
    }

    private func invalidIndexes(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid").rows.map {
            try $0.text("name")
        }
    }

    /// Waits until the server process of a statement that begins so waits for a lock.
    private func waiting(_ database: TestDatabase, _ statement: String) async throws {
        try await eventually("\(statement) waits") {
            try await database.query(
                """
                SELECT count(*) AS n FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock' AND starts_with(query, $1)
                """,
                [statement],
                as: "postgres"
            ).onlyRow().int64("n") > 0
        }
    }

    // MARK: - Indexes

    static let names = [
        ("cars", "cars /* the index */ (vin)"), ("-- x\n", "Cars"), ("\"my index\"", "cars"), ("U&\"\\00fcber\"", "cars"),
        ("größe", "cars"),
        ("\"Größe\"", "public.\"cars\""), ("i", "other.cars"), (String(repeating: "ä", count: 40), "cars"),
    ]

    /// The first attempt finds two equal values and leaves an invalid index, whatever its name.
    @Test(arguments: names, PostgresServer.Release.tested)
    func anInvalidIndexIsBuiltAgain(index: (name: String, table: String), release: PostgresServer.Release) async throws {
        let name = index.name.hasPrefix("--") ? "\(index.name) i" : index.name == "cars" ? "/* cars */ cars_vin" : index.name
        let table = index.table.contains("(") ? index.table : "\(index.table) (vin)"
        let set = try set(
            "CREATE SCHEMA other; CREATE TABLE cars (vin text); CREATE TABLE other.cars (vin text);\n"
                + "INSERT INTO cars VALUES ('a'), ('a'); INSERT INTO other.cars SELECT * FROM cars;",
            alone: "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \(name) ON \(table);"
        )
        try await PostgresServer.shared(release).withDatabase { database in
            let log = EventLog()
            let failed = await runner(set).up(database.instance(), log: log)
            #expect(failed.failure?.sqlstate == "23505")
            #expect(log.warnings.contains { $0.contains("is left invalid") })
            var invalid = try await invalidIndexes(database)
            #expect(invalid.count == 1)
            try await database.execute(["TRUNCATE cars, other.cars"])
            let result = await runner(set).up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            invalid = try await invalidIndexes(database)
            #expect(invalid == [])
        }
    }

    /// Our statement waits until the other session is done with the table; whether that has left a whole index is looked at.
    @Test(arguments: [true, false], PostgresServer.Release.tested)
    func anIndexThatAnotherSessionBuilds(whole: Bool, release: PostgresServer.Release) async throws {
        let statement = "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"cars by vin\" ON cars (vin)"
        let set = try set("CREATE TABLE cars (vin text);", alone: "\(statement);")
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await runner(set).up(database.instance(), to: 1)
            let writer = try await database.connect()
            try await writer.query("BEGIN")
            try await writer.query("INSERT INTO cars VALUES ('a')")
            let building = Task { try await database.execute([statement]) }
            func waitingSessions() async throws -> [Int64] {
                try await database.query(
                    """
                    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX%'
                    ORDER BY query_start
                    """,
                    as: "postgres"
                ).rows.map { try $0.int64("pid") }
            }
            try await eventually("it is built") { try await waitingSessions().count == 1 }
            let instance = database.instance()
            let running = Task { await runner(set).up(instance) }
            try await eventually("ours waits") { try await waitingSessions().count == 2 }
            if whole {
                try await writer.query("COMMIT")
            } else if let builder = try await waitingSessions().first {
                try await database.server.execute("SELECT pg_cancel_backend(\(builder))")
            }
            let result = await running.value
            writer.close()
            _ = await building.result
            var ledger = try await database.ledger()
            if whole {
                #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            } else {
                #expect(result.outcome == .failed, "\(String(describing: result.failure))")
                #expect(result.failure?.message.hasPrefix("the index public.\"cars by vin\" is not valid after the statement") == true)
                #expect(ledger == [1])
                let again = await runner(set).up(database.instance())
                #expect(again.outcome == .migrated, "\(String(describing: again.failure))")
                ledger = try await database.ledger()
            }
            #expect(ledger == [1, 2, 3])
            let invalid = try await invalidIndexes(database)
            #expect(invalid == [])
        }
    }

    @Test(arguments: ["CREATE INDEX cars_vin ON bikes (vin)", "CREATE TABLE cars_vin (id bigint)"])
    func aNameThatIsTaken(by statement: String) async throws {
        let set = try set(
            "CREATE TABLE cars (vin text); CREATE TABLE bikes (vin text); \(statement);",
            alone: "CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin);"
        )
        try await withDatabase { database in
            let result = await runner(set).up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.failure?.message == "the name public.cars_vin belongs to something else, so that IF NOT EXISTS made no index")
            #expect(result.versions == [1])
        }
    }

    @Test(
        arguments: ["TABLE CONCURRENTLY cars", "INDEX CONCURRENTLY cars_pkey", "SCHEMA CONCURRENTLY garage"],
        PostgresServer.Release.tested
    )
    func whatACutOffReindexLeaves(target: String, release: PostgresServer.Release) async throws {
        let isSchema = target.hasPrefix("SCHEMA")
        let table = isSchema ? "garage.cars" : "cars"
        let set = try set("CREATE SCHEMA garage; CREATE TABLE \(table) (id bigint PRIMARY KEY, vin text);", alone: "REINDEX \(target);")
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await runner(set).up(database.instance(), to: 1)
            let writer = try await database.connect()
            try await writer.query("BEGIN")
            try await writer.query("INSERT INTO \(table) VALUES (1)")
            let builder = try await database.connect()
            try await builder.query("SET statement_timeout = '500ms'")
            await #expect(throws: PostgresError.self) { try await builder.query("REINDEX TABLE CONCURRENTLY \(table)") }
            builder.close()
            try await writer.query("COMMIT")
            writer.close()
            var invalid = try await invalidIndexes(database)
            #expect(invalid.contains { $0.hasSuffix("cars_pkey_ccnew") }, "\(invalid)")
            let log = EventLog()
            let result = await runner(set).up(database.instance(), log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(log.warnings.contains { $0.contains("cars_pkey_ccnew was left invalid by an earlier attempt: Convoy drops it") })
            // That of the TOAST table belongs to the system: the operator reads what to do.
            let advice = log.warnings.compactMap { warning in
                warning.contains("only a superuser can drop it") ? warning.split(separator: ": ").last.map(String.init) : nil
            }
            try await database.execute(advice, as: "postgres")
            invalid = try await invalidIndexes(database)
            #expect(invalid == [])
        }
    }

    // MARK: - Locks

    /// Writers queue behind a request for an ACCESS EXCLUSIVE lock, so it is not made for longer than `lock_timeout`.
    @Test(arguments: [
        "VACUUM FULL cars;", "-- convoy:lock-timeout 50ms\nVACUUM (FULL) cars;",
        "-- convoy:repeatable\nALTER TABLE cars ADD COLUMN IF NOT EXISTS vin text;",
    ])
    func whatTakesAnExclusiveLockGivesUpEarly(alone: String) async throws {
        let set = try set("CREATE TABLE cars (id bigint);", alone: alone)
        try await withDatabase { database in
            _ = await runner(set).up(database.instance(), to: 1)
            let reader = try await database.connect()
            try await reader.query("BEGIN")
            try await reader.query("SELECT * FROM cars")
            let busy = await runner(set).up(database.instance { $0.lockWait = .seconds(1) })
            #expect(busy.outcome == .lockBusy, "\(String(describing: busy.failure))")
            let log = EventLog()
            async let running = runner(set).up(database.instance { $0.lockWait = .seconds(30) }, log: log)
            try await eventually("it has given up once") { log.waits.contains { $0.contains("waits for a lock") } }
            try await reader.query("COMMIT")
            reader.close()
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }

    @Test(arguments: [
        "DROP INDEX CONCURRENTLY IF EXISTS ledger_times;", "-- convoy:repeatable\nCALL touch_ledger();",
        "-- convoy:repeatable\nCLUSTER schema_migrations USING ledger_times;",
        "-- convoy:repeatable\nALTER TABLE schema_migrations SET (fillfactor = 90);",
    ])
    func whatWaitsForOurOwnLockIsCancelled(alone: String) async throws {
        let set = try set(
            """
            CREATE INDEX ledger_times ON schema_migrations (inserted_at);
            CREATE PROCEDURE touch_ledger() LANGUAGE plpgsql AS 'BEGIN ANALYZE schema_migrations; END';
            """,
            alone: alone
        )
        try await withDatabase { database in
            let result = await runner(set).up(database.instance())
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            #expect(result.failure?.message.contains("for the lock on public.schema_migrations that Convoy holds meanwhile") == true)
            #expect(result.failure?.version == MigrationVersion(2))
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }

    /// The statement waits for a session that waits for the ledger: the server sees no deadlock in that.
    @Test(arguments: PostgresServer.Release.tested)
    func whatWaitsForOurOwnLockBehindAnother(release: PostgresServer.Release) async throws {
        let set = try set("CREATE TABLE cars (id bigint);", alone: "VACUUM cars;")
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await runner(set).up(database.instance(), to: 1)
            let other = try await database.connect()
            try await other.query("BEGIN")
            try await other.query("LOCK TABLE cars IN ACCESS EXCLUSIVE MODE")
            let instance = database.instance()
            let runner = runner(set)
            async let running = runner.up(instance)
            try await waiting(database, "VACUUM cars")
            try await other.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            try await other.query("ROLLBACK")
            other.close()
            let result = await running
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            #expect(result.failure?.message.contains("itself or behind another session") == true)
        }
    }

    // MARK: - Once

    /// The second connection is lost while the statement runs; it is known to be done, and only its row is missing.
    @Test(arguments: PostgresServer.Release.tested)
    func aStatementThatIsDoneDoesNotRunAgain(release: PostgresServer.Release) async throws {
        let set = try set(
            "CREATE TABLE counters (n bigint); INSERT INTO counters VALUES (1);",
            alone: "-- convoy:repeatable\nWITH twice AS (UPDATE counters SET n = n * 2 RETURNING n) SELECT pg_sleep(1) FROM twice;"
        )
        try await PostgresServer.shared(release).withDatabase { database in
            let instance = database.instance()
            let log = EventLog()
            async let running = InstanceRunner(set).up(instance, log: log)
            try await eventually("the second session idles beside the statement") {
                let ended = try await database.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'convoy %' AND state = 'idle in transaction'
                        AND EXISTS (SELECT FROM pg_stat_activity s WHERE s.datname = current_database() AND s.query LIKE 'WITH twice %' AND s.state = 'active')
                    """,
                    as: "postgres"
                )
                return !ended.rows.isEmpty
            }
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3])
            #expect(log.warnings.contains { $0.contains("had already run: only its row in the ledger was missing") })
            let n = try await database.query("SELECT n FROM counters").onlyRow().int64("n")
            #expect(n == 2)
        }
    }

    /// What would keep the row out of the ledger is found before the statement runs.
    @Test(arguments: InstanceLedgerRowTests.upTraps)
    func aRowThatTheLedgerWouldNotKeep(trap: InstanceLedgerRowTests.Trap) async throws {
        let set = try set("CREATE TABLE cars (vin text);", alone: "CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin);")
        try await withDatabase { database in
            _ = await runner(set).up(database.instance(), to: 1)
            try await database.execute(trap.statements)
            let result = await runner(set).up(database.instance())
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            #expect(result.failure?.message.contains("does not keep the row of version 2") == true)
            let built = try await database.query("SELECT to_regclass('cars_vin') IS NOT NULL AS built").onlyRow().bool("built")
            #expect(!built)
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }
}
