import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TeslaMate
import TestSupport
import Testing

/// Databases that must be left alone, each with the reason and with what to do.
@Suite(.timeLimit(.minutes(3))) struct InstanceBlockedTests {
    private func outcome(
        of database: TestDatabase,
        user: String? = nil,
        set: MigrationSet? = nil,
        _ configure: @escaping (inout InstanceSettings) -> Void = { _ in }
    ) async throws -> InstanceResult {
        let set = try set ?? threeMigrations()
        let connection = user.map { database.parameters(user: $0) }
        let instance = database.instance(connection: connection, configure)
        let status = await InstanceRunner(set).status(instance)
        let result = await InstanceRunner(set).up(instance)
        if !result.outcome.isGood { #expect(status.outcome == result.outcome, "status and migrate agree") }
        return result
    }

    @Test func aLedgerOfAnotherTool() async throws {
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version text PRIMARY KEY)", "INSERT INTO schema_migrations VALUES ('1')",
            ])
            let result = try await outcome(of: database)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("version is text") == true)
            let rows = try await database.query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n")
            #expect(rows == 1)
        }
    }

    @Test func severalLedgers() async throws {
        try await withDatabase { database in
            try await database.execute([
                "CREATE SCHEMA other", "CREATE TABLE other.schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
            ])
            let result = try await outcome(of: database)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.hint?.contains("ledger_schema") == true)
            let named = try await outcome(of: database) { $0.ledgerSchema = "other" }
            #expect(named.outcome == .migrated, "\(String(describing: named.failure))")
            let cars = try await database.query("SELECT to_regclass('other.cars') IS NOT NULL AS there").onlyRow().bool("there")
            #expect(cars)
        }
    }

    @Test func tablesWithoutALedger() async throws {
        try await withDatabase { database in
            try await database.execute(["CREATE TABLE something (id bigint)"])
            let without = try await outcome(of: database)
            #expect(without.outcome == .unprovisioned)
            #expect(without.failure?.hint?.contains("`convoy baseline --instance NAME`") == true)
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let empty = try await outcome(of: database)
            #expect(empty.outcome == .unprovisioned)
            #expect(empty.failure?.hint?.contains("`convoy baseline --instance NAME`") == true)
        }
    }

    @Test func noSuchDatabase() async throws {
        try await withDatabase { database in
            var parameters = database.owner
            parameters["dbname"] = "no_such_database"
            let result = await InstanceRunner(try threeMigrations()).up(database.instance(connection: parameters))
            #expect(result.outcome == .unprovisioned)
            #expect(result.failure?.sqlstate == "3D000")
        }
    }

    @Test func aSuperuserThatIsNotTheOwner() async throws {
        try await withDatabase { database in
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let result = try await outcome(of: database, user: "postgres")
            #expect(result.outcome == .blocked)
            let allowed = try await outcome(of: database, user: "postgres") { $0.allowsForeignSuperuser = true }
            #expect(allowed.outcome == .migrated, "\(String(describing: allowed.failure))")
            let owner = try await database.query("SELECT tableowner FROM pg_tables WHERE tablename = 'cars'").onlyRow().text("tableowner")
            #expect(owner == database.ownerName)
        }
    }

    @Test func aRoleThatIsNotTheOwner() async throws {
        try await withDatabase(owner: .unique) { database in
            let server = database.server
            let stranger = "\(database.name)_stranger"
            try await server.execute("CREATE ROLE \(stranger) LOGIN")
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "GRANT SELECT ON schema_migrations TO PUBLIC",
            ])
            let result = try await outcome(of: database, user: stranger)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.sqlstate == "42501")
            #expect(result.failure?.hint?.contains("GRANT") == false)
            // A member works as the owner, one that does not inherit too.
            try await server.execute("ALTER ROLE \(stranger) NOINHERIT", "GRANT \(database.ownerName) TO \(stranger)")
            try await database.execute(["REVOKE SELECT ON schema_migrations FROM PUBLIC"])
            let member = try await outcome(of: database, user: stranger)
            #expect(member.outcome == .migrated, "\(String(describing: member.failure))")
            let owners = try await database.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'convoy')").rows
            #expect(try owners.map { try $0.text("tableowner") } == [database.ownerName])
            let by = try await database.query("SELECT DISTINCT applied_by FROM convoy.migration_log").onlyRow().text("applied_by")
            #expect(by == stranger)
            try await server.execute("DROP ROLE \(stranger)")
        }
    }

    @Test func aRoleThatMayNotReadTheLedger() async throws {
        try await withDatabase(owner: .unique) { database in
            let stranger = "\(database.name)_stranger"
            try await database.server.execute("CREATE ROLE \(stranger) LOGIN")
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let result = try await outcome(of: database, user: stranger)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("may not read the ledger") == true)
            try await database.server.execute("DROP ROLE \(stranger)")
        }
    }

    @Test func aRoleThatMayNotCreateTables() async throws {
        try await withDatabase(owner: .unique) { database in
            let stranger = "\(database.name)_stranger"
            try await database.server.execute("CREATE ROLE \(stranger) LOGIN")
            let result = try await outcome(of: database, user: stranger)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("may not create tables") == true)
            try await database.server.execute("DROP ROLE \(stranger)")
        }
    }

    @Test func readOnlyByDefault() async throws {
        try await withDatabase { database in
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" SET default_transaction_read_only = on")
            #expect(try await outcome(of: database).outcome == .blocked)
            #expect(try await outcome(of: database) { $0.allowsReadOnlyDefault = true }.outcome == .migrated)
        }
    }

    @Test func aStandby() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance(), to: 1)
            try await server.becomeStandby()
            let result = try await outcome(of: database)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("standby") == true)
        }
    }

    @Test func anExtensionWithoutAnAdministrator() async throws {
        let set = try teslaMateSet.get()
        try await withDatabase { database in
            let instance = database.instance(admin: .some(nil))
            let result = await InstanceRunner(set, steps: [EncryptAPITokens()]).up(instance)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.version == MigrationVersion(20190925152807))
            #expect(result.failure?.hint?.contains("admin") == true)
            #expect(result.applied.isEmpty)
        }
    }

    @Test(arguments: [
        ("", "needs more rights than NAME has: cube belongs to postgres"),
        (
            " cube earthdistance",
            "needs more rights than NAME has: cube belongs to postgres; the server does not let it create earthdistance"
        ),
    ])
    func anExtensionOfSomebodyElse(extensions: String, message: String) async throws {
        let set = try migrationSet([(1, migrationText("-- convoy:admin\(extensions)\nALTER EXTENSION cube UPDATE;"))])
        try await withDatabase(owner: .unique) { database in
            try await database.execute(["CREATE EXTENSION cube"], as: "postgres")
            let result = await InstanceRunner(set).up(database.instance(admin: .some(nil)))
            #expect(result.outcome == .blocked)
            let expected = message.replacing("NAME", with: database.ownerName)
            #expect(result.failure?.message.hasSuffix(expected) == true, "\(String(describing: result.failure))")
        }
    }

    @Test func aTriggerThatWouldRunAsTheAdministrator() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (2, migrationText("-- convoy:admin\nCREATE TABLE trips (id bigint);")),
        ])
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            try await database.execute([
                "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''ran as %'', current_user; END'",
                "CREATE TRIGGER evil BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION evil()",
            ])
            let result = await runner.up(database.instance())
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("trigger evil on public.schema_migrations") == true)
            try await database.execute(["DROP TRIGGER evil ON schema_migrations"])
            #expect(await runner.up(database.instance()).outcome == .migrated)
        }
    }

    @Test func anAdministratorOfAnotherDatabase() async throws {
        let set = try migrationSet([(1, migrationText("-- convoy:admin\nCREATE TABLE trips (id bigint);"))])
        try await withDatabase { database in
            let elsewhere = database.server.superuser()
            let result = await InstanceRunner(set).up(database.instance(admin: elsewhere))
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message.contains("another database") == true)
        }
    }

    @Test func versionsThatTheSetDoesNotKnow() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute(["INSERT INTO schema_migrations VALUES (99, now())"])
            let result = try await outcome(of: database)
            #expect(result.outcome == .ahead)
            #expect(result.failure?.message.contains("99") == true)
        }
    }

    @Test func aPendingVersionBelowTheNewest() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute(["DELETE FROM schema_migrations WHERE version = 2", "ALTER TABLE cars DROP COLUMN name"])
            let refused = try await outcome(of: database) { $0.outOfOrder = .refuse }
            #expect(refused.outcome == .outOfOrder)
            #expect(refused.failure?.hint?.contains("`convoy repair --instance NAME`") == true)
            let applied = try await outcome(of: database)
            #expect(applied.outcome == .migrated)
            #expect(applied.versions == [2])
        }
    }

    @Test func anEditedFile() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance(), to: 2)
            let edited = try threeMigrations(second: "ALTER TABLE cars ADD COLUMN name varchar;")
            let strict = try await outcome(of: database, set: edited) { $0.strict = true }
            #expect(strict.outcome == .edited)
            let log = EventLog()
            let lenient = await InstanceRunner(edited).up(database.instance(), log: log)
            #expect(lenient.outcome == .migrated)
            #expect(log.warnings.contains { $0.contains("Migrations/2_test.sql") })
        }
    }

    @Test func noAuditLogWhereTheRoleMayNotCreateASchema() async throws {
        try await withDatabase(owner: .unique) { database in
            let stranger = "\(database.name)_stranger"
            try await database.server.execute("CREATE ROLE \(stranger) LOGIN")
            try await database.execute(["GRANT CREATE ON SCHEMA public TO PUBLIC"], as: "postgres")
            let log = EventLog()
            let result = await InstanceRunner(try threeMigrations()).up(
                database.instance(connection: database.parameters(user: stranger)),
                log: log
            )
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(log.warnings.contains { $0.contains("no audit log") })
            try await database.execute(["DROP OWNED BY \(stranger)"], as: "postgres")
            try await database.server.execute("DROP ROLE \(stranger)")
        }
    }
}
