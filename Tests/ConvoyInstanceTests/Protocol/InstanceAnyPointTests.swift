import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// Faults at points spread over a whole run: whatever happens, what is told holds in the database, and the next run finishes.
@Suite(.timeLimit(.minutes(5)), .serialized) struct InstanceAnyPointTests {
    private struct Touch: MigrationStep {
        let name = "touch"
        func blockers(_ context: StepContext) async throws -> [String] { [] }
        func run(_ context: StepContext) async throws { try await context.connection.query("INSERT INTO t1 VALUES (5)") }
    }

    /// One of each kind between ordinary ones, a table each.
    private static func set() throws -> MigrationSet {
        try migrationSet(
            (1...8).map { version in
                let table = "CREATE TABLE t\(version) (id bigint);\nINSERT INTO t\(version) VALUES (1);"
                let text =
                    switch version {
                    case 3:
                        migrationText(
                            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i3 ON t1 (id);",
                            down: "DROP INDEX CONCURRENTLY IF EXISTS i3;",
                            options: " transaction:false"
                        )
                    case 5: migrationText(table + "\n-- convoy:step touch", down: "DROP TABLE t5;")
                    case 7: migrationText("-- convoy:admin\n" + table, down: "-- convoy:admin\nDROP TABLE t7;")
                    default: migrationText(table, down: "DROP TABLE t\(version);")
                    }
                return (Int64(version), text)
            }
        )
    }

    /// Whether ledger, audit log and tables agree with each other and with what the run told.
    private func check(_ database: TestDatabase, _ result: InstanceResult, _ point: Int) async throws {
        let isThere = try await database.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there").onlyRow().bool("there")
        let ledger = isThere ? try await database.ledger() : []
        #expect(result.versions == ledger, "at \(point): \(result.outcome) \(String(describing: result.failure))")
        let tables = try await database.query(
            "SELECT substr(relname, 2)::bigint AS version FROM pg_class WHERE relname ~ '^t[0-9]+$' AND relkind = 'r' ORDER BY 1",
            as: "postgres"
        ).rows.map { try $0.int64("version") }
        #expect(tables == ledger.filter { $0 != 3 }, "at \(point)")
        try await eventually("no session and no lock is left") {
            try await database.query(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convoy %'",
                as: "postgres"
            ).onlyRow().int64("n") == 0
        }
    }

    private func finish(_ database: TestDatabase, _ point: Int) async throws {
        let again = await InstanceRunner(try Self.set(), steps: [Touch()]).up(database.instance(), run: "run-2")
        #expect(again.outcome.isGood, "at \(point): \(String(describing: again.failure))")
        let ledger = try await database.ledger()
        #expect(ledger == (1...8).map(Int64.init), "at \(point)")
        let log = try await database.query(
            "SELECT count(*) AS rows, count(DISTINCT version) AS versions, (SELECT count(*) FROM t1) AS touched FROM convoy.migration_log"
        ).onlyRow()
        #expect(try [log.int64("rows"), log.int64("versions"), log.int64("touched")] == [8, 8, 2], "at \(point)")
    }

    @Test(arguments: [FaultProxy.Direction.toServer, .toClient]) func theConnectionIsCut(_ direction: FaultProxy.Direction) async throws {
        let set = try Self.set()
        let server = try await PostgresServer.shared()
        var whole = 0
        for point in 0...12 {
            try await server.withDatabase { database in
                let proxy = try FaultProxy(to: .port(server.port))
                var admin = database.admin
                admin["host"] = "127.0.0.1"
                admin["port"] = String(proxy.port)
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port), admin: admin)
                // The first run is not disturbed and tells how many bytes there are.
                if point > 0 { proxy.cut(after: whole * point / 13, direction) }
                let result = await InstanceRunner(set, steps: [Touch()]).up(instance)
                if point == 0 {
                    whole = direction == .toServer ? proxy.counts.bytesToServer : proxy.counts.bytesToClient
                    #expect(result.outcome == .migrated)
                }
                // A session that could not be opened is no reason to doubt what was applied before.
                // The administrator's is opened before the first change: one that does not get in blocks the instance.
                let isKeptOut = result.outcome == .blocked && result.failure?.message.contains("the admin connection") == true
                #expect(
                    [.migrated, .unreachable].contains(result.outcome) || isKeptOut && result.applied.isEmpty,
                    "at \(point): \(String(describing: result.failure))"
                )
                try await check(database, result, point)
                try await finish(database, point)
            }
        }
    }

    @Test func theOperatorCancels() async throws {
        let set = try Self.set()
        let server = try await PostgresServer.shared()
        for point in 0...12 {
            try await server.withDatabase { database in
                let proxy = try FaultProxy(to: .port(server.port), delay: .milliseconds(2))
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
                let log = EventLog()
                let running = Task { await InstanceRunner(set, steps: [Touch()]).up(instance, log: log) }
                // Progress is measured in bytes, so that a slow machine cancels at the same points.
                try await eventually("it got so far") { proxy.counts.bytesToServer >= point * 1200 || log.all.count >= 9 }
                running.cancel()
                let result = await running.value
                #expect([.interrupted, .migrated].contains(result.outcome), "at \(point): \(String(describing: result.failure))")
                try await check(database, result, point)
                try await finish(database, point)
            }
        }
    }

    @Test func theServerRestarts() async throws {
        let slow = try migrationSet(
            (1...20).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);\nSELECT pg_sleep(0.05);")) }
        )
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            let log = EventLog()
            let instance = database.instance()
            async let running = InstanceRunner(slow).up(instance, log: log)
            try await eventually("some are applied") { log.all.count > 4 }
            try await server.stop(.immediate)
            try await server.start()
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(result.versions == ledger)
            let row = try await database.query("SELECT count(*) AS n FROM convoy.migration_log").onlyRow()
            #expect(try row.int64("n") == 20)
        }
    }
}
