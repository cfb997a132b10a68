import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// What keeps the ledger from saying what was done: then nothing is done.
@Suite(.timeLimit(.minutes(3))) struct InstanceLedgerRowTests {
    struct Trap: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let statements: [String]
        /// What the message names.
        var object: String?

        static func trigger(_ name: String, _ when: String, _ body: String, constraint: Bool = false) -> Trap {
            Trap(
                testDescription: name,
                statements: [
                    "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \(body) END'",
                    "CREATE \(constraint ? "CONSTRAINT " : "")TRIGGER trap \(when) ON schema_migrations"
                        + "\(constraint ? " DEFERRABLE INITIALLY DEFERRED" : "") FOR EACH ROW EXECUTE FUNCTION trap()",
                ],
                object: "the trigger trap"
            )
        }

        static func rule(_ name: String, _ rule: String) -> Trap {
            Trap(testDescription: name, statements: ["CREATE TABLE elsewhere (version bigint)", rule], object: "the rule trap")
        }
    }

    static let upTraps = [
        Trap.trigger("swallows the row", "BEFORE INSERT", "RETURN NULL;"),
        .trigger("changes the version", "BEFORE INSERT", "NEW.version := NEW.version + 1000; RETURN NEW;"),
        .trigger("deletes the row", "AFTER INSERT", "DELETE FROM public.schema_migrations WHERE version = NEW.version; RETURN NULL;"),
        .trigger(
            "deletes the row at the end",
            "AFTER INSERT",
            "DELETE FROM public.schema_migrations WHERE version = NEW.version; RETURN NULL;",
            constraint: true
        ),
        .rule("does nothing", "CREATE RULE trap AS ON INSERT TO schema_migrations DO INSTEAD NOTHING"),
        .rule(
            "redirects the row",
            "CREATE RULE trap AS ON INSERT TO schema_migrations DO INSTEAD INSERT INTO elsewhere VALUES (NEW.version)"
        ),
    ]

    static let downTraps = [
        Trap.trigger("keeps the row", "BEFORE DELETE", "RETURN NULL;"),
        .trigger("puts the row back", "AFTER DELETE", "INSERT INTO public.schema_migrations VALUES (OLD.version); RETURN NULL;"),
        .rule("does nothing", "CREATE RULE trap AS ON DELETE TO schema_migrations DO INSTEAD NOTHING"),
    ]

    /// The first attempt and the ones after it, where the statements are kept by the session, and with several migrations in one batch.
    @Test(arguments: upTraps, PostgresServer.Release.tested)
    func aRowThatTheLedgerDoesNotKeep(trap: Trap, release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            try await database.execute(trap.statements)
            for _ in 1...2 {
                let result = await InstanceRunner(set).up(database.instance())
                #expect(result.outcome == .failed, "\(String(describing: result.failure))")
                #expect(result.failure?.version == MigrationVersion(2))
                let message = result.failure?.message ?? ""
                #expect(message.hasPrefix("the ledger public.schema_migrations does not keep the row of version 2"), "\(message)")
                #expect(message.contains(trap.object ?? ""), "\(message)")
                #expect(result.versions == [])
            }
            let ledger = try await database.ledger()
            #expect(ledger == [1])
            let columns = try await database.query(
                "SELECT count(*) AS n FROM pg_attribute WHERE attrelid = 'cars'::regclass AND attname = 'name'"
            )
            let count = try columns.onlyRow().int64("n")
            #expect(count == 0)
        }
    }

    @Test(arguments: downTraps, PostgresServer.Release.tested)
    func aRowThatTheLedgerDoesNotLetGo(trap: Trap, release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance())
            try await database.execute(trap.statements)
            let result = await InstanceRunner(set).migrate(InstanceJob(database.instance(), .downSteps(1), run: "run-2"), report: { _ in })
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            let message = result.failure?.message ?? ""
            #expect(message.hasPrefix("the ledger public.schema_migrations does not let go of the row of version 3"), "\(message)")
            #expect(message.contains(trap.object ?? ""), "\(message)")
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
        }
    }

    /// The migration takes its own row away: by itself, or with a trigger that waits for the end.
    @Test(arguments: [
        "ALTER TABLE cars ADD COLUMN name text;\nDELETE FROM schema_migrations WHERE version = 2;",
        "ALTER TABLE cars ADD COLUMN name text;\nTRUNCATE schema_migrations;",
        """
        ALTER TABLE cars ADD COLUMN name text;
        CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM schema_migrations WHERE version = 2; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON cars DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
        INSERT INTO cars VALUES (1);
        """,
    ])
    func aMigrationThatRemovesItsOwnRow(second: String) async throws {
        let set = try threeMigrations(second: second)
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            #expect(result.failure?.message.contains("a statement of the migration, or what it sets off, changes it") == true)
            #expect(result.versions == [1])
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }

    /// As the administrator, and with a Swift step in between.
    @Test func otherWaysOfRunningAMigration() async throws {
        let down = "DELETE FROM schema_migrations WHERE version = 2;"
        for second in ["-- convoy:admin\n\(down)", "CREATE TABLE trips ();\n-- convoy:step look\n\(down)"] {
            let set = try migrationSet([(1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText(second))])
            try await withDatabase { database in
                let runner = InstanceRunner(set, steps: [Look()])
                _ = await runner.up(database.instance(), to: 1)
                let result = await runner.up(database.instance())
                #expect(result.outcome == .failed, "\(String(describing: result.failure))")
                #expect(result.failure?.message.contains("does not keep the row of version 2") == true)
                let ledger = try await database.ledger()
                #expect(ledger == [1])
            }
        }
    }

    /// What no rule about statements sees: Convoy's own are gone in the middle of a batch, or a name of theirs is taken.
    @Test(arguments: ["EXECUTE 'DEALLOCATE ALL';", "EXECUTE 'DEALLOCATE ALL'; EXECUTE 'PREPARE convoy_recording_2 AS SELECT 1';"])
    func aMigrationThatThrowsAwayWhatTheSessionKeeps(body: String) async throws {
        let set = try threeMigrations(second: "DO $$ BEGIN \(body) END $$;\nALTER TABLE cars ADD COLUMN name text;")
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3])
        }
    }

    /// A trigger that puts itself off again runs after the last look, in COMMIT.
    @Test(arguments: PostgresServer.Release.tested)
    func aRowThatGoesInCommit(release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            try await database.execute([
                "CREATE TABLE public.later (version bigint)",
                """
                CREATE FUNCTION remove() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN DELETE FROM public.schema_migrations WHERE version = NEW.version; RETURN NULL; END'
                """,
                "CREATE CONSTRAINT TRIGGER remove AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION remove()",
                """
                CREATE FUNCTION defer() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN SET CONSTRAINTS ALL DEFERRED; INSERT INTO public.later VALUES (NEW.version); RETURN NULL; END'
                """,
                "CREATE TRIGGER defer AFTER INSERT ON convoy.migration_log FOR EACH ROW EXECUTE FUNCTION defer()",
            ])
            let result = await InstanceRunner(set, batchMigrations: 1).up(database.instance())
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            #expect(result.failure?.message.contains("the ledger does not say so any more") == true)
        }
    }

    static let auditTraps = [
        (
            "BEFORE",
            ["CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"]
        ),
        (
            "AFTER",
            [
                """
                CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN DELETE FROM convoy.migration_log WHERE id = NEW.id; RETURN NULL; END'
                """
            ]
        ),
    ]

    /// The ledger is the truth; without the audit row a migration counts all the same, and the operator is warned.
    @Test(arguments: auditTraps) func anAuditRowThatIsNotKept(when: String, function: [String]) async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            try await database.execute(
                function + ["CREATE TRIGGER trap \(when) INSERT ON convoy.migration_log FOR EACH ROW EXECUTE FUNCTION trap()"]
            )
            let log = EventLog()
            let result = await InstanceRunner(set).up(database.instance(), log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
            #expect(log.warnings.filter { $0.hasPrefix("convoy.migration_log did not keep the row of a migration") }.count == 1)
        }
    }

    @Test func anAuditRowThatARuleRedirects() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            try await database.execute(["CREATE RULE trap AS ON INSERT TO convoy.migration_log DO INSTEAD NOTHING"])
            let log = EventLog()
            let result = await InstanceRunner(set).up(database.instance(), log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(log.warnings.contains { $0.hasPrefix("convoy.migration_log did not keep") })
        }
    }
}
