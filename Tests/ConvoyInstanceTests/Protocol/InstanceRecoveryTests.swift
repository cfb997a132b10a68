import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyInstance

@Suite(.timeLimit(.minutes(3))) struct InstanceRecoveryTests {
    private func isSleeping(_ database: TestDatabase, otherThan pid: Int64? = nil) async throws -> Int64? {
        try await database.query(
            """
            SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query ~ '^SELECT pg_sleep'
                AND pid IS DISTINCT FROM $1::integer
            """,
            [pid.map(String.init)],
            as: "postgres"
        ).rows.first?.int64("pid")
    }

    /// Takes the lock of a coordinator, and keeps it until it is to be released.
    private func holdLock(of database: TestDatabase, until released: OneShot<Void>) async throws {
        let session = try await database.connect()
        defer { session.close() }
        try await session.query("SELECT pg_advisory_lock(7165066987125145601)")
        _ = await released.value()
    }

    /// Another coordinator may be faster to take the lock; what was committed until then is told all the same.
    @Test func tellsWhatItDidWhenAnotherOneTakesTheLock() async throws {
        let set = try migrationSet(
            (1...30).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);\nSELECT pg_sleep(0.05);")) }
        )
        try await withDatabase(owner: .password("s3cret")) { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let log = EventLog()
            let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port)) { $0.lockWait = .milliseconds(500) }
            async let running = InstanceRunner(set).up(instance, log: log)
            try await eventually("some are applied") { log.all.count > 3 }
            proxy.set(mode: .blackHole)
            let heard = Int64(log.all.count)
            let released = OneShot<Void>()
            async let taken: Void = holdLock(of: database, until: released)
            try await eventually("more are applied") {
                try await database.query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n") > heard + 3
            }
            proxy.cutAll()
            try await eventually("it noticed") { log.waits.contains { $0.contains("connecting again") } }
            proxy.set(mode: .forward)
            let result = await running
            released.fulfil(())
            #expect(result.outcome == .lockBusy, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(result.versions == ledger)
            #expect(result.to?.value == ledger.last)
            try await taken
        }
    }

    @Test func anAdministratorsMigrationCanBeCancelledAfterALoss() async throws {
        let set = try migrationSet([(1, migrationText("-- convoy:admin\nSELECT pg_sleep(15);"))])
        try await withDatabase { database in
            let instance = database.instance()
            let running = Task { await InstanceRunner(set).up(instance) }
            var first: Int64?
            try await eventually("it sleeps") {
                first = try await isSleeping(database)
                return first != nil
            }
            let pid = try #require(first)
            try await database.server.execute("SELECT pg_terminate_backend(\(pid))")
            try await eventually("it sleeps again") { try await isSleeping(database, otherThan: pid) != nil }
            running.cancel()
            #expect(await running.value.outcome == .interrupted)
        }
    }

    /// The second connection of a non-transactional migration is lost while its statement runs.
    @Test func theLedgersKeeperIsLost() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (2, migrationText("-- convoy:repeatable\nSELECT pg_sleep(1);", down: "VACUUM pg_class;", options: " transaction:false")),
            (3, migrationText("CREATE TABLE trips (id bigint);")),
        ])
        try await withDatabase { database in
            let instance = database.instance()
            async let running = InstanceRunner(set).up(instance)
            try await eventually("it sleeps") { try await isSleeping(database) != nil }
            try await database.server.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = '\(database.name)' AND application_name LIKE 'convoy %' AND state = 'idle in transaction'
                """
            )
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3])
        }
    }

    /// A machine that vanishes says no goodbye: the server has to ask whether it is still there.
    @Test func theServerLooksAfterItsClient() async throws {
        struct Ask: MigrationStep {
            let name = "ask"
            func blockers(_ context: StepContext) async throws -> [String] { [] }
            func run(_ context: StepContext) async throws {
                let idle = try await context.connection.query("SHOW tcp_keepalives_idle").onlyRow().text("tcp_keepalives_idle")
                throw StepError("idle \(idle)")
            }
        }
        let set = try migrationSet([(1, migrationText("CREATE TABLE cars (id bigint);\n-- convoy:step ask"))])
        try await withDatabase { database in
            let result = await InstanceRunner(set, steps: [Ask()]).up(database.instance(connection: database.ownerOverTCP()))
            #expect(result.failure?.message == "step ask: idle 10")
        }
    }

    @Test func aStepsUnexpectedAnswerIsNoLostConnection() async throws {
        struct Read: MigrationStep {
            let name = "read"
            func blockers(_ context: StepContext) async throws -> [String] { [] }
            func run(_ context: StepContext) async throws {
                _ = try await context.connection.query("SELECT NULL AS token").onlyRow().text("token")
            }
        }
        let set = try migrationSet([(1, migrationText("CREATE TABLE cars (id bigint);\n-- convoy:step read"))])
        try await withDatabase { database in
            let log = EventLog()
            let result = await InstanceRunner(set, steps: [Read()]).up(database.instance(), log: log)
            #expect(result.outcome == .failed)
            #expect(result.failure?.message == "step read: column “token” is not text")
            #expect(log.waits == [])
        }
    }
}
