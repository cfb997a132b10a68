import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Who may write the ledger of a database that has none, as whom it is written, and that the tenant's code gets no more rights by it.
@Suite(.timeLimit(.minutes(5))) struct InstanceCorrectionTrustTests: CorrectionSuite {
    /// A login that is a member of the owner and inherits nothing, as the fleet file may name.
    @Test func aMemberWritesAsTheOwner() async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            let member = "\(database.name)_member"
            try await database.server.execute("CREATE ROLE \(member) LOGIN NOINHERIT IN ROLE \(database.ownerName)")
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let result = try await correct(database.instance(connection: database.parameters(user: member)), correction)
            try await database.server.execute("DROP ROLE \(member)")
            #expect(result.outcome == .adopted, "\(String(describing: result.failure))")
            let owners = try await database.query(
                "SELECT count(*) AS n FROM pg_class WHERE relname IN ('schema_migrations', 'migration_log') AND pg_get_userbyid(relowner) = $1",
                [database.ownerName]
            ).onlyRow()
            #expect(try owners.int64("n") == 2)
        }
    }

    @Test func whoMayNotMigrateMayNotWrite() async throws {
        try await withLostLedger { database, correction in
            let role = "\(database.name)_reader"
            try await database.server.execute("CREATE ROLE \(role) LOGIN")
            let result = try await correct(database.instance(connection: database.parameters(user: role)), correction)
            try await database.server.execute("DROP ROLE \(role)")
            #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
            let superuser = try await correct(database.instance(connection: database.admin), correction)
            #expect(superuser.outcome == .blocked, "\(String(describing: superuser.failure))")
            let isThere = try await hasLedger(database)
            #expect(!isThere)
        }
    }

    /// The tables are the app's, and the database is not: the app could not read a ledger of the database's owner.
    @Test func aNewLedgerBelongsToTheOwnerOfTheTables() async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" OWNER TO postgres")
            let third = "\(database.name)_third"
            try await database.server.execute("CREATE ROLE \(third) LOGIN")
            try await database.execute(["GRANT CREATE, USAGE ON SCHEMA public TO \(third)"], as: "postgres")
            var forced = unbound(correction)
            forced.forced = true
            for login in [database.admin, database.parameters(user: third)] {
                let result = try await correct(database.instance(connection: login), forced)
                #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
                #expect(
                    result.failure?.message.hasPrefix("the tables belong to \(database.ownerName), and a new ledger would belong to ")
                        == true
                )
                #expect(result.failure?.hint == "log in as \(database.ownerName), which owns the tables")
                let isThere = try await hasLedger(database)
                #expect(!isThere)
            }
            try await database.execute(["REVOKE ALL ON SCHEMA public FROM \(third)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(third)")
            try await database.execute(["GRANT CREATE, USAGE ON SCHEMA public TO \(database.ownerName)"], as: "postgres")
            let owner = try await correct(database.instance(), forced)
            #expect(owner.outcome == .adopted, "\(String(describing: owner.failure))")
        }
    }

    /// A superuser writes as the tenant where there is nothing to fear.
    @Test func aSuperuserWritesAsTheOwner() async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            let instance = database.instance(connection: database.admin) { $0.allowsForeignSuperuser = true }
            let result = try await correct(instance, correction)
            #expect(result.outcome == .adopted, "\(String(describing: result.failure))")
            let owners = try await database.query(
                "SELECT count(*) AS n FROM pg_class WHERE relname IN ('schema_migrations', 'migration_log') AND pg_get_userbyid(relowner) = $1",
                [database.ownerName]
            ).onlyRow()
            #expect(try owners.int64("n") == 2)
        }
    }

    // MARK: - A hostile owner

    @Test(arguments: InstanceLedgerRowTests.upTraps, PostgresServer.Release.tested)
    func aLedgerThatDoesNotKeepItsRows(trap: InstanceLedgerRowTests.Trap, release: PostgresServer.Release) async throws {
        try await withLostLedger(release) { database, correction in
            try await database.execute(
                ["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"] + trap.statements
            )
            // The trap's own objects are part of the schema that was judged.
            let reading = try await CatalogReader(try runner()).read(database.instance())
            var correction = correction
            correction.fingerprint = reading.fingerprint
            let result = try await correct(database.instance(), correction)
            #expect(result.outcome == .failed, "\(String(describing: result.failure))")
            let message = result.failure?.message ?? ""
            #expect(message.hasPrefix("the ledger public.schema_migrations does not keep its rows"), "\(message)")
            #expect(message.contains(trap.object ?? ""), "\(message)")
            let ledger = try await database.ledger()
            #expect(ledger == [])
            let logged = try await database.query("SELECT to_regclass('convoy.migration_log') IS NULL AS gone").onlyRow().bool("gone")
            #expect(logged)
        }
    }

    /// With a superuser's rights no trigger runs, whatever the fleet file accepts.
    @Test func aTriggerDoesNotRunAsASuperuser() async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "CREATE TABLE seen (who text)",
                "GRANT ALL ON seen TO PUBLIC",
                """
                CREATE FUNCTION public.take() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RESET ROLE; INSERT INTO public.seen VALUES (current_user); RETURN NEW; END'
                """,
                "CREATE TRIGGER take BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION public.take()",
            ])
            let reading = try await CatalogReader(try runner()).read(database.instance())
            var correction = correction
            correction.fingerprint = reading.fingerprint
            let instance = database.instance(connection: database.admin) { $0.allowsForeignSuperuser = true }
            let result = try await correct(instance, correction)
            #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
            #expect(result.failure?.sqlstate == "ZC003")
            let seen = try await database.query("SELECT count(*) AS n FROM seen").onlyRow().int64("n")
            #expect(seen == 0)
        }
    }

    /// The ledger is missing; the audit log is the tenant's, before Convoy looks or at the moment when it makes its own.
    @Test(arguments: [false, true]) func aTriggerOfTheAuditLogDoesNotRunAsASuperuser(comesMeanwhile: Bool) async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            try await database.execute([
                "CREATE SCHEMA trap", "CREATE TABLE trap.seen (who text)", "GRANT ALL ON SCHEMA trap TO PUBLIC",
                "GRANT ALL ON trap.seen TO PUBLIC",
                """
                CREATE FUNCTION trap.take() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RESET ROLE; INSERT INTO trap.seen VALUES (current_user); RETURN NEW; END'
                """,
            ])
            let correction = unbound(correction)
            let instance = database.instance(connection: database.admin) {
                $0.allowsForeignSuperuser = true
                $0.lockWait = .seconds(30)
            }
            let log =
                AuditLog.creation.map(\.sql) + [
                    "CREATE TRIGGER take BEFORE INSERT ON convoy.migration_log FOR EACH ROW EXECUTE FUNCTION trap.take()"
                ]
            let result: InstanceResult
            if comesMeanwhile {
                let other = try await database.connect()
                defer { other.close() }
                for statement in ["BEGIN"] + log { _ = try await other.query(statement) }
                async let running = correct(instance, correction)
                try await eventually("it waits for the schema") {
                    try await database.query(
                        """
                        SELECT count(*) AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                        WHERE NOT l.granted AND l.locktype = 'transactionid' AND a.datname = current_database()
                        """
                    ).onlyRow().int64("n") == 1
                }
                _ = try await other.query("COMMIT")
                result = try await running
            } else {
                try await database.execute(log)
                result = try await correct(instance, correction)
            }
            #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
            #expect(result.failure?.sqlstate == "ZC003")
            let seen = try await database.query("SELECT count(*) AS n FROM trap.seen").onlyRow().int64("n")
            #expect(seen == 0)
            let isThere = try await hasLedger(database)
            #expect(!isThere)
        }
    }

    /// An event trigger would run while the tables are made.
    @Test func anEventTriggerDoesNotRunAsASuperuser() async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            try await database.execute(
                [
                    "CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it ran''; END'",
                    "CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION public.watch()",
                ],
                as: "postgres"
            )
            let correction = unbound(correction)
            let instance = database.instance(connection: database.admin) { $0.allowsForeignSuperuser = true }
            let result = try await correct(instance, correction)
            #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
            #expect(result.failure?.sqlstate == "ZC003")
        }
    }

    @Test func aViewIsNoLedger() async throws {
        try await withLostLedger { database, correction in
            try await database.execute(["CREATE VIEW schema_migrations AS SELECT 1::bigint AS version, now()::timestamp(0) AS inserted_at"])
            let result = try await correct(database.instance(), correction)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("it is not a table") == true, "\(String(describing: result.failure))")
        }
    }
}
