import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// Who stands in the way is named where it is proved, and advice makes the way free.
@Suite(.timeLimit(.minutes(3))) struct LockHolderTests {
    /// The database's second migration wants the table `cars`, and does not wait long for it.
    private func withCars(
        on release: PostgresServer.Release = .system,
        _ body: (TestDatabase, InstanceRunner, Instance) async throws -> Void
    ) async throws {
        let runner = InstanceRunner(try threeMigrations())
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase { database in
            let instance = database.instance {
                $0.lockTimeout = .milliseconds(100)
                $0.lockWait = .milliseconds(500)
            }
            #expect(await runner.up(instance, to: 1).outcome == .migrated)
            try await database.execute(["CREATE TABLE notes (id bigint PRIMARY KEY)"])
            try await body(database, runner, instance)
        }
    }

    private func holding(_ sql: String..., in database: TestDatabase, as user: String? = nil, name: String) async throws
        -> PostgresConnection
    {
        let session = try await database.connect(as: user, applicationName: name)
        try await session.query("BEGIN")
        for statement in sql { try await session.query(statement) }
        return session
    }

    @Test(arguments: PostgresServer.Release.tested) func theInnocentSessionIsLeftAlone(_ release: PostgresServer.Release) async throws {
        try await withCars(on: release) { database, runner, instance in
            // It is older, holds locks, and has nothing to do with it.
            let innocent = try await holding("SELECT * FROM notes", in: database, name: "report")
            let culprit = try await holding("SELECT * FROM cars", in: database, name: "culprit")
            let log = EventLog()
            let result = await runner.up(instance, log: log)
            let failure = try #require(result.failure)
            #expect(failure.kind == .lockBusy)
            #expect(failure.lockedBy?.pid == culprit.backendPID)
            #expect(failure.lockedBy?.kind == .session)
            #expect(failure.hint?.contains("pg_terminate_backend(\(culprit.backendPID))") == true)
            #expect(failure.hint?.contains("\(innocent.backendPID)") == false)
            #expect(log.waits.contains { $0.contains("process \(culprit.backendPID) (culprit)") })
            // What the hint says is done, as the role of the instance.
            try await database.execute(["SELECT pg_terminate_backend(\(culprit.backendPID), 5000)"])
            #expect(await runner.up(instance, run: "run-2").outcome == .migrated)
            innocent.close()
            culprit.close()
        }
    }

    /// What waits in the queue before us is not what it is about.
    @Test func theRootOfAQueueIsNamed() async throws {
        try await withCars { database, runner, instance in
            let root = try await holding("SELECT * FROM cars", in: database, name: "root")
            let queued = Task { try await holding("LOCK TABLE cars IN ACCESS EXCLUSIVE MODE", in: database, name: "queued").close() }
            try await eventually("it queues") {
                try await database.query("SELECT FROM pg_locks WHERE NOT granted AND relation = 'cars'::regclass").rows.count == 1
            }
            let failure = try #require(await runner.up(instance).failure)
            #expect(failure.lockedBy?.pid == root.backendPID)
            root.close()
            try await queued.value
        }
    }

    @Test func allHoldersAreNamed() async throws {
        try await withCars { database, runner, instance in
            let one = try await holding("SELECT * FROM cars", in: database, name: "one")
            let two = try await holding("SELECT * FROM cars", in: database, name: "two")
            let hint = try #require(await runner.up(instance).failure?.hint)
            #expect(hint.contains("pg_terminate_backend(\(one.backendPID))") && hint.contains("pg_terminate_backend(\(two.backendPID))"))
            one.close()
            two.close()
        }
    }

    /// A foreign key locks the table that it points to, and a statement that changes several tables waits for one of them.
    @Test(arguments: [
        "CREATE TABLE trips (id bigint, note_id bigint REFERENCES notes (id));",
        "DROP TABLE cars, notes;",
        "UPDATE notes SET id = 2;",
    ])
    func whateverTheStatementWaitsFor(_ statement: String) async throws {
        try await withCars { database, _, instance in
            try await database.execute(["INSERT INTO notes VALUES (1)"])
            let innocent = try await holding("SELECT 1 FROM pg_class", "CREATE TABLE other ()", in: database, name: "report")
            let culprit = try await holding("UPDATE notes SET id = 3", in: database, name: "culprit")
            let runner = InstanceRunner(try threeMigrations(second: statement))
            let failure = try #require(await runner.up(instance).failure)
            #expect(failure.lockedBy?.pid == culprit.backendPID, "\(failure)")
            innocent.close()
            culprit.close()
        }
    }

    @Test func aProcessOfAnotherRole() async throws {
        try await withCars { database, runner, instance in
            let other = try await holding("SELECT * FROM cars", in: database, as: "postgres", name: "dba")
            let failure = try #require(await runner.up(instance).failure)
            #expect(failure.lockedBy?.pid == other.backendPID)
            #expect(failure.lockedBy?.kind == .hidden)
            #expect(failure.lockedBy?.role == "postgres")
            #expect(failure.hint?.contains("pg_terminate_backend") == false)
            #expect(failure.lockedBy?.description == "process \(other.backendPID) (dba) of role postgres")
            other.close()
        }
    }

    /// The ledger itself is locked for everyone, as `VACUUM FULL` or a restore does.
    @Test func whoLocksTheLedger() async throws {
        try await withCars { database, runner, instance in
            let innocent = try await holding("SELECT * FROM notes", in: database, name: "report")
            let culprit = try await holding("LOCK TABLE schema_migrations", in: database, name: "culprit")
            let failure = try #require(await runner.status(instance).failure)
            #expect(failure.kind == .lockBusy)
            #expect(failure.lockedBy?.pid == culprit.backendPID)
            #expect(await runner.up(instance).failure?.lockedBy?.pid == culprit.backendPID)
            innocent.close()
            culprit.close()
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func aPreparedTransaction(_ release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.start(release, settings: ["max_prepared_transactions": "4"])
        let runner = InstanceRunner(try threeMigrations())
        try await server.withDatabase { database in
            let instance = database.instance {
                $0.lockTimeout = .milliseconds(100)
                $0.lockWait = .milliseconds(500)
            }
            #expect(await runner.up(instance, to: 1).outcome == .migrated)
            let session = try await holding("LOCK TABLE cars IN ROW EXCLUSIVE MODE", in: database, name: "app")
            try await session.query("PREPARE TRANSACTION 'orphan''s 7'")
            session.close()
            let failure = try #require(await runner.up(instance).failure)
            #expect(failure.kind == .lockBusy)
            let holder = try #require(failure.lockedBy)
            #expect(holder.kind == .preparedTransaction)
            #expect(holder.transaction == "orphan's 7")
            #expect(holder.role == "teslamate")
            #expect(holder.pid == 0)
            let statement = "ROLLBACK PREPARED 'orphan''s 7'"
            #expect(failure.hint?.contains(statement) == true)
            #expect(failure.hint?.contains("pg_terminate_backend") == false)
            // As its owner, in this database.
            try await database.execute([statement])
            #expect(await runner.up(instance, run: "run-2").outcome == .migrated)

            // The advisory lock, and the ledger's, can be held like that as well.
            let again = try await holding(
                "SELECT pg_advisory_xact_lock(7165066987125145601)",
                "LOCK TABLE schema_migrations",
                in: database,
                name: "app"
            )
            try await again.query("PREPARE TRANSACTION 'both'")
            again.close()
            let ledger = try #require(await runner.status(instance).failure)
            #expect(ledger.lockedBy?.transaction == "both")
            try await database.execute(["ROLLBACK PREPARED 'both'"])
            let third = try await holding("SELECT pg_advisory_xact_lock(7165066987125145601)", in: database, name: "app")
            try await third.query("PREPARE TRANSACTION 'advisory'")
            third.close()
            let more = InstanceRunner(try migrationSet((1...4).map { (Int64($0), migrationText("SELECT 1;")) }))
            let advisory = try #require(await more.up(instance, run: "run-3").failure)
            #expect(advisory.kind == .lockBusy)
            #expect(advisory.lockedBy?.transaction == "advisory")
            try await database.execute(["ROLLBACK PREPARED 'advisory'"])
        }
    }

    /// A name that a terminal would act on is not printed as a statement to type.
    @Test func aPreparedTransactionWithAnOddName() {
        let odd = LockHolder(
            pid: 0,
            application: "",
            address: nil,
            since: nil,
            kind: .preparedTransaction,
            role: "app",
            transaction: "a\u{202E}b"
        )
        #expect(LockHolder.advice(on: [odd]).contains("ROLLBACK") == false)
    }

    @Test(arguments: [LockHolder.Kind.autovacuum, .replication, .background, .parallelWorker, .hidden])
    func whatIsNoClientIsNeverToBeEnded(_ kind: LockHolder.Kind) {
        let holder = LockHolder(pid: 77, application: "x", address: nil, since: nil, kind: kind)
        #expect(LockHolder.advice(on: [holder]).contains("terminate") == false)
    }

    @Test func whatIsNotKnownIsSaid() {
        #expect(LockHolder.advice(on: []).contains("is unknown"))
    }

    @Test func autovacuumIsNamedAndStepsAsideOnDemand() async throws {
        let server = try await PostgresServer.start(
            settings: [
                "autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "100ms", "autovacuum_vacuum_cost_limit": "1",
                "deadlock_timeout": "200ms",
            ]
        )
        try await server.withDatabase { database in
            let runner = InstanceRunner(try threeMigrations())
            let instance = database.instance {
                $0.lockTimeout = .milliseconds(100)
                $0.lockWait = .seconds(1)
            }
            #expect(await runner.up(instance, to: 1).outcome == .migrated)
            try await database.execute([
                "INSERT INTO cars SELECT generate_series(1, 100000)",
                "DELETE FROM cars WHERE id % 2 = 0",
            ])
            try await eventually("autovacuum is at work", within: .seconds(60)) {
                try await database.query(
                    "SELECT FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE backend_type = 'autovacuum worker' AND relation = 'cars'::regclass",
                    as: "postgres"
                ).rows.count > 0
            }
            let failure = try #require(await runner.up(instance).failure)
            #expect(failure.lockedBy?.kind == .autovacuum, "\(failure)")
            #expect(failure.hint?.contains("autovacuum_wait") == true)
            let patient = database.instance {
                $0.lockTimeout = .milliseconds(100)
                $0.lockWait = .seconds(20)
                $0.autovacuumWait = .milliseconds(600)
            }
            #expect(await runner.up(patient, run: "run-2").outcome == .migrated)
        }
    }
}
