import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// A login that may act as the owner of an empty database brings it up: the app logs in as the owner.
@Suite(.timeLimit(.minutes(3))) struct InstanceEmptyDatabaseTests {
    @Test(arguments: ["INHERIT", "NOINHERIT"], PostgresServer.Release.tested)
    func theDatabasesOwnerGetsWhatAMemberMakes(inheritance: String, release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            let member = "\(database.name)_member"
            try await database.server.execute("CREATE ROLE \(member) LOGIN \(inheritance) IN ROLE \(database.ownerName)")
            let instance = database.instance(connection: database.parameters(user: member))
            let status = await InstanceRunner(set).status(instance)
            #expect(status.outcome == .pending, "\(String(describing: status.failure))")
            let result = await InstanceRunner(set).up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let owners = try await database.query(
                """
                SELECT DISTINCT pg_get_userbyid(o.owner) AS owner FROM (
                    SELECT c.relowner AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname IN ('public', 'convoy')
                    UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'convoy') o
                """
            ).rows.map { try $0.text("owner") }
            #expect(owners == [database.ownerName])
            try await database.execute(["INSERT INTO cars VALUES (1)", "SELECT * FROM trips", "SELECT * FROM convoy.migration_log"])
            let again = await InstanceRunner(set).migrate(InstanceJob(instance, .downSteps(1), run: "run-2"), report: { _ in })
            #expect(again.outcome == .rolledBack, "\(String(describing: again.failure))")
            try await database.execute(["DROP OWNED BY \(member)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(member)")
        }
    }

    /// Since 16 a member may lack the right to act as the role; then what it makes stays its own.
    @Test(arguments: PostgresServer.Release.tested.filter { $0 != .system })
    func aMemberThatMayNotActAsTheOwner(release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            let member = "\(database.name)_member"
            try await database.server.execute(
                "CREATE ROLE \(member) LOGIN",
                "GRANT \(database.ownerName) TO \(member) WITH SET FALSE, INHERIT TRUE"
            )
            try await database.execute(["GRANT CREATE ON SCHEMA public TO \(member)"])
            let result = await InstanceRunner(set).up(
                database.instance(connection: database.parameters(user: member)) { $0.audit = .journalOnly }
            )
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let owner = try await database.query("SELECT tableowner FROM pg_tables WHERE tablename = 'cars'").onlyRow().text("tableowner")
            #expect(owner == member)
            try await database.execute(["DROP OWNED BY \(member)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(member)")
        }
    }
}
