import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Whose table `schema_migrations` is.
@Suite(.timeLimit(.minutes(3))) struct LedgerChoiceTests {
    private static let ecto = "(version bigint PRIMARY KEY, inserted_at timestamp(0))"

    /// golang-migrate, dbmate and others use the name as well.
    @Test(arguments: [
        "(version bigint PRIMARY KEY, dirty boolean NOT NULL DEFAULT false)", "(version varchar(128) PRIMARY KEY)",
        "(version bigint, inserted_at timestamp(0))",
        "(version bigint PRIMARY KEY, inserted_at timestamptz)",
    ]) func anotherToolsTableBesideTeslaMates(columns: String) async throws {
        let runner = InstanceRunner(try threeMigrations())
        try await withDatabase { database in
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute([
                "CREATE SCHEMA other", "CREATE TABLE other.schema_migrations \(columns)",
                "INSERT INTO other.schema_migrations (version) VALUES (7)",
            ])
            let status = await runner.status(database.instance())
            #expect(status.outcome == .pending, "\(String(describing: status.failure))")
            #expect(status.version == MigrationVersion(1))
            #expect(await runner.up(database.instance()).outcome == .migrated)
            let other = try await database.query("SELECT version::text AS v FROM other.schema_migrations").onlyRow().text("v")
            #expect(other == "7")
        }
    }

    @Test func theDatabaseOfAnotherApp() async throws {
        let runner = InstanceRunner(try threeMigrations())
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE schema_migrations \(Self.ecto)", "INSERT INTO schema_migrations VALUES (20181201181549), (20240123095646)",
                "CREATE TABLE sites (id int)",
            ])
            let status = await runner.status(database.instance())
            #expect(status.outcome == .blocked)
            let failure = try #require(status.failure)
            #expect(failure.message.contains("looks like another app's database"))
            #expect(failure.message.contains("20181201181549"))
            #expect(failure.hint?.contains("update the migration set") == false)
            let result = await runner.up(database.instance())
            #expect(result.failure == failure)
            let tables = try await database.query(
                "SELECT count(*) AS n FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            #expect(try tables.onlyRow().int64("n") == 2)
        }
    }

    @Test(arguments: [(99, "newer release"), (2, "fork")] as [(Int64, String)])
    func versionsBesideThoseOfTheSet(version: Int64, words: String) async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (3, migrationText("CREATE TABLE trips (id bigint);")),
        ])
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            try await database.execute(["INSERT INTO schema_migrations VALUES (\(version))"])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .ahead)
            #expect(status.failure?.hint?.contains(words) == true, "\(String(describing: status.failure))")
        }
    }
}
