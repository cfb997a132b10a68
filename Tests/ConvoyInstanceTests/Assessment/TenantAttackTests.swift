import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// What the owner of a database does to take over the login that works there, or other tenants through it.
@Suite(.timeLimit(.minutes(4))) struct TenantAttackTests {
    /// Where a trap of the tenant's leaves word of who ran it: as which role it could be, and as whom it logged in.
    private static let trap = [
        "CREATE TABLE caught (login name, super boolean)", "GRANT SELECT, INSERT ON caught TO PUBLIC",
        """
        CREATE FUNCTION spring() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('role', 'none', false);
            INSERT INTO public.caught SELECT session_user, rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user;
            RETURN true;
        EXCEPTION WHEN read_only_sql_transaction THEN
            RAISE EXCEPTION 'caught %', session_user USING ERRCODE = 'ZZ999';
        END $$
        """,
        "CREATE FUNCTION spring_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring(); RETURN NEW; END $$",
    ]

    private func caught(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT DISTINCT login FROM public.caught WHERE login <> '\(database.ownerName)'").rows.map {
            try $0.text("login")
        }
    }

    private func says(_ failure: Failure?, _ word: String) -> Bool {
        guard let failure else { return false }
        return "\(failure.message) \(failure.detail ?? "")".contains(word)
    }

    private func withDatabase(_ release: PostgresServer.Release, _ body: (TestDatabase) async throws -> Void) async throws {
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            try await database.execute(Self.trap)
            try await body(database)
        }
    }

    /// The administrator's session starts as the tenant, and looks like one that has nothing to lose.
    @Test(arguments: PostgresServer.Release.tested) func aDatabaseThatSetsTheRole(_ release: PostgresServer.Release) async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("-- convoy:admin\nCREATE TABLE trips (id bigint);")),
        ])
        try await withDatabase(release) { database in
            let runner = InstanceRunner(set)
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations VALUES (1)",
            ])
            try await database.execute([
                "ALTER DATABASE \"\(database.name)\" SET role = '\(database.ownerName)'",
                "CREATE TRIGGER spring BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION spring_trigger()",
            ])
            let trapped = await runner.up(database.instance())
            #expect(trapped.outcome == .blocked, "\(trapped)")
            #expect(try await caught(database) == [])
            try await database.execute(["DROP TRIGGER spring ON schema_migrations"])
            let disguised = await runner.up(database.instance())
            #expect(disguised.outcome == .blocked, "\(disguised)")
            // What the hint says, by the role that it is meant for, is enough to go on.
            let hint = try #require(disguised.failure?.hint)
            let statement = try #require(hint.split(separator: ": ", maxSplits: 1).last)
            #expect(statement.hasPrefix("ALTER DATABASE "))
            try await database.server.execute(String(statement))
            let result = await runner.up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(try await caught(database) == [])
        }
    }

    /// A superuser that the database disguises as its owner is still one.
    @Test(arguments: PostgresServer.Release.tested) func aDisguisedSuperuser(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await withDatabase(release) { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations VALUES (1), (2), (3)", "CREATE VIEW cars AS SELECT spring() AS x",
                "ALTER DATABASE \"\(database.name)\" SET role = '\(database.ownerName)'",
            ])
            let instance = database.instance(connection: database.admin)
            for runner in [InstanceRunner(set), InstanceRunner(set).forReading] {
                let status = await runner.status(instance)
                #expect(status.outcome == .blocked)
                #expect(!says(status.failure, "caught"))
            }
            #expect(try await caught(database) == [])
        }
    }

    /// A health check's table, on an instance with nothing pending: only the login's rights protect it.
    @Test(arguments: PostgresServer.Release.tested) func aViewUnderAHealthCheck(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await withDatabase(release) { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations VALUES (1), (2), (3)", "CREATE VIEW cars AS SELECT spring() AS x",
            ])
            let check = Check(name: "c", sql: "SELECT bool_and(x) FROM cars", expect: nil)
            let instance = database.instance(connection: database.admin)
            #expect(await InstanceRunner(set).status(instance).outcome == .blocked)
            let failure = await InstanceChecks(checks: [check]).failure(on: instance)
            #expect(failure?.kind == .blocked)
            #expect(!says(failure, "caught"))
            #expect(await InstanceRunner(set).work(of: "run-1", on: instance) == nil)
            #expect(await CatalogReader(InstanceRunner(set)).cohort(of: instance) == nil)
            // The trap does spring where the login is the tenant itself.
            let own = await InstanceChecks(checks: [check]).failure(on: database.instance())
            #expect(says(own, "caught \(database.ownerName)"))
            // A role that only reads is asked nothing of the tenant's either.
            let monitor = "\(database.name)_monitor"
            try await database.server.execute("CREATE ROLE \(monitor) LOGIN")
            try await database.execute(["GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(monitor)"])
            let reading = database.instance(connection: database.parameters(user: monitor))
            #expect(await InstanceRunner(set).forReading.status(reading).outcome == .upToDate)
            let refused = await InstanceChecks(checks: [check]).failure(on: reading)
            #expect(refused?.kind == .blocked && !says(refused, "caught"))
            try await database.execute(["REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM \(monitor)"])
            try await database.server.execute("DROP ROLE \(monitor)")
        }
    }

    /// Anyone may grant what is his own to anyone: that is no reason to leave another tenant's database alone.
    @Test(arguments: PostgresServer.Release.tested) func grantsOfAnotherTenant(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { mine in
            try await PostgresServer.shared(release).withDatabase(owner: .unique) { theirs in
                let (login, group) = ("\(mine.name)_login", "\(mine.name)_logins")
                try await mine.server.execute(
                    "CREATE ROLE \(group)",
                    "CREATE ROLE \(login) LOGIN IN ROLE \"\(mine.ownerName)\", \(group)"
                )
                try await theirs.execute([
                    "CREATE TABLE bait (id int)", "GRANT SELECT ON bait TO \(login)", "GRANT ALL ON bait TO \(group)",
                    "GRANT CONNECT, CREATE ON DATABASE \"\(theirs.name)\" TO \(login), \(group)",
                ])
                let instance = mine.instance(connection: mine.parameters(user: login))
                let result = await InstanceRunner(set).up(instance)
                #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
                // What a group may do in this database is more than its owner may.
                try await mine.execute(["CREATE TABLE secret (id int)", "GRANT SELECT ON secret TO \(group)"], as: "postgres")
                #expect(await InstanceRunner(set).status(instance).outcome == .blocked)
                for database in [mine, theirs] { try await database.execute(["DROP OWNED BY \(login), \(group)"], as: "postgres") }
                try await mine.server.execute("DROP ROLE \(login)", "DROP ROLE \(group)")
            }
        }
    }

    /// A trigger on the tenant's own ledger would become the deployer, and through it the other tenant.
    @Test(arguments: PostgresServer.Release.tested) func aSharedLogin(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await withDatabase(release) { database in
            let (deployer, other) = ("\(database.name)_deployer", "\(database.name)_other")
            try await database.server.execute(
                "CREATE ROLE \(other)",
                "CREATE DATABASE \(other) OWNER \(other) TEMPLATE template0",
                "CREATE ROLE \(deployer) LOGIN IN ROLE \"\(database.ownerName)\", \(other)"
            )
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations VALUES (1)", "CREATE TABLE cars (id bigint)",
                "CREATE TRIGGER spring BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION spring_trigger()",
            ])
            let connection = database.parameters(user: deployer)
            for runner in [InstanceRunner(set), InstanceRunner(set).forReading] {
                let status = await runner.status(database.instance(connection: connection))
                #expect(status.outcome == .blocked)
                #expect(says(status.failure, other))
            }
            #expect(await InstanceRunner(set).up(database.instance(connection: connection)).outcome == .blocked)
            #expect(try await caught(database) == [])
            // Where its name is trusted with that, it works; the trap shows what was trusted.
            let trusting = database.instance(connection: connection) { $0.trustsOwner = true }
            let result = await InstanceRunner(set).up(trusting)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(try await caught(database) == [deployer])
            // A member of this tenant alone has nothing to lose.
            try await database.server.execute("REVOKE \(other) FROM \(deployer)")
            #expect(await InstanceRunner(set).status(database.instance(connection: connection)).outcome == .upToDate)
            try await database.execute(["DROP OWNED BY \(deployer)"], as: "postgres")
            try await database.server.execute("DROP DATABASE \(other)", "DROP ROLE \(other)", "DROP ROLE \(deployer)")
        }
    }

    /// A login of a secrets manager begins as the owner; that is harmless, and everything it makes is the owner's.
    @Test(arguments: PostgresServer.Release.tested) func aLoginThatBeginsAsTheOwner(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            let login = "\(database.name)_v1"
            try await database.server.execute(
                "CREATE ROLE \(login) LOGIN IN ROLE \"\(database.ownerName)\"",
                "ALTER ROLE \(login) SET role = '\(database.ownerName)'"
            )
            #expect(await InstanceRunner(set).up(database.instance(), to: 1).outcome == .migrated)
            let result = await InstanceRunner(set).up(database.instance(connection: database.parameters(user: login)))
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let owners = try await database.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'convoy')").rows
            #expect(try owners.map { try $0.text("tableowner") } == [database.ownerName])
            try await database.server.execute("DROP ROLE \(login)")
        }
    }
}
