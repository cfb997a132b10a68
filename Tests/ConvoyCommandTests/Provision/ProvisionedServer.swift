import ConvoyPostgres
import Foundation
import TestSupport

/// A folder with a fleet file that allows `convoy provision` on a test server, and what was made there.
struct ProvisionedServer {
    let folder: String
    let server: PostgresServer
    /// What the names of databases and roles begin with; unique on the server.
    let prefix: String

    /// Makes the folder, and drops afterwards whatever has the prefix.
    ///
    /// - Parameters:
    ///   - provision: more keys of `provision`.
    ///   - rest: more lines of the fleet file.
    static func with(
        _ server: PostgresServer,
        role: Bool = true,
        provision: String = "",
        admin: String = "postgres",
        rest: String = "",
        _ body: (ProvisionedServer) async throws -> Void
    ) async throws {
        let prefix = "q" + String(UInt64.random(in: 0...UInt64.max), radix: 36) + "_"
        // Over TCP the password counts: new roles become members of the role whose members must give one.
        let fleet = """
            # The fleet of a test.
            version: 1
            fleet: test
            migrations: Migrations
            defaults: {connect_timeout: 30s, lock_wait: 30s}
            servers:
              eu-1:
                host: \(server.socketFolder)
                port: \(server.port)
            \(role ? "" : "    user: teslamate")
                admin: {user: \(admin)}
                provision: {database: "\(prefix){name}"\(role ? ", role: \"\(prefix){name}\"" : "")\(provision)}
            \(rest)
            """
        var files = SmallSet.files
        files["fleet.yaml"] = fleet.split(separator: "\n").joined(separator: "\n") + "\n"
        try await withTemporaryFolder(files: files) { folder in
            let place = ProvisionedServer(folder: folder, server: server, prefix: prefix)
            do {
                try await body(place)
                await place.drop()
            } catch {
                await place.drop()
                throw error
            }
        }
    }

    func convoy(_ names: String..., options: [String] = ["--yes"]) async throws -> ConvoyResult {
        try await runConvoy(["provision"] + names + options, in: folder, timeLimit: .seconds(300))
    }

    var fleetFile: String { (try? String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)) ?? "" }

    func password(_ name: String) throws -> String {
        try String(contentsOfFile: "\(folder)/passwords/\(name)", encoding: .utf8).trimmingCharacters(in: .newlines)
    }

    /// Asks as the superuser.
    func query(_ sql: String, database: String = "postgres") async throws -> QueryResult {
        let connection = try await PostgresConnection.connect(server.superuser(database: database), timeout: .seconds(30))
        defer { connection.close() }
        return try await connection.query(sql)
    }

    /// The databases and roles with the prefix, in order.
    func found() async throws -> (databases: [String], roles: [String]) {
        let databases = try await query("SELECT datname::text AS name FROM pg_database WHERE datname LIKE '\(prefix)%' ORDER BY 1")
        let roles = try await query("SELECT rolname::text AS name FROM pg_roles WHERE rolname LIKE '\(prefix)%' ORDER BY 1")
        return (try databases.rows.map { try $0.text("name") }, try roles.rows.map { try $0.text("name") })
    }

    /// How many versions the ledger of a database has.
    func versions(_ name: String) async throws -> Int64 {
        try await query("SELECT count(*) AS n FROM public.schema_migrations", database: prefix + name).onlyRow().int64("n")
    }

    /// Whether the password in the file opens the database over TCP, where it is asked for.
    func passwordOpens(_ name: String) async throws -> Bool {
        _ = try await query("GRANT password_users TO \"\(prefix)\(name)\"")
        var login = server.parameters(user: prefix + name, database: prefix + name)
        (login["host"], login["password"]) = ("127.0.0.1", try password(name))
        let session = try? await PostgresConnection.connect(login, timeout: .seconds(30))
        session?.close()
        _ = try await query("REVOKE password_users FROM \"\(prefix)\(name)\"")
        return session != nil
    }

    private func drop() async {
        guard let (databases, roles) = try? await found() else { return }
        for name in databases { try? await server.execute("DROP DATABASE \"\(name)\" WITH (FORCE)") }
        for name in roles { try? await server.execute("DROP ROLE \"\(name)\"") }
    }
}
