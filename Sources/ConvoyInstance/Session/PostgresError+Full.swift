import ConvoyPostgres

extension PostgresError {
    /// Whether a server, a role, a database or a pooler has no connection left for now: that is a “later”, and not a server that cannot be reached.
    ///
    /// PostgreSQL says 53300 for its own limits, for CONNECTION LIMIT and for `reserved_connections`. Poolers send texts of their own, most with a code
    /// of class 08.
    package var saysNoConnectionIsLeft: Bool {
        guard let server else { return false }
        if server.sqlstate == "53300" { return true }
        guard server.isClass("08") || server.isClass("53") || server.isClass("XX") else { return false }
        let message = server.message.lowercased()
        return Self.poolersWords.contains { message.contains($0) }
    }

    private static let poolersWords = [
        // PgBouncer's max_client_conn, max_db_client_connections and max_user_client_connections, and its query_wait_timeout.
        "no more connections allowed", "client connections exceeded", "query_wait_timeout",
        // Pgpool-II, Odyssey, Supavisor, RDS Proxy.
        "too many clients", "too many connections", "too many tcp connections", "max client connections reached", "connection limit",
    ]
}
