import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TeslaMate
import TestSupport
import Testing

@testable import ConvoyInstance

/// Objects of other roles are found before the first change, all at once, and the advice gives them back.
@Suite(.timeLimit(.minutes(5))) struct OwnershipTests {
    private static func set() throws -> MigrationSet {
        try migrationSet([
            (
                1,
                migrationText(
                    """
                    CREATE TYPE length AS ENUM ('km');
                    CREATE TABLE cars (id bigserial PRIMARY KEY, unit length);
                    CREATE TABLE "Trips" (id bigint PRIMARY KEY);
                    CREATE TABLE other (id bigint PRIMARY KEY);
                    CREATE INDEX trips_index ON "Trips" (id);
                    CREATE SCHEMA private;
                    CREATE FUNCTION km(n double precision, unit text) RETURNS float8 LANGUAGE sql AS 'SELECT n';
                    CREATE FUNCTION km(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
                    """
                )
            ), (2, migrationText("ALTER TABLE cars ADD COLUMN name text;\nUPDATE other SET id = 1;")),
            (
                3,
                migrationText(
                    """
                    DROP INDEX trips_index;
                    ALTER TYPE length ADD VALUE 'mi';
                    ALTER SCHEMA private RENAME TO secret;
                    DROP FUNCTION km(double precision, text);
                    """
                )
            ),
        ])
    }

    @Test(arguments: PostgresServer.Release.tested) func allOfThemInOneMessage(release: PostgresServer.Release) async throws {
        let runner = InstanceRunner(try Self.set())
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            _ = await runner.up(database.instance(), to: 1)
            // The app works on, with all privileges.
            try await database.execute(
                [
                    "ALTER TABLE cars OWNER TO postgres", "ALTER TABLE \"Trips\" OWNER TO postgres", "ALTER TABLE other OWNER TO postgres",
                    "GRANT ALL ON ALL TABLES IN SCHEMA public TO \"\(database.ownerName)\"", "ALTER TYPE length OWNER TO postgres",
                    "ALTER FUNCTION km(double precision, text) OWNER TO postgres", "ALTER FUNCTION km(integer) OWNER TO postgres",
                    "ALTER SCHEMA private OWNER TO postgres",
                    // A user's own.
                    "CREATE TABLE mine (id int)", "CREATE TYPE my_type AS ENUM ('a')",
                ],
                as: "postgres"
            )
            let status = await runner.status(database.instance())
            #expect(status.outcome == .blocked)
            let failure = try #require(status.failure)
            for name in ["cars", "index trips_index", "type length", "function km", "schema private"] {
                #expect(failure.message.contains(name), "\(name): \(failure.message)")
            }
            #expect(!failure.message.contains("mine") && !failure.message.contains("my_type") && !failure.message.contains("other"))
            #expect(failure.message.contains("belong to postgres, not to \(database.ownerName), which owns the ledger"))
            #expect(failure.version == MigrationVersion(2))
            let result = await runner.up(database.instance())
            #expect(result.failure == failure)
            #expect(result.applied.isEmpty)
            // As a DBA, to the letter; the other function is not touched.
            try await database.execute(try statements(in: try #require(failure.hint)), as: "postgres")
            #expect(await runner.up(database.instance()).outcome == .migrated)
            let owner = try await database.query("SELECT pg_get_userbyid(proowner)::text AS o FROM pg_proc WHERE proname = 'km'").onlyRow()
            #expect(try owner.text("o") == "postgres")
        }
    }

    @Test func aTableThatMayNotBeWritten() async throws {
        let runner = InstanceRunner(try Self.set())
        try await withDatabase(owner: .unique) { database in
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(["ALTER TABLE other OWNER TO postgres"], as: "postgres")
            let failure = try #require(await runner.status(database.instance()).failure)
            #expect(failure.kind == .blocked)
            #expect(failure.message.hasPrefix("table other belongs to postgres"), "\(failure)")
        }
    }

    /// A role's rights reach as far as those of the roles that it is a member of.
    @Test func anOwnerWhoseRightsTheLedgersOwnerHas() async throws {
        let runner = InstanceRunner(try Self.set())
        try await withDatabase(owner: .unique) { database in
            _ = await runner.up(database.instance(), to: 1)
            let group = "\(database.name)_group"
            try await database.server.execute("CREATE ROLE \(group)", "GRANT \(group) TO \"\(database.ownerName)\"")
            try await database.execute(["ALTER TABLE cars OWNER TO \(group)"], as: "postgres")
            #expect(await runner.status(database.instance()).outcome == .pending)
            try await database.execute(["DROP OWNED BY \(group)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(group)")
        }
    }

    /// All of TeslaMate's, as after a restore by the superuser without owners.
    @Test(arguments: PostgresServer.Release.tested) func everythingBelongsToASuperuser(release: PostgresServer.Release) async throws {
        let runner = InstanceRunner(try teslaMateSet.get(), steps: [EncryptAPITokens()])
        try await PostgresServer.shared(release).withDatabase(owner: .superuser) { database in
            let made = await runner.up(database.instance(), to: 20_240_603_152_807)
            #expect(made.outcome == .migrated, "\(String(describing: made.failure))")
            let role = "\(database.name)_app"
            try await database.server.execute("CREATE ROLE \(role) LOGIN", "GRANT CREATE ON DATABASE \"\(database.name)\" TO \(role)")
            try await database.execute([
                "GRANT ALL ON SCHEMA public TO \(role)", "GRANT ALL ON ALL TABLES IN SCHEMA public TO \(role)",
                "GRANT USAGE ON SCHEMA convoy TO \(role)", "CREATE TABLE mine (id int)",
            ])
            let instance = database.instance(connection: database.parameters(user: role))
            let failure = try #require(await runner.status(instance).failure)
            let hint = try #require(failure.hint)
            #expect(!hint.contains("GRANT"))
            #expect(!hint.contains("mine"))
            #expect(failure.message.contains("superuser"))
            try await database.execute(try statements(in: hint))
            let result = await runner.up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let mine = try await database.query("SELECT tableowner::text AS o FROM pg_tables WHERE tablename = 'mine'").onlyRow().text("o")
            #expect(mine == "postgres")
            try await database.execute(["REASSIGN OWNED BY \(role) TO postgres", "DROP OWNED BY \(role)"])
            try await database.server.execute("DROP ROLE \(role)")
        }
    }
}
