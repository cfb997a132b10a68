import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Tenants that administrators make who may do little.
extension TenantMakerTests {
    /// A role that may create databases and roles, and nothing else; with and without the right to inherit.
    @Test(arguments: PostgresServer.Release.tested, ["INHERIT", "NOINHERIT"])
    func anOrdinaryAdministrator(release: PostgresServer.Release, inheritance: String) async throws {
        try await withPlace(release) { place in
            place.admin = "\(place.tenant.name)-admin"
            try await place.server.execute("CREATE ROLE \"\(place.admin)\" LOGIN CREATEDB CREATEROLE \(inheritance)")
            let result = await place.make()
            #expect(result.failure == nil, "\(String(describing: result.failure))")
            try await place.check()
            #expect(await place.make().standing == .complete)
            await place.remove()
            try await place.server.execute("DROP ROLE \"\(place.admin)\"")
        }
    }

    @Test(arguments: [
        ("LOGIN CREATEDB", "may not create roles"), ("LOGIN CREATEROLE", "may not create databases"), ("NOLOGIN", "admin connection"),
    ])
    func anAdministratorWhoMayNot(_ rights: String, _ place: String) async throws {
        try await withPlace(.system) { tenant in
            tenant.admin = "\(tenant.tenant.name)-admin"
            try await tenant.server.execute("CREATE ROLE \"\(tenant.admin)\" \(rights)")
            let result = await tenant.make()
            #expect(result.failure?.message.contains(place) == true, "\(String(describing: result.failure))")
            if rights != "NOLOGIN" { #expect(result.failure?.kind == .blocked) }
            #expect(try await tenant.traces() == "")
            // With the right, the same command makes what is left.
            try await tenant.server.execute("ALTER ROLE \"\(tenant.admin)\" LOGIN CREATEDB CREATEROLE")
            #expect(await tenant.make().failure == nil)
            try await tenant.check()
            await tenant.remove()
            try await tenant.server.execute("DROP ROLE \"\(tenant.admin)\"")
        }
    }

    /// A set that needs a superuser: an ordinary administrator is told before anything is made.
    @Test(arguments: PostgresServer.Release.tested) func aSetThatNeedsASuperuser(release: PostgresServer.Release) async throws {
        try await withPlace(release) { place in
            place.admin = "\(place.tenant.name)-admin"
            try await place.server.execute("CREATE ROLE \"\(place.admin)\" LOGIN CREATEDB CREATEROLE")
            place.set = try migrationSet([
                (1, migrationText("CREATE TABLE cars (id bigint PRIMARY KEY);", down: "DROP TABLE cars;")),
                (2, migrationText("-- convoy:admin\nDO $$ BEGIN END $$;")),
            ])
            let result = await place.make()
            #expect(result.failure?.kind == .blocked, "\(String(describing: result.failure))")
            #expect(result.failure?.message.hasPrefix("migration 2 needs more rights") == true)
            #expect(try await place.traces() == "")
            // Up to the version before it, nothing is needed.
            #expect(await place.make(to: 1).failure == nil)
            #expect(try await place.traces() == "role,database")
            await place.remove()
            try await place.server.execute("DROP ROLE \"\(place.admin)\"")
        }
    }

    /// What fails after the role was made has failed, and is not refused; the administrator is no member of the role afterwards.
    @Test(arguments: PostgresServer.Release.tested) func aFailureLeavesNoMembership(release: PostgresServer.Release) async throws {
        try await withPlace(release) { place in
            place.admin = "\(place.tenant.name)-admin"
            try await place.server.execute("CREATE ROLE \"\(place.admin)\" LOGIN CREATEDB CREATEROLE")
            let good = place.set
            place.set = try threeMigrations(second: "SELECT 1 / 0;")
            let failed = await place.make()
            #expect(failed.failure?.kind == .failed)
            #expect(failed.failure?.detail?.contains("made so far: the role and the database") == true)
            #expect(try await place.traces() == "role,database")
            place.set = good
            let completed = await place.make()
            #expect(completed.failure == nil, "\(String(describing: completed.failure))")
            try await place.check()
            await place.remove()
            try await place.server.execute("DROP ROLE \"\(place.admin)\"")
        }
    }

    /// An administrator whose process was killed stays a member; the superuser who completes the tenant ends that.
    @Test(arguments: PostgresServer.Release.tested) func whatAnAdministratorLeftIsRevoked(release: PostgresServer.Release) async throws {
        try await withPlace(release) { place in
            let admin = "\(place.tenant.name)-admin"
            try await place.server.execute("CREATE ROLE \"\(admin)\" LOGIN CREATEDB CREATEROLE")
            let connection = try await PostgresConnection.connect(
                place.server.parameters(user: admin, database: "postgres"),
                timeout: .seconds(30)
            )
            let facts = TenantFacts(admin: admin, serverVersion: connection.serverVersion)
            let making = TenantScript(place.tenant, facts).opening(verifier: nil)[0]
            for statement in making.statements { _ = try await connection.query(statement) }
            connection.close()
            #expect(try await place.traces() == "role,member")
            let completed = await place.make()
            #expect(completed.failure == nil && completed.standing == .begun, "\(String(describing: completed.failure))")
            try await place.check()
            await place.remove()
            try await place.server.execute("DROP ROLE \"\(admin)\"")
        }
    }
}
