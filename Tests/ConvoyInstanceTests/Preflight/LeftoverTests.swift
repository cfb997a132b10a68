import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TeslaMate
import TestSupport
import Testing

@testable import ConvoyInstance

/// A database without tables is empty only when nothing else is left where migrations make things, and no name that they need is taken.
@Suite(.timeLimit(.minutes(5))) struct LeftoverTests {
    @Test(arguments: PostgresServer.Release.tested) func typesAndFunctionsOfTeslaMate(release: PostgresServer.Release) async throws {
        let runner = InstanceRunner(try teslaMateSet.get(), steps: [EncryptAPITokens()])
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await runner.up(database.instance(), to: 20_240_603_152_807)
            try await database.execute([
                "DROP SCHEMA convoy CASCADE",
                """
                DO $$ DECLARE r record; BEGIN FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
                EXECUTE format('DROP TABLE public.%I CASCADE', r.tablename); END LOOP; END $$
                """,
            ])
            let status = await runner.status(database.instance())
            #expect(status.outcome == .unprovisioned)
            let failure = try #require(status.failure)
            for name in ["states_status", "range", "billing_type", "unit_of_length", "convert_km", "convert_celsius", "(10)"] {
                #expect(failure.message.contains(name), "\(name): \(failure.message)")
            }
            #expect(!failure.message.contains("ll_to_earth"), "an extension's own")
            let result = await runner.up(database.instance())
            #expect(result.failure == failure)
            let tables = try await database.query("SELECT count(*) AS n FROM pg_tables WHERE schemaname IN ('public', 'convoy')").onlyRow()
            #expect(try tables.int64("n") == 0)
            try await database.execute(try statements(in: try #require(failure.hint)))
            let done = await runner.up(database.instance())
            #expect(done.outcome == .migrated, "\(String(describing: done.failure))")
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func everyOtherKind(release: PostgresServer.Release) async throws {
        let set = try migrationSet([(1, migrationText("CREATE SCHEMA IF NOT EXISTS private;\nCREATE TABLE cars (id bigint);"))])
        try await PostgresServer.shared(release).withDatabase { database in
            try await database.execute([
                "CREATE SCHEMA private", "CREATE DOMAIN percent AS int CHECK (VALUE < 101)", "CREATE TYPE span AS RANGE (subtype = int)",
                "CREATE TYPE pair AS (a int, b int)", "CREATE COLLATION mine FROM \"C\"",
                "CREATE TEXT SEARCH CONFIGURATION search (COPY = simple)",
                "CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple)",
                "CREATE FUNCTION private.eq(percent, percent) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
                "CREATE OPERATOR === (LEFTARG = percent, RIGHTARG = percent, FUNCTION = private.eq)",
                "CREATE PROCEDURE go() LANGUAGE sql AS 'SELECT 1'", "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)",
                // In nobody's way.
                "CREATE SCHEMA tools", "CREATE TYPE tools.other AS ENUM ('a')",
            ])
            try await database.execute(["CREATE EXTENSION citext"], as: "postgres")
            let failure = try #require(await InstanceRunner(set).status(database.instance()).failure)
            #expect(failure.kind == .unprovisioned)
            for name in [
                "percent", "span", "pair", "collation mine", "text search configuration search", "dict", "function eq", "===", "go",
                "total",
            ] {
                #expect(failure.message.contains(name), "\(name): \(failure.message)")
            }
            #expect(!failure.message.contains("other") && !failure.message.contains("citext"))
            try await database.execute(try statements(in: try #require(failure.hint)))
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
        }
    }

    /// A schema that a DBA has made beforehand is no leftover.
    @Test func anEmptySchema() async throws {
        let set = try migrationSet([(1, migrationText("CREATE SCHEMA IF NOT EXISTS private;\nCREATE TABLE private.cars (id bigint);"))])
        try await withDatabase { database in
            try await database.execute(["CREATE SCHEMA private"])
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func namesThatAreTaken(release: PostgresServer.Release) async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint, \"Name\" text, old text);\nCREATE INDEX replaced ON cars (id);")),
            (
                2,
                migrationText(
                    """
                    CREATE INDEX cars_index ON cars (id);
                    ALTER TABLE cars DROP COLUMN old;
                    ALTER TABLE cars ADD COLUMN color text, ADD COLUMN IF NOT EXISTS "Name" text, ADD COLUMN old int;
                    CREATE TABLE drives (id bigint);
                    """
                )
            ),
            (
                3,
                migrationText(
                    """
                    CREATE TYPE unit AS ENUM ('km');
                    CREATE TYPE drive_kind AS ENUM ('a');
                    CREATE FUNCTION km(n double precision) RETURNS float8 LANGUAGE sql AS 'SELECT n';
                    DROP INDEX replaced;
                    CREATE INDEX replaced ON cars ("Name");
                    CREATE INDEX IF NOT EXISTS tolerated ON cars (id);
                    """
                )
            ),
        ])
        try await PostgresServer.shared(release).withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute([
                "CREATE INDEX cars_index ON cars (id)", "ALTER TABLE cars ADD color int", "CREATE TYPE drives AS ENUM ('x')",
                "CREATE DOMAIN unit AS int", "CREATE FUNCTION km(x float8) RETURNS float8 LANGUAGE sql AS 'SELECT x'",
                "CREATE FUNCTION km(x int) RETURNS int LANGUAGE sql AS 'SELECT x'", "CREATE INDEX tolerated ON cars (id)",
                "CREATE SCHEMA elsewhere", "CREATE TYPE elsewhere.drive_kind AS ENUM ('x')",
            ])
            let failure = try #require(await runner.status(database.instance()).failure)
            #expect(failure.kind == .blocked)
            #expect(
                failure.message
                    == "there already, and made by pending migrations: index cars_index (made by 2), column cars.color (made by 2), "
                    + "type drives (made by 2), type unit (made by 3), function km (made by 3)"
            )
            // Live tables may be what is there: their row in the ledger may be missing.
            #expect(failure.hint?.hasPrefix("first run `convoy repair --instance NAME`") == true)
            let result = await runner.up(database.instance())
            #expect(result.failure == failure)
            #expect(result.applied.isEmpty)
            try await database.execute(try statements(in: try #require(failure.hint)))
            let done = await runner.up(database.instance())
            #expect(done.outcome == .migrated, "\(String(describing: done.failure))")
        }
    }
}
