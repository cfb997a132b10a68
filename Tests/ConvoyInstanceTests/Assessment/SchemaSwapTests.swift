import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import Synchronization
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// The owner of a database puts another table in the ledger's place, over and over, while Convoy looks and works: whatever is looked at first may be
/// another one when it is used.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SchemaSwapTests {
    private static let tries = 20

    /// The decoy of a ledger holds a trap for whoever reads or writes it.
    private static let decoys = [
        "CREATE TABLE public.caught (login name)", "GRANT SELECT, INSERT ON public.caught TO PUBLIC",
        """
        CREATE FUNCTION public.spring() RETURNS bigint LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('role', 'none', false);
            IF current_setting('transaction_read_only') = 'on' THEN
                PERFORM pg_notify('never', '');
                RAISE EXCEPTION 'caught %', session_user USING ERRCODE = 'ZZ999';
            END IF;
            INSERT INTO public.caught VALUES (session_user);
            RETURN 1;
        END $$
        """,
        "CREATE FUNCTION public.spring_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring(); RETURN NEW; END $$",
        "CREATE SCHEMA app", "CREATE SCHEMA view_decoy", "CREATE SCHEMA trigger_decoy",
        "GRANT USAGE ON SCHEMA app, view_decoy, trigger_decoy TO PUBLIC",
        "CREATE TABLE app.schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
        "INSERT INTO app.schema_migrations VALUES (1)",
        "CREATE VIEW view_decoy.schema_migrations AS SELECT public.spring() AS version, NULL::timestamp(0) AS inserted_at",
        "CREATE TABLE trigger_decoy.schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
        "INSERT INTO trigger_decoy.schema_migrations VALUES (1)",
        """
        CREATE TRIGGER spring BEFORE INSERT ON trigger_decoy.schema_migrations
        FOR EACH ROW EXECUTE FUNCTION public.spring_trigger()
        """,
        """
        GRANT SELECT ON app.schema_migrations, view_decoy.schema_migrations, trigger_decoy.schema_migrations TO PUBLIC
        """,
    ]

    private static func swap(_ decoy: String) -> String {
        """
        DO $$ BEGIN
            ALTER SCHEMA app RENAME TO aside; ALTER SCHEMA \(decoy) RENAME TO app;
        END $$
        """
    }

    private static func swapBack(_ decoy: String) -> String {
        """
        DO $$ BEGIN
            ALTER SCHEMA app RENAME TO \(decoy); ALTER SCHEMA aside RENAME TO app;
        END $$
        """
    }

    /// Runs the body as often as is tried, with the swaps going on beside it.
    private func swapping(_ decoy: String, in database: TestDatabase, _ body: () async throws -> Void) async throws {
        let (isOver, swaps) = (Counter(), Counter())
        let swapper = Task {
            let tenant = try await database.connect()
            defer { tenant.close() }
            try await tenant.query("SET lock_timeout = '2s'")
            while isOver.value == 0 {
                guard (try? await tenant.query(Self.swap(decoy))) != nil else { continue }
                while (try? await tenant.query(Self.swapBack(decoy))) == nil, isOver.value == 0 {}
                swaps.increment()
            }
        }
        do {
            try await eventually("the schemas are swapped") { swaps.value > 5 }
            for _ in 0..<Self.tries { try await body() }
        } catch {
            isOver.increment()
            _ = await swapper.result
            throw error
        }
        isOver.increment()
        _ = await swapper.result
        _ = try? await database.execute([Self.swapBack(decoy)])
    }

    private func withDecoys(_ release: PostgresServer.Release, _ body: (TestDatabase) async throws -> Void) async throws {
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            try await database.execute(Self.decoys)
            try await body(database)
        }
    }

    private func caught(_ database: TestDatabase) async throws -> [String] {
        let rows = try await database.query("SELECT DISTINCT login FROM public.caught").rows
        return try rows.map { try $0.text("login") }.filter { $0 != database.ownerName }
    }

    /// An administrator in a database that makes its sessions begin as the owner, and without that.
    @Test(arguments: PostgresServer.Release.tested, [true, false])
    func anAdministrator(_ release: PostgresServer.Release, isDisguised: Bool) async throws {
        let set = try migrationSet([
            (1, migrationText("SELECT 1;")), (2, migrationText("-- convoy:admin\nSELECT 2;", down: "SELECT 2;")),
        ])
        try await withDecoys(release) { database in
            if isDisguised { try await database.execute(["ALTER DATABASE \"\(database.name)\" SET role = '\(database.ownerName)'"]) }
            let instance = database.instance {
                $0.ledgerSchema = "app"
                $0.audit = .journalOnly
                $0.lockWait = .milliseconds(500)
            }
            try await swapping("trigger_decoy", in: database) {
                let result = await InstanceRunner(set).up(instance)
                #expect(result.failure?.message.contains("caught") != true, "\(result)")
                if isDisguised { #expect(result.outcome != .migrated) }
                _ = await InstanceRunner(set).migrate(InstanceJob(instance, .down(to: MigrationVersion(1)), run: "back"), report: { _ in })
            }
            #expect(try await caught(database) == [])
        }
    }

    /// A superuser, and a role that may only read, ask for the status.
    @Test(arguments: PostgresServer.Release.tested, [true, false])
    func aLook(_ release: PostgresServer.Release, asSuperuser: Bool) async throws {
        let set = try migrationSet([(1, migrationText("SELECT 1;"))])
        try await withDecoys(release) { database in
            let monitor = "\(database.name)_monitor"
            try await database.server.execute("CREATE ROLE \(monitor) LOGIN")
            let instance = database.instance(connection: asSuperuser ? database.admin : database.parameters(user: monitor)) {
                $0.ledgerSchema = "app"
            }
            var outcomes: Set<Outcome> = []
            try await swapping("view_decoy", in: database) {
                let status = await InstanceRunner(set).forReading.status(instance)
                outcomes.insert(status.outcome)
                #expect(status.failure?.message.contains("caught") != true, "\(String(describing: status.failure))")
            }
            if asSuperuser { #expect(!outcomes.contains(.upToDate)) }
            #expect(try await caught(database) == [])
            try await database.server.execute("DROP ROLE \(monitor)")
        }
    }

    /// A login that is a member of two tenants' roles.
    @Test(arguments: PostgresServer.Release.tested) func aSharedLogin(_ release: PostgresServer.Release) async throws {
        let set = try migrationSet([(1, migrationText("SELECT 1;")), (2, migrationText("SELECT 2;"))])
        try await withDecoys(release) { database in
            let (deployer, other) = ("\(database.name)_deployer", "\(database.name)_other")
            try await database.server.execute(
                "CREATE ROLE \(other)",
                "CREATE DATABASE \(other) OWNER \(other) TEMPLATE template0",
                "CREATE ROLE \(deployer) LOGIN IN ROLE \"\(database.ownerName)\", \(other)"
            )
            let instance = database.instance(connection: database.parameters(user: deployer)) {
                $0.ledgerSchema = "app"
                $0.audit = .journalOnly
            }
            try await swapping("trigger_decoy", in: database) {
                #expect(await InstanceRunner(set).up(instance).outcome == .blocked)
            }
            #expect(try await caught(database) == [])
            try await database.server.execute("DROP DATABASE \(other)", "DROP ROLE \(other)", "DROP ROLE \(deployer)")
        }
    }
}

/// Counts for two tasks.
private final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func increment() { count.withLock { $0 += 1 } }
}
