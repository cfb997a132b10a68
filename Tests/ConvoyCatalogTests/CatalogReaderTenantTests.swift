import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyCatalog

/// Databases whose owner wants the catalogue to look otherwise than it is.
@Suite(.timeLimit(.minutes(3)))
struct CatalogReaderTenantTests {
    private func read(_ database: TestDatabase) async throws -> Catalog { try await database.catalog() }

    /// Functions, operators and types of the tenant that lie in the search path are not called.
    @Test func noCodeOfTheTenantRuns() async throws {
        try await withDatabase(owner: .unique) { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            let trap = "BEGIN RAISE EXCEPTION 'trapped'; END"
            try await database.execute(
                [
                    "CREATE FUNCTION quote_ident(name) RETURNS text LANGUAGE plpgsql AS $$ \(trap) $$",
                    "CREATE FUNCTION format_type(oid, int) RETURNS text LANGUAGE plpgsql AS $$ \(trap) $$",
                    "CREATE FUNCTION trap(name, text) RETURNS bool LANGUAGE plpgsql AS $$ \(trap) $$",
                    "CREATE OPERATOR = (LEFTARG = name, RIGHTARG = text, FUNCTION = trap)",
                    "CREATE FUNCTION bad() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ \(trap) $$",
                    "CREATE DOMAIN trap AS text CHECK (bad() > 0)",
                    "CREATE TABLE traps (a trap, b int DEFAULT bad(), c int)",
                    "CREATE VIEW pg_class AS SELECT bad() AS oid",
                    "ALTER DATABASE \"\(database.name)\" SET search_path = public, pg_catalog",
                ]
            )
            let catalog = try await read(database)
            #expect(catalog.facts.contains(CatalogFact(.column, "public.traps.b", "integer default public.bad()")))
        }
    }

    @Test func hostileNamesAndDefinitionsAreCutAndStayApart() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            let long = String(repeating: "x", count: 300_000)
            try await database.execute(
                [
                    "CREATE VIEW big AS SELECT '\(long)' AS a", "CREATE VIEW big2 AS SELECT '\(long)y' AS a",
                    "CREATE TABLE \"a\u{1B}[2J\nb\tc\\d\" (\"x\"\"y\" int)",
                    "COMMENT ON TABLE cars IS '\(long)'",
                ]
            )
            let catalog = try await read(database)
            let views = catalog.facts.filter { $0.kind == .view }.map(\.text)
            #expect(views.count == 2 && views.allSatisfy { $0.count < 2_100 } && views[0].suffix(32) != views[1].suffix(32))
            #expect(catalog.facts.contains { $0.object == "public.\"a\u{1B}[2J\nb\tc\\d\".\"x\"\"y\"" })
            let differences = catalog.differences(from: Catalog([]), in: .all)
            for difference in differences { _ = try await database.query(try #require(difference.sql)) }
        }
    }

    /// The catalogue is readable by everyone; the ledger has to be granted.
    @Test func aRoleThatMayReadNothingButTheLedger() async throws {
        try await withDatabase(owner: .unique) { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            let all = try await read(database)
            let role = "\(database.name)_reader"
            try await database.server.execute("CREATE ROLE \(role) LOGIN")
            try await database.execute(["REVOKE ALL ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO \(role)"])
            let instance = database.instance(connection: database.parameters(user: role), admin: .some(nil))
            let reader = CatalogReader(InstanceRunner(try threeMigrations()))
            let refused = await #expect(throws: Failure.self) { try await reader.read(instance) }
            #expect(refused?.message.contains("schema_migrations") == true, "\(String(describing: refused))")
            try await database.execute(["GRANT SELECT ON schema_migrations TO \(role)"])
            guard case .facts(let found) = try await reader.read(instance).content else { throw TestSupportError("no facts") }
            let kinds = found.differences(from: all, in: .all).map(\.kind)
            #expect(kinds == [.privilege], "\(kinds)")
            try await database.execute(["DROP OWNED BY \(role)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(role)")
        }
    }

    /// The settings of a database do not change what is printed.
    @Test(arguments: PostgresServer.Release.tested)
    func settingsOfTheDatabaseDoNotMatter(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute([
                """
                CREATE TABLE t (a timestamptz DEFAULT '2020-01-01 12:00+00', b interval DEFAULT '1 day 2 hours', c bytea DEFAULT '\\x00ff',
                    d float8 DEFAULT 0.1, e money DEFAULT '1.5'::text::money)
                """,
                "CREATE VIEW v AS SELECT a, '\\s'::text AS s FROM t WHERE a > '2020-01-01 12:00+00'::timestamptz AND b > '1 day'::interval",
            ])
            let before = try await read(database)
            for setting in [
                "quote_all_identifiers = on", "standard_conforming_strings = off", "TimeZone = 'Asia/Tokyo'", "IntervalStyle = 'iso_8601'",
                "bytea_output = 'escape'", "extra_float_digits = -10", "DateStyle = 'German'", "jit_above_cost = 0",
            ] {
                try await database.execute(["ALTER DATABASE \"\(database.name)\" SET \(setting)"])
                let after = try await read(database)
                #expect(after.differences(from: before, in: .all) == [], "\(setting)")
                #expect(after.fingerprint == before.fingerprint, "\(setting)")
            }
        }
    }

    /// What a view calls counts, although its text has no schemas.
    @Test(arguments: PostgresServer.Release.tested)
    func viewsThatCallOtherFunctionsDiffer(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute([
                "CREATE SCHEMA ev", "CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE FUNCTION ev.f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'", "CREATE VIEW v AS SELECT public.f(1) AS a",
            ])
            let before = try await read(database)
            try await database.execute(["CREATE OR REPLACE VIEW v AS SELECT ev.f(1) AS a"])
            let differences = try await read(database).differences(from: before, in: .all)
            #expect(differences.map(\.object) == ["public.v"])
        }
    }

    /// An owner can hide nothing of its own in an extension.
    @Test(arguments: PostgresServer.Release.tested)
    func whatTheOwnerAddsToAnExtensionIsSeen(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            // Trusted: its owner made it, and its objects belong to a superuser all the same.
            try await database.execute(["CREATE EXTENSION hstore"])
            let before = try await read(database)
            #expect(!before.facts.contains { $0.object.contains("hstore(") })
            try await database.execute([
                "CREATE TABLE loot (a int)", "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE TYPE k AS ENUM ('a')",
                "ALTER EXTENSION hstore ADD TABLE loot", "ALTER EXTENSION hstore ADD FUNCTION evil()", "ALTER EXTENSION hstore ADD TYPE k",
            ])
            let objects = Set(try await read(database).differences(from: before, in: .all).map(\.object))
            #expect(objects.isSuperset(of: ["public.loot", "public.loot.a", "public.evil()", "public.k"]), "\(objects)")
        }
    }
}
