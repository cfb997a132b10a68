import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// `status` for those who only want to know: who may migrate, and where, is not their question.
@Suite(.timeLimit(.minutes(3))) struct InstanceReaderTests {
    private func withLedger(_ versions: [Int], _ body: (TestDatabase) async throws -> Void) async throws {
        try await withDatabase(owner: .unique) { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations SELECT unnest(ARRAY\(versions)), '2026-01-02 03:04:05'",
            ])
            try await body(database)
        }
    }

    private func withRole(_ name: String, in database: TestDatabase, _ body: (ConnectionParameters) async throws -> Void) async throws {
        try await database.server.execute("CREATE ROLE \(name) LOGIN")
        try await body(database.parameters(user: name))
        try await database.execute(["DROP OWNED BY \(name)"], as: "postgres")
        try await database.server.execute("DROP ROLE \(name)")
    }

    @Test func aRoleThatMayOnlyRead() async throws {
        let set = try threeMigrations()
        try await withLedger([1, 2]) { database in
            try await withRole("\(database.name)_monitor", in: database) { connection in
                try await database.execute(["GRANT SELECT ON schema_migrations TO \(database.name)_monitor"])
                let instance = database.instance(connection: connection, admin: .some(nil))
                let status = await InstanceRunner(set).forReading.status(instance)
                #expect(status.outcome == .pending, "\(String(describing: status.failure))")
                #expect(status.version == MigrationVersion(2) && status.pending == [MigrationVersion(3)])
                #expect(status.lastMigratedAt != nil && !status.serverVersion.isEmptyOrNil)
                #expect(status.warnings.contains { $0.contains("is not \(database.ownerName)") })
                // To plan and to migrate it is a failure, whose hint raises nobody.
                let planned = await InstanceRunner(set).status(instance)
                #expect(planned.outcome == .blocked && planned.pending == [MigrationVersion(3)])
                #expect(planned.failure?.hint == "this role may only read: log in as \(database.ownerName) to migrate")
                #expect(await InstanceRunner(set).up(instance).outcome == .blocked)
                try await database.execute(["INSERT INTO schema_migrations VALUES (3)"])
                #expect(await InstanceRunner(set).forReading.status(instance).outcome == .upToDate)
            }
        }
    }

    /// The tables of a dump that a superuser restored: the app's role may write them, and owns nothing.
    @Test func aLedgerOfTheSuperuser() async throws {
        let set = try threeMigrations()
        try await withLedger([1, 2, 3]) { database in
            try await database.execute(["ALTER TABLE schema_migrations OWNER TO postgres"], as: "postgres")
            try await withRole("\(database.name)_app", in: database) { connection in
                let app = "\(database.name)_app"
                try await database.execute(
                    ["GRANT ALL ON SCHEMA public TO \(app)", "GRANT ALL ON ALL TABLES IN SCHEMA public TO \(app)"],
                    as: "postgres"
                )
                let instance = database.instance(connection: connection)
                #expect(await InstanceRunner(set).forReading.status(instance).outcome == .upToDate)
                try await database.execute(["DELETE FROM schema_migrations WHERE version = 3"], as: "postgres")
                let status = await InstanceRunner(set).forReading.status(instance)
                #expect(status.outcome == .blocked)
                let hint = try #require(status.failure?.hint)
                #expect(!hint.contains("GRANT") && hint.contains("OWNER TO"))
                // The statement that it prints, in this state and as the superuser, makes the app's role the owner.
                let statements =
                    try #require(hint.firstRange(of: "ALTER "))
                    .lowerBound..<(try #require(hint.firstRange(of: "; if the app logs in as")).lowerBound)
                try await database.execute(hint[statements].split(separator: "; ").map(String.init), as: "postgres")
                #expect(await InstanceRunner(set).forReading.status(instance).outcome == .pending)
                #expect(await InstanceRunner(set).up(instance).outcome == .migrated)
            }
        }
    }

    @Test func aDatabaseThatIsReadOnlyByDefault() async throws {
        let set = try threeMigrations()
        try await withLedger([1, 2]) { database in
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" SET default_transaction_read_only = on")
            let status = await InstanceRunner(set).forReading.status(database.instance())
            #expect(status.outcome == .pending)
            #expect(status.warnings.contains { $0.contains("default_transaction_read_only") })
            #expect(await InstanceRunner(set).status(database.instance()).outcome == .blocked)
        }
    }

    @Test func aStandby() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance(), to: 1)
            try await server.becomeStandby()
            let status = await InstanceRunner(try threeMigrations()).forReading.status(database.instance())
            #expect(status.outcome == .pending, "\(String(describing: status.failure))")
            #expect(status.version == MigrationVersion(1))
            #expect(status.warnings.contains { $0.contains("standby") })
        }
    }

    @Test func anAdministratorThatIsMissing() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("-- convoy:admin\nCREATE TABLE trips (id bigint);")),
        ])
        try await withLedger([1]) { database in
            let instance = database.instance(admin: .some(nil))
            let status = await InstanceRunner(set).forReading.status(instance)
            #expect(status.outcome == .pending)
            #expect(
                status.warnings.contains { $0.hasPrefix("migrate would refuse this instance: ") && $0.contains("migration 2") },
                "\(status.warnings)"
            )
            #expect(await InstanceRunner(set).status(instance).outcome == .blocked)
        }
    }
}

extension String? {
    fileprivate var isEmptyOrNil: Bool { self?.isEmpty ?? true }
}
