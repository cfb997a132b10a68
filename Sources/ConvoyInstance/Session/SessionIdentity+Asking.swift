import ConvoyPostgres

extension SessionIdentity {
    /// Asks a session who it is.
    init(of connection: PostgresConnection) async throws(PostgresError) {
        let row = try await connection.query(
            """
            SELECT pg_catalog.pg_backend_pid() AS pid, d.oid AS database_oid,
                (SELECT backend_start::text FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())) AS backend_start,
                (SELECT system_identifier FROM pg_catalog.pg_control_system()) AS system_identifier
            FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
            """,
            timeout: InstanceProbe.silenceTimeout
        ).onlyRow()
        self.init(
            backendPID: try row.processID("pid"),
            backendStart: try row.optionalText("backend_start") ?? "",
            systemIdentifier: try row.text("system_identifier"),
            databaseOID: try row.int64("database_oid")
        )
    }
}
