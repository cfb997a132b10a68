import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Objects and settings that somebody with fewer rights put in Convoy's way, to be run with Convoy's.
@Suite(.timeLimit(.minutes(3))) struct InstanceTrustTests {
    private static let twoWithAdmin = [
        (Int64(1), migrationText("CREATE TABLE cars (id bigint);")),
        (Int64(2), migrationText("-- convoy:admin\nCREATE TABLE trips (id bigint);")),
    ]

    /// Whoever runs the trap's function leaves a row here.
    private static let trap = ["CREATE TABLE caught (who name)", "GRANT SELECT, INSERT ON caught TO PUBLIC"]

    private func caught(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT DISTINCT who FROM public.caught").rows.map { try $0.text("who") }
    }

    /// The audit row is written where the migration's own search path holds.
    @Test func anOperatorInTheLedgersSchema() async throws {
        let set = try migrationSet(Self.twoWithAdmin)
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(
                Self.trap + [
                    """
                    CREATE FUNCTION evil(numeric, integer) RETURNS numeric LANGUAGE plpgsql
                    AS 'BEGIN INSERT INTO public.caught VALUES (current_user); RETURN 0; END'
                    """,
                    "CREATE OPERATOR * (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = evil)",
                ]
            )
            let result = await runner.up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(try await caught(database) == [])
        }
    }

    /// The owner of a database decides on the search path of everyone who connects to it, administrators too.
    @Test func aSearchPathThatTheDatabasesOwnerSet() async throws {
        let set = try migrationSet(Self.twoWithAdmin)
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(
                Self.trap + [
                    """
                    CREATE FUNCTION evil(name, name) RETURNS boolean LANGUAGE plpgsql
                    AS 'BEGIN INSERT INTO public.caught VALUES (current_user); RETURN true; END'
                    """,
                    "CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, FUNCTION = evil)",
                    // What LIKE means.
                    """
                    CREATE FUNCTION evil(text, text) RETURNS boolean LANGUAGE plpgsql
                    AS 'BEGIN INSERT INTO public.caught VALUES (current_user); RETURN true; END'
                    """,
                    "CREATE OPERATOR ~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil)",
                    "ALTER DATABASE \"\(database.name)\" SET search_path = public, pg_catalog",
                ]
            )
            let result = await runner.up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(try await caught(database) == [])
        }
    }

    /// Without an audit log, the look at the ledger's row comes right after the migration's own statements.
    @Test func anOperatorForTheLookAtTheRow() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("UPDATE cars SET id = id + 1;")),
            (3, migrationText("-- convoy:admin\nCREATE TABLE trips (id bigint);")),
        ])
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            let instance = database.instance { $0.audit = .journalOnly }
            _ = await runner.up(instance, to: 1)
            try await database.execute(
                Self.trap + [
                    "INSERT INTO cars VALUES (1)",
                    """
                    CREATE FUNCTION evil(numeric, bigint) RETURNS boolean LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO public.caught VALUES (current_user); RETURN $1 OPERATOR(pg_catalog.=) $2::numeric; END'
                    """,
                    "CREATE OPERATOR = (LEFTARG = numeric, RIGHTARG = bigint, FUNCTION = evil)",
                    """
                    CREATE FUNCTION flip() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN ALTER TABLE public.schema_migrations ALTER version TYPE numeric; RETURN NEW; END'
                    """,
                    "CREATE TRIGGER flip BEFORE UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION flip()",
                ]
            )
            _ = await runner.up(instance)
            #expect(try await caught(database) == [])
        }
    }

    /// Between the guard's look at the ledger and the row in it, no other table may take its name.
    @Test func aSchemaThatIsRenamedMeanwhile() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("-- convoy:admin\nSELECT pg_sleep(3);")),
        ])
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute(["CREATE SCHEMA decoy"])
            let instance = database.instance()
            async let running = runner.up(instance)
            try await eventually("it sleeps") {
                try await database.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep'",
                    as: "postgres"
                ).onlyRow().int64("n") == 1
            }
            let tenant = try await database.connect()
            try await tenant.query("SET lock_timeout = '50ms'")
            await #expect(throws: PostgresError.self) { try await tenant.query("ALTER SCHEMA decoy RENAME TO other") }
            tenant.close()
            #expect(await running.outcome == .migrated)
        }
    }

    private func withStranger(_ body: (TestDatabase, String) async throws -> Void) async throws {
        try await withDatabase(owner: .unique) { database in
            let stranger = "\(database.name)_stranger"
            try await database.server.execute(
                "CREATE ROLE \(stranger) LOGIN",
                "GRANT CREATE ON DATABASE \"\(database.name)\" TO \(stranger)"
            )
            try await body(database, stranger)
            try await database.execute(["DROP OWNED BY \(stranger)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(stranger)")
        }
    }

    @Test(arguments: [false, true]) func anAuditLogWithSomebodyElsesTrigger(ledgerIsThere: Bool) async throws {
        let set = try threeMigrations()
        try await withStranger { database, stranger in
            let runner = InstanceRunner(set)
            if ledgerIsThere { _ = await runner.up(database.instance { $0.audit = .journalOnly }, to: 1) }
            try await database.execute(["CREATE SCHEMA convoy"] + AuditLog.creation.dropFirst().map(\.sql), as: stranger)
            try await database.execute(
                [
                    "CREATE TABLE convoy.caught (who name)", "GRANT INSERT, SELECT ON convoy.caught, convoy.migration_log TO PUBLIC",
                    "GRANT USAGE ON SCHEMA convoy TO PUBLIC",
                    """
                    CREATE FUNCTION convoy.evil() RETURNS trigger LANGUAGE plpgsql
                    AS 'BEGIN INSERT INTO convoy.caught VALUES (current_user); RETURN NEW; END'
                    """,
                    "CREATE TRIGGER evil BEFORE INSERT ON convoy.migration_log FOR EACH ROW EXECUTE FUNCTION convoy.evil()",
                ],
                as: stranger
            )
            let log = EventLog()
            let result = await runner.up(database.instance(), log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let who = try await database.query("SELECT who FROM convoy.caught").rows.map { try $0.text("who") }
            #expect(who == [])
            #expect(log.warnings.contains { $0.contains("belongs to \(stranger)") })
        }
    }

    /// The session has prepared what it repeats without the audit row by then.
    @Test func anAuditLogThatBecomesWritableInTheMiddleOfARun() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            // Version 3 appears as if the app's migrator had come in between, and everything is read again.
            (2, migrationText("SELECT tools.open_audit_log();\nINSERT INTO public.schema_migrations (version) VALUES (3);")),
            (3, migrationText("CREATE TABLE trips (id bigint);")), (4, migrationText("CREATE TABLE drives (id bigint);")),
            (5, migrationText("CREATE TABLE states (id bigint);")),
        ])
        try await withDatabase(owner: .unique) { database in
            let owner = database.ownerName
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            try await database.execute(
                AuditLog.creation.map(\.sql) + [
                    "GRANT USAGE ON SCHEMA convoy TO \"\(owner)\"", "GRANT SELECT ON convoy.migration_log TO \"\(owner)\"",
                    "CREATE SCHEMA tools", "GRANT USAGE ON SCHEMA tools TO \"\(owner)\"",
                    """
                    CREATE FUNCTION tools.open_audit_log() RETURNS void LANGUAGE sql SECURITY DEFINER
                    AS 'GRANT INSERT ON convoy.migration_log TO "\(owner)"'
                    """,
                ],
                as: "postgres"
            )
            let log = EventLog()
            let result = await InstanceRunner(set).up(database.instance(), log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(log.warnings.contains { $0.contains("may not insert there") })
            let written = try await database.query("SELECT version FROM convoy.migration_log ORDER BY version", as: "postgres").rows
            #expect(try written.map { try $0.int64("version") } == [4, 5])
        }
    }

    @Test func aViewInThePlaceOfTheAuditLog() async throws {
        let set = try threeMigrations()
        try await withStranger { database, stranger in
            _ = await InstanceRunner(set).up(database.instance { $0.audit = .journalOnly }, to: 1)
            try await database.execute(
                [
                    "CREATE SCHEMA convoy",
                    """
                    CREATE FUNCTION convoy.evil() RETURNS bigint LANGUAGE plpgsql
                    AS 'BEGIN RAISE EXCEPTION ''ran as %'', current_user; END'
                    """,
                    """
                    CREATE VIEW convoy.migration_log AS SELECT NULL::uuid AS id, convoy.evil() AS version, ''::text AS name,
                        'up'::text AS direction, ''::text AS checksum, ''::text AS run, now() AS started_at, 0::bigint AS duration_ms,
                        ''::text AS applied_by, ''::text AS convoy_version, ''::text AS system_identifier, 0::oid AS database_oid
                    """,
                    "GRANT USAGE ON SCHEMA convoy TO PUBLIC", "GRANT SELECT ON convoy.migration_log TO PUBLIC",
                ],
                as: stranger
            )
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .pending)
            #expect(!status.warnings.contains { $0.contains("ran as") }, "\(status.warnings)")
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
        }
    }

    /// What cannot be seen must not be taken for missing.
    @Test func aLedgerWhoseRowsAreHidden() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 2)
            try await database.execute([
                "CREATE POLICY older ON schema_migrations USING (version < 2)",
                "ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            ])
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("may not read the ledger") == true)
        }
    }

    @Test func aSuperuserInSomebodysEmptyDatabase() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let refused = await InstanceRunner(set).up(database.instance(connection: database.admin))
            #expect(refused.outcome == .blocked)
            let allowed = await InstanceRunner(set).up(
                database.instance(connection: database.admin) { $0.allowsForeignSuperuser = true }
            )
            #expect(allowed.outcome == .migrated, "\(String(describing: allowed.failure))")
            let owners = try await database.query(
                "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'convoy')"
            ).rows.map { try $0.text("tableowner") }
            #expect(owners == [database.ownerName])
        }
    }

    @Test func aSuperuserDoesWhatOnlyASuperuserMay() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (2, migrationText("-- convoy:admin\nCREATE EXTENSION earthdistance CASCADE;")),
            (3, migrationText("CREATE TABLE trips (id bigint);")),
        ])
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            let instance = database.instance(connection: database.admin, admin: .some(nil)) { $0.allowsForeignSuperuser = true }
            let result = await runner.up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let owner = try await database.query("SELECT tableowner FROM pg_tables WHERE tablename = 'trips'").onlyRow().text("tableowner")
            #expect(owner == database.ownerName)
        }
    }
}
