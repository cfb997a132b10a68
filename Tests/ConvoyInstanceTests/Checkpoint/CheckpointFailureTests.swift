import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// A checkpoint that fails, is cut, or meets something that came meanwhile: nothing of it is left, or all of it is there.
@Suite(.timeLimit(.minutes(5))) struct CheckpointFailureTests {
    /// Nothing: no ledger, no schema of Convoy's, no object of the set's.
    private func expectNothing(in database: TestDatabase, _ comment: Comment? = nil) async throws {
        let objects = try await database.query(
            """
            SELECT coalesce(string_agg(o.name, ', '), '') AS names FROM (
                SELECT c.relname::text AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
                UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'convoy') o
            """,
            as: "postgres"
        ).onlyRow().text("names")
        #expect(objects == "", comment)
    }

    @Test(arguments: PostgresServer.Release.tested) func aStatementThatFailsIsNamedByFileAndLine(_ release: PostgresServer.Release)
        async throws
    {
        let statements = CheckpointSamples.statements() + ["SELECT 1 / 0"]
        let set = try CheckpointSamples.set(statements)
        try await PostgresServer.shared(release).withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.applied == [])
            #expect(result.failure?.sqlstate == "22012")
            #expect(result.failure?.file == "Migrations/checkpoints/4.sql")
            #expect(result.failure?.line == 6 + statements.count)
            #expect(result.failure?.version == MigrationVersion(4))
            #expect(result.failure?.hint?.contains("`checkpoint: false`") == true)
            try await expectNothing(in: database)
            let other = await InstanceRunner(set).up(database.instance { $0.startsFromCheckpoint = false }, run: "run-2")
            #expect(other.outcome == .migrated, "\(String(describing: other.failure))")
        }
    }

    @Test func aStatementTimeoutInTheMiddleLeavesNothing() async throws {
        var statements = CheckpointSamples.statements()
        statements.insert("SELECT pg_catalog.pg_sleep(60)", at: 3)
        let set = try CheckpointSamples.set(statements)
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance { $0.statementTimeout = .milliseconds(200) })
            #expect(result.outcome == .failed && result.failure?.sqlstate == "57014", "\(String(describing: result.failure))")
            #expect(result.failure?.line == 10)
            try await expectNothing(in: database)
        }
    }

    /// What the server says of a full disk comes at any statement: here by a limit on temporary files.
    @Test func aFullDiskLeavesNothing() async throws {
        var statements = CheckpointSamples.statements()
        statements.append("SELECT pg_catalog.count(*) FROM (SELECT i FROM pg_catalog.generate_series(1, 3000000) i ORDER BY i DESC) x")
        let set = try CheckpointSamples.set(statements)
        try await withDatabase { database in
            try await database.server.execute("ALTER DATABASE \(database.name) SET temp_file_limit = '64kB'")
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed && result.failure?.sqlstate == "53400", "\(String(describing: result.failure))")
            try await expectNothing(in: database)
        }
    }

    @Test func aLedgerThatDoesNotKeepTheRows() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))", "CREATE SCHEMA other",
                "CREATE FUNCTION other.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.version = 2 THEN RETURN NULL; END IF; RETURN NEW; END'",
                "CREATE TRIGGER swallow BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION other.swallow()",
            ])
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.failure?.message.contains("the trigger swallow") == true, "\(String(describing: result.failure))")
            #expect(try await database.ledger() == [])
            let there = try await database.query("SELECT to_regclass('cars') IS NULL AS absent").onlyRow()
            #expect(try there.bool("absent"))
        }
    }

    /// What a trigger defers until COMMIT would come behind the last look at the rows.
    @Test(arguments: PostgresServer.Release.tested) func aLedgerThatForgetsRowsAtTheEnd(_ release: PostgresServer.Release) async throws {
        let set = try CheckpointSamples.set()
        try await PostgresServer.shared(release).withDatabase { database in
            try await database.execute([
                Self.ledger, "CREATE SCHEMA other",
                "CREATE FUNCTION other.defer() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END'",
                "CREATE FUNCTION other.forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.schema_migrations WHERE version = 2; RETURN NULL; END'",
                "CREATE TRIGGER defer BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION other.defer()",
                "CREATE CONSTRAINT TRIGGER forget AFTER INSERT ON schema_migrations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION other.forget()",
            ])
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed && result.applied == [])
            #expect(result.failure?.message.contains("the trigger forget") == true, "\(String(describing: result.failure))")
            #expect(result.failure?.hint?.contains("`checkpoint: false`") == true, "\(String(describing: result.failure))")
            #expect(try await database.ledger() == [])
        }
    }

    // MARK: - What comes meanwhile

    private static let ledger = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"

    /// Does something after the preflight and before the transaction has the ledger's lock.
    private func up(
        _ database: TestDatabase,
        _ set: MigrationSet,
        meanwhile: [String],
        _ configure: (inout InstanceSettings) -> Void = { _ in }
    ) async throws -> InstanceResult {
        try await database.execute([Self.ledger])
        let other = try await database.connect()
        defer { other.close() }
        for statement in ["BEGIN", "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE"] { try await other.query(statement) }
        let instance = database.instance { settings in
            settings.lockWait = .seconds(60)
            configure(&settings)
        }
        async let running = InstanceRunner(set).up(instance)
        try await eventually("it waits for the ledger's lock") {
            try await database.query(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock' AND NOT granted) AS waits",
                as: "postgres"
            ).onlyRow().bool("waits")
        }
        for statement in meanwhile { try await other.query(statement) }
        try await other.query("COMMIT")
        return await running
    }

    @Test(arguments: [
        "CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql AS 'SELECT lower($1)'", "CREATE TABLE mine (id bigint)",
        "CREATE DOMAIN mood AS text",
    ])
    func anObjectOfTheOwnersIsMetByTheGuard(_ statement: String) async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            let result = try await up(database, set, meanwhile: [statement])
            #expect(result.outcome == .unprovisioned, "\(String(describing: result.failure))")
            #expect(result.applied == [])
            #expect(try await database.ledger() == [])
        }
    }

    /// Tables that move between schemas would get other privileges.
    @Test func defaultPrivilegesThatCameAreMetByTheGuard() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            let privileges = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC"
            let result = try await up(database, set, meanwhile: [privileges])
            #expect(result.outcome == .migrated && result.versions == [1, 2, 3, 4, 5], "\(String(describing: result.failure))")
            #expect(result.applied.allSatisfy { $0.checkpoint == nil })
        }
    }

    /// TeslaMate's own migrator was faster with the first version.
    @Test func anotherMigratorIsFollowed() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            let result = try await up(
                database,
                set,
                meanwhile: [
                    "CREATE TABLE cars (id bigserial PRIMARY KEY, name text NOT NULL)",
                    "INSERT INTO schema_migrations VALUES (1, now())",
                ]
            )
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [2, 3, 4, 5])
            #expect(result.applied.allSatisfy { $0.checkpoint == nil })
        }
    }

    @Test func aLockThatIsNotFreeInTime() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            try await database.execute([Self.ledger])
            let other = try await database.connect()
            defer { other.close() }
            for statement in ["BEGIN", "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE"] { try await other.query(statement) }
            let result = await InstanceRunner(set).up(database.instance { $0.lockWait = .milliseconds(300) })
            #expect(result.outcome == .lockBusy, "\(String(describing: result.failure))")
            #expect(result.applied == [])
        }
    }

    // MARK: - At any point

    private func check(_ database: TestDatabase, _ result: InstanceResult, _ point: Int) async throws {
        let isThere = try await database.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there").onlyRow().bool("there")
        let ledger = isThere ? try await database.ledger() : []
        #expect(result.versions == ledger, "at \(point): \(result.outcome) \(String(describing: result.failure))")
        // All of the checkpoint, or nothing of it.
        #expect([[], [1, 2, 3, 4], [1, 2, 3, 4, 5]].contains(ledger), "at \(point)")
        if ledger.isEmpty { try await expectNothing(in: database, "at \(point)") }
        try await eventually("no session and no lock is left") {
            try await database.query(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convoy %'",
                as: "postgres"
            ).onlyRow().int64("n") == 0
        }
    }

    private func finish(_ database: TestDatabase, _ set: MigrationSet, _ expected: CheckpointSamples.State, _ point: Int) async throws {
        let again = await InstanceRunner(set).up(database.instance(), run: "run-2")
        #expect(again.outcome.isGood, "at \(point): \(String(describing: again.failure))")
        #expect(try await CheckpointSamples.state(of: database, database.instance(), set) == expected, "at \(point)")
    }

    private func expected(_ server: PostgresServer, _ set: MigrationSet) async throws -> CheckpointSamples.State {
        try await server.withDatabase { database in
            #expect(await InstanceRunner(set.having(checkpoints: [])).up(database.instance()).outcome == .migrated)
            return try await CheckpointSamples.state(of: database, database.instance(), set)
        }
    }

    @Test(arguments: PostgresServer.Release.tested, [FaultProxy.Direction.toServer, .toClient])
    func theConnectionIsCut(release: PostgresServer.Release, direction: FaultProxy.Direction) async throws {
        let set = try CheckpointSamples.set()
        let server = try await PostgresServer.shared(release)
        let expected = try await expected(server, set)
        var whole = 0
        for point in 0...12 {
            try await server.withDatabase { database in
                let proxy = try FaultProxy(to: .port(server.port))
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
                if point > 0 { proxy.cut(after: whole * point / 13, direction) }
                let result = await InstanceRunner(set).up(instance)
                if point == 0 {
                    whole = direction == .toServer ? proxy.counts.bytesToServer : proxy.counts.bytesToClient
                    #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
                }
                #expect([.migrated, .unreachable].contains(result.outcome), "at \(point): \(String(describing: result.failure))")
                try await check(database, result, point)
                try await finish(database, set, expected, point)
            }
        }
    }

    @Test func theOperatorCancels() async throws {
        let set = try CheckpointSamples.set()
        let server = try await PostgresServer.shared()
        let expected = try await expected(server, set)
        for point in 0...12 {
            try await server.withDatabase { database in
                let proxy = try FaultProxy(to: .port(server.port), delay: .milliseconds(2))
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
                let log = EventLog()
                let running = Task { await InstanceRunner(set).up(instance, log: log) }
                try await eventually("it got so far") { proxy.counts.bytesToServer >= point * 1600 || log.all.count >= 6 }
                running.cancel()
                let result = await running.value
                #expect([.interrupted, .migrated].contains(result.outcome), "at \(point): \(String(describing: result.failure))")
                try await check(database, result, point)
                try await finish(database, set, expected, point)
            }
        }
    }

    /// The server's process dies in the middle, as it does when the machine is out of memory: the same checkpoint is begun again.
    @Test func theServersProcessEnds() async throws {
        var statements = CheckpointSamples.statements()
        statements.append("SELECT pg_catalog.pg_sleep(CASE WHEN pg_catalog.current_setting('convoy.slow', true) = 'on' THEN 60 ELSE 0 END)")
        let set = try CheckpointSamples.set(statements)
        try await withDatabase { database in
            try await database.server.execute("ALTER DATABASE \(database.name) SET convoy.slow = 'on'")
            async let running = InstanceRunner(set).up(database.instance())
            try await eventually("it sleeps, and is ended") {
                let sleeping = try await database.query(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
                    as: "postgres"
                ).rows
                guard let pid = try sleeping.first?.int64("pid") else { return false }
                try await database.server.execute("ALTER DATABASE \(database.name) SET convoy.slow = 'off'")
                _ = try await database.query("SELECT pg_terminate_backend(\(pid))", as: "postgres")
                return true
            }
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3, 4, 5])
            let log = try await database.query("SELECT count(*) AS n FROM convoy.migration_log").onlyRow()
            #expect(try log.int64("n") == 5)
        }
    }
}
