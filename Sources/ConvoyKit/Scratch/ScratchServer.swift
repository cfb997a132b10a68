package import ConvoyFleet
import ConvoyInstance
package import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// A server on which Convoy makes databases for its own use, and drops them.
///
/// While such a database lives, a session of the process holds an advisory lock that stands for its name. A database of this name without the lock was
/// left by a process that was killed: the next one drops it. It never drops a database that is in use, nor one that belongs to another role.
package struct ScratchServer: Sendable {
    private let server: ConnectionParameters
    /// How the names begin; 13 digits and letters follow.
    package static let prefix = "convoy_scratch_"
    private static let timeout = Duration.seconds(60)

    /// - Parameter server: a server, and a database on it to log in to, as a role that may create databases.
    package init(_ server: ConnectionParameters) {
        self.server = server
    }

    /// Makes an empty database, lends it to the body, and drops it whatever happens.
    ///
    /// - Parameter timeZone: that of sessions in the database; nil is the server's.
    /// - Throws: what the body throws, or a `Failure` if there can be no database.
    package func withDatabase<Value>(timeZone: String? = nil, _ body: (ScratchDatabase) async throws -> Value) async throws -> Value {
        let guardian = try await connect()
        defer { guardian.close() }
        try await dropLeftovers(guardian)
        // Thirteen digits in base 36.
        let name = Self.prefix + String(UInt64.random(in: 4_738_381_338_321_616_896 ... .max), radix: 36)
        // Before the database exists, so that it never does without the lock.
        try await execute(guardian, "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended(\(quotedLiteral(name)), 0))")
        let value: Value
        do {
            try await execute(guardian, "CREATE DATABASE \(name) TEMPLATE template0")
            if let timeZone { try await execute(guardian, "ALTER DATABASE \(name) SET TimeZone TO \(quotedLiteral(timeZone))") }
            value = try await body(ScratchDatabase(name: name, server: server))
        } catch {
            await drop(name)
            throw error
        }
        await drop(name)
        return value
    }

    /// Drops what killed processes left.
    private func dropLeftovers(_ guardian: PostgresConnection) async throws(Failure) {
        let result: QueryResult
        do throws(PostgresError) {
            result = try await guardian.query(Self.leftovers, timeout: Self.timeout)
        } catch {
            throw Self.failure(error)
        }
        for row in result.rows {
            guard let name = try? row.text("name") else { continue }
            // Without FORCE the server refuses where a session is connected.
            _ = try? await guardian.query("DROP DATABASE IF EXISTS \(quotedIdentifier(name))", timeout: Self.timeout)
        }
    }

    private static let leftovers = """
        SELECT d.datname AS name FROM pg_catalog.pg_database d
        WHERE d.datname ~ '^\(prefix)[0-9a-z]{13}$' AND d.datdba = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1
                    AND (l.classid::int8 << 32 | l.objid::int8) = pg_catalog.hashtextextended(d.datname::text, 0))
        """

    /// Also when the task was cancelled: nothing may stay behind.
    private func drop(_ name: String) async {
        _ = await Task {
            guard let connection = try? await connect() else { return }
            defer { connection.close() }
            try? await execute(connection, "DROP DATABASE IF EXISTS \(quotedIdentifier(name)) WITH (FORCE)")
        }.value
    }

    /// A session that finds nothing of the database's owner by a bare name.
    private func connect() async throws(Failure) -> PostgresConnection {
        let connection = try await Self.connect(server)
        for setting in ["search_path TO pg_catalog", "idle_session_timeout TO 0", "statement_timeout TO 0"] {
            try await execute(connection, "SET \(setting)")
        }
        return connection
    }

    static func connect(_ parameters: ConnectionParameters) async throws(Failure) -> PostgresConnection {
        do throws(PostgresError) {
            return try await PostgresConnection.connect(parameters, applicationName: "convoy scratch", timeout: .seconds(10))
        } catch {
            throw Failure(.unreachable, error.message, sqlstate: error.sqlstate)
        }
    }

    private func execute(_ connection: PostgresConnection, _ statement: String) async throws(Failure) {
        do throws(PostgresError) {
            try await connection.query(statement, timeout: Self.timeout)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ error: PostgresError) -> Failure {
        Failure(
            .failed,
            "making a scratch database: \(error.message)",
            sqlstate: error.sqlstate,
            hint: error.sqlstate == "42501" ? "log in as a role that may create databases" : nil
        )
    }
}

/// An empty database of Convoy's own, until it is dropped.
package struct ScratchDatabase: Sendable {
    package let name: String
    package let connection: ConnectionParameters

    init(name: String, server: ConnectionParameters) {
        self.name = name
        var connection = server
        connection["dbname"] = name
        self.connection = connection
    }

    /// The database as an instance of a fleet.
    package var instance: Instance { Instance(name: name, server: "scratch", database: name, connection: connection) }

    /// Lends a session to the body, and closes it.
    package func withSession<Value>(_ body: (PostgresConnection) async throws(Failure) -> Value) async throws(Failure) -> Value {
        let session = try await ScratchServer.connect(connection)
        defer { session.close() }
        return try await body(session)
    }
}
