import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import Foundation
import Glibc
import TestSupport
import Testing

@testable import ConvoyInstance

extension InstanceRunner {
    /// A runner that asks what is waited for after a moment, and does not wait long.
    static func impatient(_ set: MigrationSet, _ configure: (inout Timing) -> Void = { _ in }) -> InstanceRunner {
        var timing = Timing()
        timing.patience = .milliseconds(200)
        timing.lookPause = .milliseconds(100)
        timing.sideTimeout = .milliseconds(500)
        timing.silence = .seconds(1)
        timing.answerSlack = .milliseconds(500)
        timing.reconnectWait = .seconds(2)
        configure(&timing)
        return InstanceRunner(set: set, steps: [], timing: timing)
    }
}

/// What a server does after the last statement, or while it answers nothing at all, is said, bounded, and leaves no session behind.
@Suite(.timeLimit(.minutes(3))) struct InstanceCommitWaitTests {
    /// A server whose only synchronous standby does not exist. It matters to databases with `synchronous_commit = on`.
    private func withoutStandby(
        _ release: PostgresServer.Release = .system,
        _ body: (PostgresServer, TestDatabase) async throws -> Void
    ) async throws {
        let server = try await PostgresServer.start(
            release,
            settings: ["synchronous_standby_names": "s1", "synchronous_commit": "local"]
        )
        try await server.withDatabase { try await body(server, $0) }
    }

    private func waitForStandby(_ database: TestDatabase) async throws {
        try await database.execute(["ALTER DATABASE \(database.name) SET synchronous_commit = on"], as: "postgres")
    }

    private func sessions(_ database: TestDatabase) async throws -> Int64 {
        try await database.query(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'convoy %'",
            [database.name],
            as: "postgres"
        ).onlyRow().int64("n")
    }

    private static func waiting(_ database: TestDatabase) async throws -> Bool {
        try await database.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'",
            as: "postgres"
        ).rows.count == 1
    }

    @Test(arguments: PostgresServer.Release.tested) func theStandbyIsGone(_ release: PostgresServer.Release) async throws {
        try await withoutStandby(release) { server, database in
            let runner = InstanceRunner.impatient(try threeMigrations())
            let instance = database.instance { $0.commitWait = .seconds(1) }
            #expect(await runner.up(instance, to: 1).outcome == .migrated)
            try await waitForStandby(database)
            let log = EventLog()
            let result = await runner.up(instance, log: log)
            #expect(log.waits.contains { $0.contains("the COMMIT of migration 2 waits for a synchronous standby") }, "\(log.waits)")
            #expect(result.outcome == .unknown, "\(result)")
            #expect(result.versions == [2])
            #expect(result.to == MigrationVersion(2))
            #expect(result.failure?.version == MigrationVersion(2))
            #expect(result.failure?.message.contains("is committed on this server, but no synchronous standby confirmed it") == true)
            #expect(result.failure?.hint?.contains("synchronous_standby_names") == true)
            #expect(try await database.ledger() == [1, 2])
            try await eventually("no session is left") { try await sessions(database) == 0 }
            // What the hint says.
            try await server.execute("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
            #expect(await runner.up(instance, run: "run-2").versions == [3])
        }
    }

    /// The ledger and the audit log are made in transactions of their own, before any migration.
    @Test func theStandbyIsGoneBeforeTheFirstMigration() async throws {
        try await withoutStandby { server, database in
            try await waitForStandby(database)
            let runner = InstanceRunner.impatient(try threeMigrations())
            let instance = database.instance { $0.commitWait = .milliseconds(100) }
            let log = EventLog()
            let result = await runner.up(instance, log: log)
            #expect(log.waits.contains { $0.contains("synchronous standby") }, "\(log.waits)")
            #expect(result.outcome == .unknown, "\(result)")
            #expect(result.applied == [])
            #expect(result.failure?.message.contains("no migration was begun") == true)
            try await eventually("no session is left") { try await sessions(database) == 0 }
        }
    }

    /// Cancelling a wait for a standby makes the server go on with what is behind it in the pipeline.
    @Test func cancellingAppliesNothingMore() async throws {
        try await withoutStandby { server, database in
            let set = try migrationSet((1...30).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);")) })
            let runner = InstanceRunner.impatient(set)
            let instance = database.instance()
            #expect(await runner.up(instance, to: 1).outcome == .migrated)
            try await waitForStandby(database)
            let running = Task { await runner.up(instance) }
            try await eventually("it waits") { try await Self.waiting(database) }
            running.cancel()
            let result = await running.value
            #expect(result.outcome == .interrupted, "\(result)")
            #expect(result.failure?.message.contains("it stands") == true)
            #expect(result.versions == [2])
            #expect(try await database.ledger() == [1, 2])
            try await eventually("no session is left") { try await sessions(database) == 0 }
        }
    }

    // MARK: - Frozen

    private func processes(_ database: TestDatabase, asleep: Bool) async throws -> [Int32] {
        try await database.query(
            """
            SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convoy %'
                AND (NOT $1::boolean OR query LIKE 'SELECT pg_sleep%' AND state = 'active')
            """,
            [asleep ? "true" : "false"],
            as: "postgres"
        ).rows.map { Int32(try $0.int64("pid")) }
    }

    /// Stops processes for as long as the body takes.
    private func stopping<Value>(_ processes: [Int32], _ body: () async throws -> Value) async throws -> Value {
        for process in processes { #expect(kill(process, SIGSTOP) == 0) }
        defer { for process in processes { kill(process, SIGCONT) } }
        return try await body()
    }

    @Test func aServerProcessIsFrozen() async throws {
        let set = try threeMigrations(second: "SELECT pg_sleep(0.5);")
        try await withDatabase { database in
            let runner = InstanceRunner.impatient(set)
            let instance = database.instance { $0.statementTimeout = .seconds(1) }
            let running = Task { await runner.up(instance) }
            var frozen: [Int32] = []
            try await eventually("it sleeps") {
                frozen = try await processes(database, asleep: true)
                return !frozen.isEmpty
            }
            let result = try await stopping(frozen) { await running.value }
            #expect(result.outcome == .unknown, "\(result)")
            #expect(result.failure?.message.contains("does not end") == true)
            // Thawed, it dies of what it was sent; what it had done is found out the next time.
            try await eventually("it is gone") { try await processes(database, asleep: false).isEmpty }
            #expect(await runner.up(database.instance(), run: "run-2").outcome == .migrated)
            #expect(try await database.ledger() == [1, 2, 3])
        }
    }

    /// Without a limit for statements only a second session shows that nothing answers any more.
    @Test func theWholeServerIsFrozen() async throws {
        let set = try threeMigrations(second: "SELECT pg_sleep(1);")
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            let runner = InstanceRunner.impatient(set)
            let log = EventLog()
            let instance = database.instance {
                $0.statementTimeout = .zero
                $0.connectTimeout = .milliseconds(500)
            }
            let running = Task { await runner.up(instance, log: log) }
            var frozen: [Int32] = []
            try await eventually("it sleeps") {
                frozen = try await processes(database, asleep: true)
                return !frozen.isEmpty
            }
            let postmaster = try String(contentsOfFile: "\(server.socketFolder)/data/postmaster.pid", encoding: .utf8)
                .split(separator: "\n").first.flatMap { Int32($0) }
            let result = try await stopping(frozen + [try #require(postmaster)]) { await running.value }
            #expect(result.outcome == .unknown, "\(result)")
            #expect(
                log.waits.contains { $0.contains("waiting for migration 2") && $0.contains("a new session gets no answer either") },
                "\(log.waits)"
            )
            #expect(log.waits.contains { $0.contains("connecting again") })
            try await eventually("it is gone") { try await processes(database, asleep: false).isEmpty }
            #expect(await runner.up(database.instance(), run: "run-2").outcome.isGood)
        }
    }

    /// A statement without a limit may take as long as it likes, as long as the server answers others.
    @Test func aLongStatementIsNotGivenUp() async throws {
        try await withDatabase { database in
            let runner = InstanceRunner.impatient(try threeMigrations(second: "SELECT pg_sleep(3);"))
            let result = await runner.up(database.instance { $0.statementTimeout = .zero })
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }
}
