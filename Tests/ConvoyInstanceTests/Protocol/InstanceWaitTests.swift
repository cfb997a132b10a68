import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Waits that must end, and are told for what they are.
@Suite(.timeLimit(.minutes(3))) struct InstanceWaitTests {
    private func waitsForLock(_ database: TestDatabase, on table: String) async throws -> Bool {
        try await database.query(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass) AS waits",
            [table]
        ).onlyRow().bool("waits")
    }

    @Test func aStepsLookAtALockedTable() async throws {
        let set = try threeMigrations(second: "-- convoy:step look\nALTER TABLE cars ADD COLUMN name text;")
        try await withDatabase { database in
            let runner = InstanceRunner(set, steps: [Look()])
            _ = await runner.up(database.instance(), to: 1)
            let holder = try await database.connect()
            try await holder.query("BEGIN")
            try await holder.query("LOCK TABLE cars")
            let instance = database.instance { $0.lockTimeout = .milliseconds(100) }
            let status = try await within(.seconds(20)) { await runner.status(instance) }
            #expect(status.outcome == .lockBusy, "\(String(describing: status.failure))")
            holder.close()
        }
    }

    @Test func cancellingALookAtTheLedger() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            let holder = try await database.connect()
            try await holder.query("BEGIN")
            try await holder.query("LOCK TABLE schema_migrations")
            let instance = database.instance { $0.lockTimeout = .seconds(30) }
            let running = Task { await runner.up(instance) }
            try await eventually("it waits") { try await waitsForLock(database, on: "schema_migrations") }
            running.cancel()
            let result = await running.value
            #expect(result.outcome == .interrupted, "\(String(describing: result.failure))")
            holder.close()
        }
    }

    /// Only waiting uses up lock_wait, not the work before it.
    @Test func aLockNeededAfterALongStatement() async throws {
        let set = try threeMigrations(second: "SELECT pg_sleep(1);\nALTER TABLE cars ADD COLUMN name text;")
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            let reader = try await database.connect()
            try await reader.query("BEGIN")
            try await reader.query("SELECT * FROM cars")
            let log = EventLog()
            let instance = database.instance {
                $0.lockTimeout = .milliseconds(50)
                $0.lockWait = .milliseconds(900)
            }
            async let running = InstanceRunner(set).up(instance, log: log)
            try await eventually("the first attempt failed") { !log.waits.isEmpty }
            try await reader.query("COMMIT")
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            reader.close()
        }
    }

    /// A file may ask for a longer wait than the app can bear; Convoy still yields first.
    @Test func aFilesLockTimeoutStaysBelowTheDeadlockTimeout() async throws {
        let set = try migrationSet([
            (1, migrationText("-- convoy:lock-timeout 5ms\nCREATE TABLE a AS SELECT current_setting('lock_timeout') AS value;")),
            (2, migrationText("CREATE TABLE b AS SELECT current_setting('lock_timeout') AS value;")),
            (3, migrationText("-- convoy:lock-timeout 60s\nCREATE TABLE c AS SELECT current_setting('lock_timeout') AS value;")),
        ])
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance { $0.lockTimeout = .milliseconds(300) })
            #expect(result.outcome == .migrated)
            let values = try await database.query("SELECT a.value AS a, b.value AS b, c.value AS c FROM a, b, c").onlyRow()
            #expect(try [values.text("a"), values.text("b"), values.text("c")] == ["5ms", "300ms", "800ms"])
        }
    }

    @Test func stepsDownCountFromWhatWasShown() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance())
            let holder = try await database.connect()
            try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
            let log = EventLog()
            let instance = database.instance()
            async let running = runner.migrate(InstanceJob(instance, .downSteps(1), run: "run-2"), report: log.add)
            try await eventually("it waits") { !log.waits.isEmpty }
            // What another coordinator with the same order does.
            try await database.execute(["DROP TABLE trips", "DELETE FROM schema_migrations WHERE version = 3"])
            holder.close()
            let result = await running
            #expect(result.outcome.isGood)
            #expect(result.applied == [])
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2])
        }
    }

    @Test func stepsDownStopWhereTheAppWentUp() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 2)
            let holder = try await database.connect()
            try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
            let log = EventLog()
            let instance = database.instance()
            async let running = runner.migrate(InstanceJob(instance, .downSteps(1), run: "run-2"), report: log.add)
            try await eventually("it waits") { !log.waits.isEmpty }
            try await database.execute(["CREATE TABLE trips (id bigint)", "INSERT INTO schema_migrations VALUES (3, now())"])
            holder.close()
            let result = await running
            #expect(result.outcome == .blocked)
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
        }
    }

    /// The app's migrator may also take a version back while Convoy waits for it.
    @Test func goesBackToWhatTheAppReverted() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 2)
            let ecto = try await database.connect()
            try await ecto.query("BEGIN")
            try await ecto.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            async let running = InstanceRunner(set).up(database.instance())
            try await eventually("it waits") { try await waitsForLock(database, on: "schema_migrations") }
            try await database.execute(["ALTER TABLE cars DROP COLUMN name", "DELETE FROM schema_migrations WHERE version = 2"])
            try await ecto.query("COMMIT")
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [2, 3])
            ecto.close()
        }
    }
}
