import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// A checkpoint that makes extensions: who makes them, and that nothing else runs with an administrator's rights.
@Suite(.timeLimit(.minutes(5))) struct CheckpointAdminTests {
    /// Each object with its owner, extensions included; members of extensions are left out.
    private func owners(_ database: TestDatabase) async throws -> [String: String] {
        let rows = try await database.query(
            """
            SELECT o.name, pg_get_userbyid(o.owner) AS owner FROM (
                SELECT c.relname::text AS name, c.relowner AS owner FROM pg_class c
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S')
                UNION ALL SELECT 'extension ' || extname, extowner FROM pg_extension WHERE extname <> 'plpgsql'
                UNION ALL SELECT 'schema ' || nspname, nspowner FROM pg_namespace WHERE nspname = 'convoy') o
            """,
            as: "postgres"
        ).rows
        return Dictionary(uniqueKeysWithValues: try rows.map { (try $0.text("name"), try $0.text("owner")) })
    }

    private func expected(_ owner: String) -> [String: String] {
        [
            "cars": owner, "cars_id_seq": owner, "trips": owner, "trips_id_seq": owner, "schema_migrations": owner, "schema convoy": owner,
            "extension cube": "postgres", "extension earthdistance": "postgres",
        ]
    }

    @Test(arguments: PostgresServer.Release.tested) func theAdministratorMakesTheExtensionsOnly(_ release: PostgresServer.Release)
        async throws
    {
        let (long, fast) = (
            try CheckpointSamples.migrations(extensions: true), try CheckpointSamples.set(extensions: true)
        )
        try await PostgresServer.shared(release).withDatabases(2, owner: .unique) { databases in
            let instances = databases.map { $0.instance() }
            let status = await InstanceRunner(fast).status(instances[1])
            #expect(status.outcome == .pending && status.checkpoint == MigrationVersion(4), "\(String(describing: status.failure))")
            let log = EventLog()
            let results = [await InstanceRunner(long).up(instances[0]), await InstanceRunner(fast).up(instances[1], log: log)]
            for (result, database) in zip(results, databases) {
                #expect(result.outcome == .migrated && result.versions == [1, 2, 3, 4, 5], "\(String(describing: result.failure))")
                let found = try await owners(database)
                #expect(found == expected(database.ownerName))
            }
            #expect(results[1].applied.map(\.checkpoint?.value) == [4, 4, 4, 4, nil])
            #expect(log.warnings == [])
            #expect(
                try await CheckpointSamples.state(of: databases[0], instances[0], long)
                    == CheckpointSamples.state(of: databases[1], instances[1], fast)
            )
        }
    }

    @Test func withoutAnAdministratorItIsBlockedAsEver() async throws {
        let set = try CheckpointSamples.set(extensions: true)
        try await withDatabase(owner: .unique) { database in
            let result = await InstanceRunner(set).up(database.instance(admin: .some(nil)))
            #expect(result.outcome == .blocked)
            #expect(
                result.failure?.message.contains("does not let it create earthdistance") == true,
                "\(String(describing: result.failure))"
            )
            #expect(result.failure?.hint?.contains("admin") == true)
            let found = try await owners(database)
            #expect(found == [:])
        }
    }

    /// What a DBA has made before needs no administrator, and leaves the database empty.
    @Test(arguments: PostgresServer.Release.tested) func extensionsThatExistNeedNoAdministrator(_ release: PostgresServer.Release)
        async throws
    {
        let set = try CheckpointSamples.set(extensions: true)
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            try await database.execute(["CREATE EXTENSION cube", "CREATE EXTENSION earthdistance"], as: "postgres")
            let result = await InstanceRunner(set).up(database.instance(admin: .some(nil)))
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
            #expect(try await owners(database) == expected(database.ownerName))
        }
    }

    /// An extension that the server trusts is the owner's to make, in the one transaction.
    @Test func aTrustedExtensionNeedsNoAdministrator() async throws {
        let plain = try migrationSet([
            (1, migrationText("-- convoy:admin cube\nCREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;")),
            (2, migrationText("CREATE TABLE points (at public.cube);")),
        ])
        let statements = ["CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public", "CREATE TABLE public.points (at public.cube)"]
        let set = plain.having(checkpoints: [try CheckpointSamples.checkpoint(of: plain, upTo: 2, statements)])
        try await withDatabase(owner: .unique) { database in
            let result = await InstanceRunner(set).up(database.instance(admin: .some(nil)))
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
            let found = try await owners(database)
            #expect(found["extension cube"] == database.ownerName)
        }
    }

    /// A superuser that works for the owner makes the extensions as itself and all else as the owner.
    @Test func aSuperuserThatIsNotTheOwner() async throws {
        let set = try CheckpointSamples.set(extensions: true)
        try await withDatabase(owner: .unique) { database in
            let instance = database.instance(connection: database.admin, admin: .some(nil)) { $0.allowsForeignSuperuser = true }
            let result = await InstanceRunner(set).up(instance)
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
            let found = try await owners(database)
            #expect(found == expected(database.ownerName))
        }
    }

    /// The owner's part fails after the extensions were made: they stay, the database still counts as empty, and the next run starts it.
    @Test func extensionsThatStayAreNoObstacle() async throws {
        let bad = try CheckpointSamples.set(extensions: true, CheckpointSamples.statements(extensions: true) + ["SELECT 1 / 0"])
        try await withDatabase(owner: .unique) { database in
            let failed = await InstanceRunner(bad).up(database.instance())
            #expect(failed.outcome == .failed && failed.applied == [])
            #expect(try await owners(database).keys.sorted() == ["extension cube", "extension earthdistance"])
            let set = try CheckpointSamples.set(extensions: true)
            let result = await InstanceRunner(set).up(database.instance(), run: "run-2")
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
        }
    }

    // MARK: - A hostile owner

    /// The script of an extension would find an object of the owner's: with a transaction that is open while the administrator looks, it would be hidden.
    @Test(arguments: PostgresServer.Release.tested) func anObjectThatIsNotCommittedYetIsWaitedFor(_ release: PostgresServer.Release)
        async throws
    {
        let set = try CheckpointSamples.set(extensions: true)
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            let other = try await database.connect()
            defer { other.close() }
            try await other.query("BEGIN")
            try await other.query("CREATE FUNCTION public.cube(text) RETURNS int LANGUAGE sql AS 'SELECT 1'")
            let pid = other.backendPID
            let busy = await InstanceRunner(set).up(database.instance { $0.lockWait = .milliseconds(500) })
            #expect(busy.outcome == .lockBusy, "\(String(describing: busy.failure))")
            #expect(busy.failure?.sqlstate == "ZC004")
            #expect(busy.failure?.lockedBy?.pid == pid && busy.failure?.lockedBy?.application == "convoy-tests")
            #expect(busy.failure?.hint?.contains("pg_terminate_backend(\(pid))") == true)
            #expect(try await owners(database) == [:])
            try await other.query("COMMIT")
            let result = await InstanceRunner(set).up(database.instance(), run: "run-2")
            #expect(result.outcome == .unprovisioned, "\(String(describing: result.failure))")
            #expect(try await owners(database) == [:])
        }
    }

    @Test func aPreparedTransactionIsNamed() async throws {
        let set = try CheckpointSamples.set(extensions: true)
        let server = try await PostgresServer.start(.system, settings: ["max_prepared_transactions": "4"])
        try await server.withDatabase(owner: .unique) { database in
            let other = try await database.connect()
            for statement in ["BEGIN", "CREATE SCHEMA other", "PREPARE TRANSACTION 'orphan'"] { try await other.query(statement) }
            other.close()
            let busy = await InstanceRunner(set).up(database.instance { $0.lockWait = .milliseconds(500) })
            #expect(busy.outcome == .lockBusy && busy.failure?.lockedBy?.transaction == "orphan", "\(String(describing: busy.failure))")
            #expect(busy.failure?.hint?.contains("ROLLBACK PREPARED 'orphan'") == true)
            try await database.execute(["ROLLBACK PREPARED 'orphan'"])
            let result = await InstanceRunner(set).up(database.instance(), run: "run-2")
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
        }
    }

    /// What the owner adds to an extension is his own.
    @Test(arguments: [
        ("CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "FUNCTION mine()"),
        ("CREATE TABLE mine (id bigint)", "TABLE mine"),
    ])
    func aMemberThatTheOwnerHasAdded(creation: String, member: String) async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase(owner: .unique) { database in
            try await database.execute(["CREATE EXTENSION cube"])
            #expect(await InstanceRunner(set).status(database.instance()).checkpoint == MigrationVersion(4))
            try await database.execute([creation, "ALTER EXTENSION cube ADD \(member)"])
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .unprovisioned && result.applied == [], "\(String(describing: result.failure))")
            // As a member it cannot be dropped.
            let removal = "ALTER EXTENSION cube DROP FUNCTION public.mine(); DROP FUNCTION public.mine()"
            #expect(result.failure?.hint?.contains(removal) == member.hasPrefix("FUNCTION"), "\(String(describing: result.failure))")
        }
    }

    /// Migrations can make a new extension of an old one; a checkpoint that tolerates it cannot.
    @Test(arguments: ["CREATE EXTENSION cube VERSION '1.4'", "CREATE EXTENSION cube SCHEMA other"])
    func anOldExtensionLeadsTheLongWay(_ creation: String) async throws {
        let plain = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (2, migrationText("-- convoy:admin cube\nCREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;")),
        ])
        let statements = ["CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public", "CREATE TABLE public.cars (id bigint)"]
        let set = plain.having(checkpoints: [try CheckpointSamples.checkpoint(of: plain, upTo: 2, statements)])
        try await withDatabase(owner: .unique) { database in
            try await database.execute(["CREATE SCHEMA other", creation], as: "postgres")
            #expect(await InstanceRunner(set).status(database.instance()).checkpoint == nil)
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .migrated && result.versions == [1, 2], "\(String(describing: result.failure))")
            #expect(result.applied.allSatisfy { $0.checkpoint == nil })
        }
    }

    /// The administrator has made the extensions, and they are dropped before the owner's transaction.
    @Test(arguments: PostgresServer.Release.tested) func anExtensionThatIsGoneAgainIsMissed(_ release: PostgresServer.Release) async throws
    {
        let set = try CheckpointSamples.set(extensions: true)
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let other = try await database.connect()
            defer { other.close() }
            for statement in ["BEGIN", "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE"] { try await other.query(statement) }
            let instance = database.instance { $0.lockWait = .seconds(60) }
            async let running = InstanceRunner(set).up(instance)
            try await eventually("it waits for the ledger's lock") {
                try await database.query(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'schema_migrations'::regclass AND NOT granted) AS waits",
                    as: "postgres"
                ).onlyRow().bool("waits")
            }
            let made = try await owners(database)
            #expect(made["extension cube"] == "postgres")
            try await database.execute(["DROP EXTENSION cube CASCADE"], as: "postgres")
            try await other.query("COMMIT")
            let result = await running
            #expect(result.outcome == .migrated && result.versions == [1, 2, 3, 4, 5], "\(String(describing: result.failure))")
            let found = try await owners(database)
            #expect(found == expected(database.ownerName))
        }
    }

    /// A superuser that works for the owner: a trigger of the ledger could take its rights back.
    @Test func aTriggerOfTheLedgerBlocksASuperuser() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase(owner: .unique) { database in
            try await database.execute([
                "CREATE SCHEMA other",
                "CREATE FUNCTION other.rise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RESET ROLE; RETURN NEW; END'",
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "CREATE TRIGGER rise BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION other.rise()",
            ])
            let instance = database.instance(connection: database.admin, admin: .some(nil)) { $0.allowsForeignSuperuser = true }
            let result = await InstanceRunner(set).up(instance)
            #expect(result.outcome == .blocked && result.applied == [], "\(String(describing: result.failure))")
            #expect(result.failure?.message.contains("trigger rise") == true, "\(String(describing: result.failure))")
            #expect(try await database.ledger() == [])
        }
    }

    /// Code of the owner's that could run while the administrator works, and what it would run as.
    @Test func codeOfTheOwnersNeverRunsAsTheAdministrator() async throws {
        let set = try CheckpointSamples.set(extensions: true)
        try await withDatabase(owner: .unique) { database in
            // A ledger with a trigger, whose function is where the set makes nothing.
            try await database.execute([
                "CREATE SCHEMA other",
                "CREATE FUNCTION other.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF session_user <> ''\(database.ownerName)'' THEN RAISE EXCEPTION ''ran as %'', session_user; END IF; RETURN NEW; END'",
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "CREATE TRIGGER note BEFORE INSERT ON schema_migrations FOR EACH ROW EXECUTE FUNCTION other.note()",
            ])
            let result = await InstanceRunner(set).up(database.instance())
            // The preflight refuses it, or the trigger ran as the owner; never as the administrator.
            #expect(result.failure?.message.contains("ran as") != true, "\(String(describing: result.failure))")
            #expect(result.outcome == .blocked || result.outcome == .migrated)
        }
    }

    @Test func anEventTriggerBlocks() async throws {
        let set = try CheckpointSamples.set(extensions: true)
        try await withDatabase(owner: .unique) { database in
            try await database.execute(
                [
                    "CREATE SCHEMA other", "CREATE FUNCTION other.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
                    "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION other.f()",
                ],
                as: "postgres"
            )
            let result = await InstanceRunner(set).up(database.instance())
            #expect(
                result.outcome == .blocked && result.failure?.message.contains("event trigger watch") == true,
                "\(String(describing: result.failure))"
            )
            #expect(try await owners(database) == [:])
        }
    }

    /// The administrator's connection or the owner's is cut anywhere: the owner's part is there as a whole or not at all.
    @Test(arguments: [FaultProxy.Direction.toServer, .toClient]) func aConnectionIsCut(_ direction: FaultProxy.Direction) async throws {
        let set = try CheckpointSamples.set(extensions: true)
        let server = try await PostgresServer.shared()
        var whole = 0
        for point in 0...12 {
            try await server.withDatabase(owner: .unique) { database in
                let proxy = try FaultProxy(to: .port(server.port))
                var admin = database.admin
                admin["host"] = "127.0.0.1"
                admin["port"] = String(proxy.port)
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port), admin: admin)
                if point > 0 { proxy.cut(after: whole * point / 13, direction) }
                let result = await InstanceRunner(set).up(instance)
                if point == 0 {
                    whole = direction == .toServer ? proxy.counts.bytesToServer : proxy.counts.bytesToClient
                    #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
                }
                let owners = try await owners(database)
                let isThere = owners["schema_migrations"] != nil
                let ledger = isThere ? try await database.ledger() : []
                #expect(result.versions == ledger, "at \(point): \(String(describing: result.failure))")
                #expect([[], [1, 2, 3, 4], [1, 2, 3, 4, 5]].contains(ledger), "at \(point)")
                #expect(isThere || owners.keys.allSatisfy { $0.hasPrefix("extension ") }, "at \(point): \(owners)")
                let again = await InstanceRunner(set).up(database.instance(), run: "run-2")
                #expect(again.outcome.isGood, "at \(point): \(String(describing: again.failure))")
                #expect(try await self.owners(database) == expected(database.ownerName), "at \(point)")
                #expect(try await database.ledger() == [1, 2, 3, 4, 5], "at \(point)")
            }
        }
    }
}
