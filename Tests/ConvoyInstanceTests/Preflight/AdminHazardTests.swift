import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// What would run as the administrator is named before the first change, and the advice takes it away.
@Suite(.timeLimit(.minutes(3))) struct AdminHazardTests {
    private static func set() throws -> MigrationSet {
        try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("CREATE TABLE trips (id bigint);")),
            (3, migrationText("-- convoy:admin\nCREATE TABLE drives (id bigint);")),
        ])
    }

    private static let watcher = [
        "CREATE FUNCTION pgrst_watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_notify(''pgrst'', ''reload''); END'"
    ]

    /// The statements of a hint: what stands between its colons and semicolons and begins with a command.
    private static func statements(_ hint: String) -> [String] {
        hint.split(separator: ";").flatMap { $0.split(separator: ":") }
            .compactMap { part in part.firstRange(of: #/(ALTER|DROP|CREATE|GRANT) /#).map { String(part[$0.lowerBound...]) } }
    }

    @Test(arguments: PostgresServer.Release.tested, ["ENABLE", "ENABLE ALWAYS"])
    func anEventTriggerIsNamedBeforeTheFirstChange(release: PostgresServer.Release, state: String) async throws {
        let runner = InstanceRunner(try Self.set())
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(
                Self.watcher + [
                    "CREATE EVENT TRIGGER \"pgrst ddl watch\" ON ddl_command_end EXECUTE FUNCTION pgrst_watch()",
                    "ALTER EVENT TRIGGER \"pgrst ddl watch\" \(state)",
                ],
                as: "postgres"
            )
            let status = await runner.status(database.instance())
            #expect(status.outcome == .blocked)
            #expect(status.pending.count == 2)
            let failure = try #require(status.failure)
            #expect(failure.message.contains("event trigger pgrst ddl watch (owner postgres, function public.pgrst_watch)"))
            #expect(failure.version == MigrationVersion(3))
            let result = await runner.up(database.instance())
            #expect(result.outcome == .blocked)
            #expect(result.failure == failure)
            #expect(result.applied.isEmpty)
            // The advice, as a DBA: off, and afterwards on again.
            let statements = Self.statements(try #require(failure.hint))
            try #require(statements.count == 2, "\(statements)")
            try await database.execute([statements[0]], as: "postgres")
            #expect(await runner.status(database.instance()).outcome == .pending)
            #expect(await runner.up(database.instance()).outcome == .migrated)
            try await database.execute([statements[1]], as: "postgres")
            let enabled = try await database.query("SELECT evtenabled::text AS e FROM pg_event_trigger").onlyRow().text("e")
            #expect(enabled == (state == "ENABLE" ? "O" : "A"))
        }
    }

    /// Where no migration runs as the administrator, an event trigger runs with the owner's rights and stands in nobody's way.
    @Test func anEventTriggerBesideOrdinaryMigrations() async throws {
        let runner = InstanceRunner(try threeMigrations())
        try await withDatabase { database in
            try await database.execute(
                Self.watcher + ["CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION pgrst_watch()"],
                as: "postgres"
            )
            // A function in `public` would be a leftover in an empty database.
            try await database.execute(["ALTER FUNCTION pgrst_watch() SET SCHEMA information_schema"], as: "postgres")
            #expect(await runner.up(database.instance()).outcome == .migrated)
        }
    }

    @Test(arguments: [
        (
            [
                "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                "CREATE TRIGGER \"my watch\" BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION evil()",
            ], "trigger \"my watch\" on public.schema_migrations"
        ), (["CREATE RULE note AS ON INSERT TO schema_migrations DO ALSO NOTIFY applied"], "rule note on public.schema_migrations"),
        (["CREATE POLICY mine ON schema_migrations USING (true)"], "policy mine on public.schema_migrations"),
        (["ALTER TABLE schema_migrations ADD CONSTRAINT sane CHECK (version > 0)"], "constraint sane on public.schema_migrations"),
        (
            ["ALTER TABLE schema_migrations ALTER inserted_at SET DEFAULT now()"],
            "default of column inserted_at on public.schema_migrations"
        ),
        (["CREATE INDEX odd ON schema_migrations ((version % 10))"], "index with an expression, odd on public.schema_migrations"),
        (
            ["CREATE TABLE refs (v bigint CONSTRAINT refs_v REFERENCES schema_migrations (version))"],
            "foreign key refs_v of public.refs on public.schema_migrations"
        ), (["CREATE TABLE kid () INHERITS (schema_migrations)"], "inheritance of public.kid from public.schema_migrations"),
        (["ALTER TABLE convoy.migration_log ADD CONSTRAINT sane CHECK (version > 0)"], "constraint sane on convoy.migration_log"),
    ]) func whatHangsOnTheLedger(made: [String], name: String) async throws {
        let runner = InstanceRunner(try Self.set())
        try await withDatabase { database in
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(made)
            let failure = try #require(await runner.status(database.instance()).failure)
            #expect(failure.kind == .blocked)
            #expect(failure.message.contains(name), "\(failure)")
            #expect(await runner.up(database.instance()).applied.isEmpty)
            try await database.execute(Self.statements(try #require(failure.hint)))
            #expect(await runner.up(database.instance()).outcome == .migrated)
        }
    }

    /// Reports show what is joined with `; ` line by line.
    @Test func aNameThatLooksLikeTheNextOne() async throws {
        let runner = InstanceRunner(try Self.set())
        try await withDatabase { database in
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(["CREATE INDEX \"x; DROP TABLE cars\" ON schema_migrations ((version % 10))"])
            let failure = try #require(await runner.status(database.instance()).failure)
            #expect(failure.message.contains("\"x;DROP TABLE cars\" on public.schema_migrations"), "\(failure)")
        }
    }

    /// What comes after the preflight meets the guard of the administrator's session.
    @Test func aTriggerThatAPendingMigrationMakes() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (
                2,
                migrationText(
                    """
                    CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                    CREATE TRIGGER evil BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION evil();
                    """
                )
            ), (3, migrationText("-- convoy:admin\nCREATE TABLE drives (id bigint);")),
        ])
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .blocked)
            #expect(result.versions == [1, 2])
            #expect(result.failure?.sqlstate == "ZC003")
            #expect(
                result.failure?.message.contains("trigger evil on public.schema_migrations") == true,
                "\(String(describing: result.failure))"
            )
        }
    }
}
