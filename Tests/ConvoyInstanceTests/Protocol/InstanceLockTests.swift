import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

@Suite(.timeLimit(.minutes(3))) struct InstanceLockTests {
    @Test func namesWhoHoldsTheAdvisoryLock() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let holder = try await database.connect(applicationName: "nightly-backup")
            try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
            let log = EventLog()
            let result = await InstanceRunner(set).up(database.instance { $0.lockWait = .seconds(3) }, log: log)
            #expect(result.outcome == .lockBusy)
            let lock = try #require(result.failure?.lockedBy)
            #expect(lock.pid == holder.backendPID)
            #expect(lock.application == "nightly-backup")
            #expect(lock.since?.hasSuffix("Z") == true)
            #expect(result.failure?.hint?.contains("pg_terminate_backend(\(holder.backendPID))") == true)
            #expect(log.waits.count == 1)
            let untouched = try await database.query("SELECT to_regclass('schema_migrations') IS NULL AS untouched").onlyRow().bool(
                "untouched"
            )
            #expect(untouched)
            holder.close()
        }
    }

    @Test func waitsUntilTheAdvisoryLockIsFree() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let holder = try await database.connect()
            try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
            let log = EventLog()
            async let result = InstanceRunner(set).up(database.instance(), log: log)
            try await eventually("it waits") { !log.waits.isEmpty }
            holder.close()
            let outcome = await result.outcome
            #expect(outcome == .migrated)
        }
    }

    @Test func twoAtOnceApplyEachMigrationOnce() async throws {
        let set = try migrationSet((1...30).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);")) })
        try await withDatabase { database in
            let instance = database.instance()
            async let first = InstanceRunner(set).up(instance, run: "run-a")
            async let second = InstanceRunner(set).up(instance, run: "run-b")
            let results = await [first, second]
            #expect(results.allSatisfy { $0.outcome == .migrated || $0.outcome == .upToDate }, "\(results.map { $0.failure })")
            #expect(results.map(\.applied.count).reduce(0, +) == 30)
            let row = try await database.query("SELECT count(*) AS rows, count(DISTINCT version) AS versions FROM convoy.migration_log")
                .onlyRow()
            #expect(try row.int64("rows") == 30)
            #expect(try row.int64("versions") == 30)
        }
    }

    /// What Ecto does at boot: the table lock, a look, its own migration, the row, COMMIT.
    @Test func leavesToTeslaMateWhatTeslaMateApplies() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"
            ])
            let ecto = try await database.connect(applicationName: "teslamate")
            try await ecto.query("BEGIN")
            try await ecto.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            let log = EventLog()
            async let running = InstanceRunner(set).up(database.instance(), log: log)
            try await eventually("Convoy waits for the table's lock") {
                try await database.query(
                    "SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted AND relation = 'schema_migrations'::regclass"
                ).onlyRow().int64("waiting") == 1
            }
            // On its other connection, as Ecto does.
            try await database.execute([
                "CREATE TABLE cars (id bigint PRIMARY KEY)",
                "INSERT INTO schema_migrations VALUES (1, now())",
            ])
            try await ecto.query("COMMIT")
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [2, 3])
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
            ecto.close()
        }
    }

    /// The other way round: TeslaMate boots while a migration of ours runs.
    @Test func makesTeslaMateWaitWhileAMigrationRuns() async throws {
        let set = try threeMigrations(second: "ALTER TABLE cars ADD COLUMN name text;\nSELECT pg_advisory_xact_lock_shared(42);")
        try await withDatabase { database in
            let barrier = try await database.connect()
            try await barrier.query("SELECT pg_advisory_lock(42)")
            async let running = InstanceRunner(set).up(database.instance())
            let isInside = """
                SELECT count(*) AS n FROM pg_locks
                WHERE locktype = 'advisory' AND objid = 42 AND NOT granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            try await eventually("the second migration runs") { try await database.query(isInside).onlyRow().int64("n") == 1 }
            let ecto = try await database.connect(applicationName: "teslamate")
            try await ecto.query("BEGIN")
            try await ecto.query("SET LOCAL lock_timeout = '200ms'")
            await #expect(throws: PostgresError.self) {
                try await ecto.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            }
            try await ecto.query("ROLLBACK")
            barrier.close()
            let outcome = await running.outcome
            #expect(outcome == .migrated)
            // Its turn: there is nothing left to do.
            try await ecto.query("BEGIN")
            try await ecto.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            let versions = try await ecto.query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n")
            #expect(versions == 3)
            ecto.close()
        }
    }

    @Test func namesWhoHoldsTheLedgersLock() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            #expect(await InstanceRunner(set).up(database.instance(), to: 1).outcome == .migrated)
            let ecto = try await database.connect(applicationName: "teslamate")
            try await ecto.query("BEGIN")
            try await ecto.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            let result = await InstanceRunner(set).up(database.instance { $0.lockWait = .milliseconds(500) })
            #expect(result.outcome == .lockBusy)
            #expect(result.failure?.lockedBy?.pid == ecto.backendPID)
            #expect(result.failure?.version == MigrationVersion(2))
            ecto.close()
        }
    }

    @Test func triesAgainWhenAMigrationDoesNotGetItsLock() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            #expect(await InstanceRunner(set).up(database.instance(), to: 1).outcome == .migrated)
            let reader = try await database.connect(applicationName: "grafana")
            try await reader.query("BEGIN")
            try await reader.query("SELECT * FROM cars")
            let log = EventLog()
            async let running = InstanceRunner(set).up(database.instance { $0.lockTimeout = .milliseconds(50) }, log: log)
            try await eventually("it is known who holds the lock") { log.waits.contains { $0.contains("grafana") } }
            try await reader.query("COMMIT")
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            reader.close()
        }
    }

    @Test func givesUpOnALockThatIsNotReleased() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            #expect(await InstanceRunner(set).up(database.instance(), to: 1).outcome == .migrated)
            let reader = try await database.connect(applicationName: "grafana")
            try await reader.query("BEGIN")
            try await reader.query("SELECT * FROM cars")
            let result = await InstanceRunner(set).up(
                database.instance {
                    $0.lockTimeout = .milliseconds(50)
                    $0.lockWait = .milliseconds(600)
                }
            )
            #expect(result.outcome == .lockBusy)
            #expect(result.failure?.sqlstate == "55P03")
            #expect(result.failure?.lockedBy?.pid == reader.backendPID)
            #expect(result.failure?.file == "Migrations/2_test.sql")
            let ledger = try await database.ledger()
            #expect(ledger == [1])
            reader.close()
        }
    }

    /// Writers of the app queue behind a waiting ALTER TABLE, so no attempt is an exception.
    @Test(arguments: 0..<25) func everyAttemptYieldsBeforeTheDeadlockCheck(attempts: Int) {
        var retry = LockRetry(lockTimeout: .seconds(5), deadlockTimeout: .seconds(1), lockWait: .seconds(60))
        for _ in 0..<attempts { _ = retry.attemptFailed(elapsed: .seconds(1), jitter: 0.5, holders: [Self.session]) }
        #expect(retry.currentLockTimeout == .milliseconds(800))
        retry.lockTimeout = .milliseconds(50)
        #expect(retry.currentLockTimeout == .milliseconds(50))
    }

    private static let session = LockHolder(pid: 1, application: "psql", address: nil, since: nil, kind: .session)
    private static let autovacuum = LockHolder(pid: 2, application: "", address: nil, since: nil, kind: .autovacuum)

    @Test func onlyAutovacuumIsWaitedForLongerAndOnlyOnDemand() {
        var retry = LockRetry(lockTimeout: .milliseconds(50), deadlockTimeout: .seconds(1), lockWait: .seconds(60))
        _ = retry.attemptFailed(elapsed: .zero, jitter: 0.5, holders: [Self.autovacuum])
        #expect(retry.currentLockTimeout == .milliseconds(50))
        retry.autovacuumWait = .seconds(2)
        #expect(retry.currentLockTimeout == .seconds(2))
        _ = retry.attemptFailed(elapsed: .zero, jitter: 0.5, holders: [Self.autovacuum, Self.session])
        #expect(retry.currentLockTimeout == .milliseconds(50))
        _ = retry.attemptFailed(elapsed: .zero, jitter: 0.5, holders: [])
        #expect(retry.currentLockTimeout == .milliseconds(50))
    }

    @Test func retriesEndWhenTheWaitIsOver() {
        var retry = LockRetry(lockTimeout: .milliseconds(50), deadlockTimeout: .seconds(1), lockWait: .seconds(3))
        #expect(retry.attemptFailed(elapsed: .seconds(1), jitter: 1, holders: [Self.session]) == .milliseconds(200))
        #expect(retry.attemptFailed(elapsed: .milliseconds(2900), jitter: 1, holders: [Self.session]) == .milliseconds(100))
        #expect(retry.attemptFailed(elapsed: .seconds(3), jitter: 0, holders: [Self.session]) == nil)
    }

    /// One more than the time allows, to see who it is.
    @Test func anUnknownHolderIsLookedForOnceMore() {
        var retry = LockRetry(lockTimeout: .milliseconds(50), deadlockTimeout: .seconds(1), lockWait: .seconds(3))
        #expect(retry.attemptFailed(elapsed: .seconds(4), jitter: 0, holders: []) == .milliseconds(1))
        #expect(retry.attemptFailed(elapsed: .seconds(5), jitter: 0, holders: []) == nil)
    }
}
