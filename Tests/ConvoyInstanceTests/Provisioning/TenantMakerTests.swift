import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Tenants on real servers: made, made again, and cut off at every point.
@Suite(.timeLimit(.minutes(5))) struct TenantMakerTests {
    /// A name of its own for a tenant, whose database and role go at the end.
    struct Place {
        let server: PostgresServer
        let tenant: Tenant
        var admin = "postgres"
        var set: MigrationSet
        var port: Int?

        init(_ release: PostgresServer.Release, hasOwnRole: Bool = true) async throws {
            server = try await PostgresServer.shared(release)
            let name = "p" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
            tenant = Tenant(
                name: name,
                fleet: "test",
                database: "\(name)-db",
                role: hasOwnRole ? "\(name)-role" : "teslamate",
                hasOwnRole: hasOwnRole
            )
            set = try threeMigrations()
        }

        var instance: Instance {
            func parameters(_ user: String) -> ConnectionParameters {
                var parameters = server.parameters(user: user, database: tenant.database)
                if let port { (parameters["host"], parameters["port"]) = ("127.0.0.1", String(port)) }
                return parameters
            }
            var connection = parameters(tenant.role)
            if tenant.hasOwnRole { connection["password"] = "s3cret-\(tenant.name)" }
            var settings = InstanceSettings()
            settings.connectTimeout = .seconds(30)
            settings.lockWait = .seconds(30)
            return Instance(
                name: tenant.name,
                server: "s",
                database: tenant.database,
                connection: connection,
                admin: parameters(admin),
                settings: settings
            )
        }

        func make(to version: Int64? = nil) async -> TenantMaker.Result {
            await TenantMaker(InstanceRunner(set, reconnectWait: .seconds(1)), instance, maintenanceDatabase: "postgres").make(
                tenant,
                to: version.map(MigrationVersion.init),
                run: "run-1"
            )
        }

        func query(_ sql: String, database: String = "postgres", user: String = "postgres") async throws -> QueryResult.Row {
            let connection = try await PostgresConnection.connect(server.parameters(user: user, database: database), timeout: .seconds(30))
            defer { connection.close() }
            return try await connection.query(sql).onlyRow()
        }

        /// Complete and with nothing too much: one role, one database, its rights, its ledger.
        func check() async throws {
            let facts = try await query(
                """
                SELECT (SELECT count(*) FROM pg_database WHERE datname = '\(tenant.database)') AS databases,
                    (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '\(tenant.database)') AS owner,
                    (SELECT datallowconn AND datconnlimit = -1 AND pg_encoding_to_char(encoding) = 'UTF8'
                        FROM pg_database WHERE datname = '\(tenant.database)') AS is_open,
                    (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '\(tenant.database)') AS mark,
                    (SELECT coalesce(string_agg(grantee::regrole::text || ':' || privilege_type, ',' ORDER BY privilege_type), '')
                        FROM pg_database, aclexplode(datacl)
                        WHERE datname = '\(tenant.database)' AND grantee <> datdba) AS foreign_rights,
                    (SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                        WHERE r.rolname = '\(tenant.role)' AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)) AS members,
                    (SELECT NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) AND rolcanlogin
                        FROM pg_roles WHERE rolname = '\(tenant.role)') AS is_ordinary
                """
            )
            #expect(try facts.int64("databases") == 1)
            #expect(try facts.text("owner") == tenant.role)
            #expect(try facts.bool("is_open"))
            #expect(try facts.text("mark") == tenant.doneMark)
            #expect(try facts.text("foreign_rights") == "")
            #expect(try facts.int64("members") == 0)
            #expect(try facts.bool("is_ordinary"))
            let ledger = try await query(
                "SELECT string_agg(version::text, ',' ORDER BY version) AS versions FROM public.schema_migrations",
                database: tenant.database,
                user: tenant.role
            )
            #expect(try ledger.text("versions") == "1,2,3")
        }

        /// What is there of the role, the database and members of the role.
        func traces() async throws -> String {
            try await query(
                """
                SELECT concat_ws(',', (SELECT 'role' FROM pg_roles WHERE rolname = '\(tenant.role)'),
                    (SELECT 'database' FROM pg_database WHERE datname = '\(tenant.database)'),
                    (SELECT 'member' FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                        WHERE r.rolname = '\(tenant.role)' AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true) LIMIT 1)) AS traces
                """
            ).text("traces")
        }

        func remove() async {
            try? await server.execute("DROP DATABASE IF EXISTS \"\(tenant.database)\" WITH (FORCE)")
            if tenant.hasOwnRole { try? await server.execute("DROP ROLE IF EXISTS \"\(tenant.role)\"") }
        }
    }

    func withPlace(_ release: PostgresServer.Release, hasOwnRole: Bool = true, _ body: (inout Place) async throws -> Void)
        async throws
    {
        var place = try await Place(release, hasOwnRole: hasOwnRole)
        do {
            try await body(&place)
            await place.remove()
        } catch {
            await place.remove()
            throw error
        }
    }

    @Test(arguments: PostgresServer.Release.tested, [true, false])
    func fromNothingAndAgain(release: PostgresServer.Release, hasOwnRole: Bool) async throws {
        try await withPlace(release, hasOwnRole: hasOwnRole) { place in
            let result = await place.make()
            #expect(result.failure == nil && result.standing == .absent, "\(String(describing: result.failure))")
            #expect(result.version == MigrationVersion(3) && result.creating != nil)
            try await place.check()
            let again = await place.make()
            #expect(again.failure == nil && again.standing == .complete && again.creating == nil)
            #expect(again.version == MigrationVersion(3))
            try await place.check()
        }
    }

    /// Every connection of the first attempt goes through a proxy that cuts it after some bytes; the second one completes what is there.
    @Test(arguments: PostgresServer.Release.tested, [FaultProxy.Direction.toServer, .toClient])
    func cutOffAtAnyPoint(release: PostgresServer.Release, direction: FaultProxy.Direction) async throws {
        var whole = 0
        var standings: Set<TenantStanding> = []
        let points = 16
        for point in 0...points {
            try await withPlace(release) { place in
                let proxy = try FaultProxy(to: .port(place.server.port))
                place.port = proxy.port
                if point > 0 { proxy.cut(after: whole * point / (points + 1), direction) }
                let first = await place.make()
                if point == 0 {
                    whole = direction == .toServer ? proxy.counts.bytesToServer : proxy.counts.bytesToClient
                    #expect(first.failure == nil, "\(String(describing: first.failure))")
                }
                place.port = nil
                let second = await place.make()
                #expect(second.failure == nil, "at \(point): \(String(describing: second.failure))")
                standings.insert(second.standing)
                try await place.check()
            }
        }
        // Otherwise the points are not where the work is.
        #expect(standings == [.absent, .begun, .complete])
    }

    /// Each state that a kill leaves, made by hand.
    @Test(arguments: PostgresServer.Release.tested, 0...4)
    func whatAKilledProcessLeft(release: PostgresServer.Release, done: Int) async throws {
        try await withPlace(release) { place in
            let script = TenantScript(place.tenant, TenantFacts(admin: "postgres", adminIsSuperuser: true))
            let steps = script.opening(verifier: nil)
            for step in steps.prefix(done) {
                // Together, as one message, where it is a transaction.
                let connection = try await PostgresConnection.connect(place.server.superuser(), timeout: .seconds(30))
                defer { connection.close() }
                let statements = step.isTransaction ? ["BEGIN"] + step.statements + ["COMMIT"] : step.statements
                for statement in statements { _ = try await connection.query(statement) }
            }
            if done == 4 {
                let migrated = await InstanceRunner(place.set).up(place.instance, to: 2)
                #expect(migrated.outcome == .migrated)
            }
            let result = await place.make()
            #expect(result.failure == nil, "\(String(describing: result.failure))")
            #expect(result.standing == (done == 0 ? .absent : .begun))
            try await place.check()
        }
    }

    /// Eight at the same moment: one makes it, the others find it complete.
    @Test(arguments: PostgresServer.Release.tested) func manyAtOnce(release: PostgresServer.Release) async throws {
        try await withPlace(release) { place in
            let same = place
            let results = await withTaskGroup(of: TenantMaker.Result.self) { group in
                for _ in 0..<8 { group.addTask { await same.make() } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.allSatisfy { $0.failure == nil }, "\(results.compactMap(\.failure))")
            #expect(results.count { $0.standing == .absent } == 1 && results.count { $0.standing == .complete } == 7)
            try await place.check()
        }
    }

    @Test func theHolderOfTheLockIsNamed() async throws {
        try await withPlace(.system) { place in
            let holder = try await PostgresConnection.connect(place.server.superuser(), applicationName: "backup", timeout: .seconds(30))
            defer { holder.close() }
            _ = try await holder.query("SELECT pg_advisory_lock(\(Tenant.unfinishedLimit), \(place.tenant.lockNumber))")
            var settings = place.instance.settings
            settings.lockWait = .milliseconds(100)
            let instance = Instance(
                name: "x",
                server: "s",
                database: place.tenant.database,
                connection: place.instance.connection,
                admin: place.instance.admin,
                settings: settings
            )
            let result = await TenantMaker(InstanceRunner(place.set), instance, maintenanceDatabase: "postgres").make(
                place.tenant,
                to: nil,
                run: "run-1"
            )
            #expect(result.failure?.kind == .lockBusy)
            #expect(result.failure?.lockedBy?.application == "backup")
        }
    }

    /// A migration fails: the tenant stays begun, and the same command completes it when the migration is right.
    @Test func aMigrationThatFails() async throws {
        try await withPlace(.system) { place in
            let good = place.set
            place.set = try threeMigrations(second: "SELECT 1 / 0;")
            let failed = await place.make()
            #expect(failed.failure?.kind == .failed && failed.failure?.version == MigrationVersion(2))
            #expect(failed.version == MigrationVersion(1))
            place.set = good
            let result = await place.make()
            #expect(result.failure == nil && result.standing == .begun)
            try await place.check()
        }
    }

    /// What a hostile role has put into the maintenance database is not used with the administrator's rights.
    @Test(arguments: PostgresServer.Release.tested) func nothingOfATenantRunsAsTheAdministrator(release: PostgresServer.Release)
        async throws
    {
        try await withPlace(release) { place in
            let trap = "\(place.tenant.name)_trap"
            try await place.server.execute("CREATE DATABASE \(trap)")
            let connection = try await PostgresConnection.connect(place.server.superuser(database: trap), timeout: .seconds(30))
            for statement in [
                "CREATE TABLE public.caught (who text)", "GRANT INSERT ON public.caught TO PUBLIC",
                """
                CREATE FUNCTION public.spring() RETURNS boolean LANGUAGE plpgsql AS
                    $$ BEGIN INSERT INTO public.caught VALUES (session_user); RETURN true; END $$
                """,
                "CREATE VIEW public.pg_roles AS SELECT r.*, public.spring() AS spring FROM pg_catalog.pg_roles r",
                "CREATE VIEW public.pg_database AS SELECT d.*, public.spring() AS spring FROM pg_catalog.pg_database d",
                "CREATE FUNCTION public.pg_try_advisory_lock(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()'",
                "CREATE FUNCTION public.nameq(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()'",
                "CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.nameq)",
                "ALTER DATABASE \(trap) SET search_path = public, pg_catalog",
            ] { _ = try await connection.query(statement) }
            let instance = place.instance
            let result = await TenantMaker(InstanceRunner(place.set), instance, maintenanceDatabase: trap).make(
                place.tenant,
                to: nil,
                run: "run-1"
            )
            #expect(result.failure == nil, "\(String(describing: result.failure))")
            #expect(try await connection.query("SELECT count(*) AS n FROM public.caught").onlyRow().int64("n") == 0)
            connection.close()
            try await place.check()
            try await place.server.execute("DROP DATABASE \(trap) WITH (FORCE)")
        }
    }
}
