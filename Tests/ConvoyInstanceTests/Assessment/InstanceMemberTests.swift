import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Looks at a table before it changes anything.
struct Look: MigrationStep {
    let name = "look"
    func blockers(_ context: StepContext) async throws -> [String] {
        _ = try await context.connection.query("SELECT count(*) FROM \(context.schema).cars")
        return []
    }
    func run(_ context: StepContext) async throws {}
}

/// A login role that is a member of the owner and inherits nothing.
@Suite(.timeLimit(.minutes(3))) struct InstanceMemberTests {
    private func withMember(_ body: (TestDatabase, ConnectionParameters) async throws -> Void) async throws {
        try await withDatabase(owner: .unique) { database in
            let member = "\(database.name)_member"
            try await database.server.execute("CREATE ROLE \(member) LOGIN NOINHERIT IN ROLE \(database.ownerName)")
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            try await body(database, database.parameters(user: member))
            try await database.server.execute("DROP ROLE \(member)")
        }
    }

    @Test func asksAStepAsTheOwner() async throws {
        let set = try threeMigrations(second: "-- convoy:step look\nALTER TABLE cars ADD COLUMN name text;")
        try await withMember { database, member in
            let runner = InstanceRunner(set, steps: [Look()])
            _ = await runner.up(database.instance(), to: 1)
            let result = await runner.up(database.instance(connection: member))
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }

    @Test func goesOnAfterALostConnection() async throws {
        let set = try migrationSet(
            (1...20).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);\nSELECT pg_sleep(0.05);")) }
        )
        try await withMember { database, member in
            let proxy = try FaultProxy(to: .port(database.server.port))
            var overTCP = member
            overTCP["host"] = "127.0.0.1"
            overTCP["port"] = String(proxy.port)
            let instance = database.instance(connection: overTCP)
            let log = EventLog()
            async let running = InstanceRunner(set, reconnectWait: .seconds(5)).up(instance, log: log)
            try await eventually("some are applied") { log.all.count > 4 }
            proxy.set(mode: .blackHole)
            let heard = Int64(log.all.count)
            try await eventually("more are applied") {
                try await database.query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n") > heard + 2
            }
            proxy.cutAll()
            try await eventually("it noticed") { !log.waits.isEmpty }
            proxy.set(mode: .forward)
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == (1...20).map(Int64.init))
        }
    }

    /// Migrations run as the owner, so what the owner's rights suffice for needs no administrator.
    @Test func hasTheOwnersExtensions() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("-- convoy:admin cube\nALTER EXTENSION cube UPDATE;")),
        ])
        try await withMember { database, member in
            try await database.execute(["CREATE EXTENSION cube"])
            let result = await InstanceRunner(set).up(database.instance(connection: member, admin: .some(nil)))
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }
}
