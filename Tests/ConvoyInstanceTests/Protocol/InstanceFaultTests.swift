import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

/// Connections that break and operators that change their mind.
@Suite(.timeLimit(.minutes(3))) struct InstanceFaultTests {
    /// Thirty migrations, of which the tenth waits for the test, so that a fault comes in the middle of a window.
    private static func thirtyMigrations() throws -> MigrationSet {
        try migrationSet(
            (1...30).map { version in
                let wait = version == 10 ? "\nSELECT pg_advisory_xact_lock_shared(42);" : ""
                return (Int64(version), migrationText("CREATE TABLE t\(version) (id bigint);\(wait)", down: "DROP TABLE t\(version);"))
            }
        )
    }

    /// Holds the tenth migration up until the returned session is closed.
    private static func barrier(_ database: TestDatabase) async throws -> PostgresConnection {
        let barrier = try await database.connect()
        try await barrier.query("SELECT pg_advisory_lock(42)")
        return barrier
    }

    private static func isAtBarrier(_ database: TestDatabase) async throws -> Bool {
        try await database.query(
            """
            SELECT count(*) AS waiting FROM pg_locks
            WHERE locktype = 'advisory' AND objid = 42 AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """
        ).onlyRow().int64("waiting") == 1
    }

    private static func isAppliedOnce(_ database: TestDatabase, _ count: Int64) async throws -> Bool {
        let row = try await database.query(
            """
            SELECT count(*) AS rows, count(DISTINCT version) AS versions, (SELECT count(*) FROM schema_migrations) AS ledger,
                (SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+$' AND relkind = 'r') AS tables
            FROM convoy.migration_log
            """
        ).onlyRow()
        return try ["rows", "versions", "ledger", "tables"].allSatisfy { try row.int64($0) == count }
    }

    @Test func goesOnAfterItsBackendWasTerminated() async throws {
        let set = try Self.thirtyMigrations()
        try await withDatabase { database in
            let barrier = try await Self.barrier(database)
            let log = EventLog()
            async let running = InstanceRunner(set).up(database.instance(), log: log)
            try await eventually("it is in the middle") { try await Self.isAtBarrier(database) }
            try await database.server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database.name)' AND application_name LIKE 'convoy %'"
            )
            try await eventually("it has connected again") { log.waits.contains { $0.contains("connecting again") } }
            barrier.close()
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == (1...30).map(Int64.init))
            #expect(try await Self.isAppliedOnce(database, 30))
        }
    }

    /// The old backend goes on working through the window; it must be ended before anyone looks at the ledger.
    @Test func endsItsOldBackendAfterTheNetworkWasCut() async throws {
        let set = try Self.thirtyMigrations()
        try await withDatabase(owner: .password("s3cret")) { database in
            let barrier = try await Self.barrier(database)
            let proxy = try FaultProxy(to: .port(database.server.port))
            let log = EventLog()
            async let running = InstanceRunner(set).up(database.instance(connection: database.ownerOverTCP(port: proxy.port)), log: log)
            try await eventually("it is in the middle") { try await Self.isAtBarrier(database) }
            proxy.cutAll()
            // While the barrier stands, the old one is ended rather than waited for.
            try await eventually("the old backend is gone and the new one waits", within: .seconds(20)) {
                let waits = log.waits.contains { $0.contains("connecting again") }
                let isThere = try await Self.isAtBarrier(database)
                return waits && isThere
            }
            barrier.close()
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == (1...30).map(Int64.init))
            #expect(try await Self.isAppliedOnce(database, 30))
        }
    }

    @Test func doesNotClaimToKnowWhatItCannotReach() async throws {
        let set = try Self.thirtyMigrations()
        try await withDatabase(owner: .password("s3cret")) { database in
            let barrier = try await Self.barrier(database)
            let proxy = try FaultProxy(to: .port(database.server.port))
            let log = EventLog()
            let runner = InstanceRunner(set, reconnectWait: .milliseconds(500))
            async let running = runner.up(database.instance(connection: database.ownerOverTCP(port: proxy.port)), log: log)
            try await eventually("it is in the middle") { try await Self.isAtBarrier(database) }
            proxy.set(mode: .refuse)
            proxy.cutAll()
            let result = await running
            #expect(result.outcome == .unknown)
            #expect(result.failure?.version == MigrationVersion(10))
            barrier.close()
            proxy.set(mode: .forward)
            let again = await runner.up(database.instance(), run: "run-2")
            #expect(again.outcome == .migrated, "\(String(describing: again.failure))")
            #expect(try await Self.isAppliedOnce(database, 30))
        }
    }

    @Test func aMigrationThatCostsItsConnectionTwiceIsTheCause() async throws {
        let set = try threeMigrations(second: "SELECT pg_terminate_backend(pg_backend_pid());")
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.versions == [1])
            #expect(result.failure?.version == MigrationVersion(2))
        }
    }

    @Test func cancellingRollsBackWhatRuns() async throws {
        let set = try threeMigrations(second: "CREATE TABLE half (id bigint);\nSELECT pg_sleep(60);")
        try await withDatabase { database in
            let log = EventLog()
            let instance = database.instance()
            let running = Task { await InstanceRunner(set).up(instance, log: log) }
            try await eventually("the statement sleeps") {
                try await database.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep'"
                ).onlyRow().int64("n") == 1
            }
            running.cancel()
            let result = await running.value
            #expect(result.outcome == .interrupted)
            #expect(result.versions == [1])
            #expect(result.failure?.version == MigrationVersion(2))
            try await eventually("no session is left") {
                try await database.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convoy %'"
                ).onlyRow().int64("n") == 0
            }
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }

    /// Requests can fall between two short transactions; they are repeated until one hits.
    @Test func cancellingStopsAWindowOfShortTransactions() async throws {
        let set = try migrationSet(
            (1...60).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);\nSELECT pg_sleep(0.1);")) }
        )
        try await withDatabase { database in
            let log = EventLog()
            let instance = database.instance()
            let running = Task { await InstanceRunner(set).up(instance, log: log) }
            try await eventually("some are applied") { log.all.count > 5 }
            running.cancel()
            let result = await running.value
            #expect(result.outcome == .interrupted)
            #expect(result.applied.count < 60)
            let count = Int64(result.applied.count)
            #expect(try await Self.isAppliedOnce(database, count))
        }
    }

    @Test func cancellingWhileWaitingForALockTouchesNothing() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let holder = try await database.connect()
            try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
            let log = EventLog()
            let instance = database.instance()
            let running = Task { await InstanceRunner(set).up(instance, log: log) }
            try await eventually("it waits") { !log.waits.isEmpty }
            running.cancel()
            #expect(await running.value.outcome == .interrupted)
            holder.close()
        }
    }
}
