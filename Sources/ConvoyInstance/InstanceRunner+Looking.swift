package import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Short probes of an instance during the work on it, each in a session of its own.
extension InstanceRunner {
    package func slots(on instance: Instance, run: String) async -> ServerSlots? {
        let query = PipelineStatement(
            """
            SELECT current_setting('max_connections')::int8 AS maximum,
                current_setting('superuser_reserved_connections')::int8
                    + coalesce(current_setting('reserved_connections', true), '0')::int8 AS reserved,
                (SELECT count(*) FROM pg_stat_activity
                    WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
                        AND application_name <> current_setting('application_name')) AS others,
                (SELECT role.rolconnlimit - (SELECT count(*) FROM pg_stat_activity AS session
                        WHERE session.usesysid = role.oid AND coalesce(session.backend_type, 'client backend') = 'client backend'
                            AND session.application_name <> current_setting('application_name'))
                    FROM pg_roles AS role WHERE role.rolname = session_user AND role.rolconnlimit >= 0 AND NOT role.rolsuper) AS for_role
            """
        )
        return await look(at: instance, sessionName: sessionName(run: run)) { connection, probe in
            let opening = probe.opening(on: connection)
            let row = try await connection.transaction(opening + [query, PipelineStatement("COMMIT")])[opening.count].onlyRow()
            return ServerSlots(
                maximum: Int(clamping: try row.int64("maximum")),
                reserved: Int(clamping: try row.int64("reserved")),
                others: Int(clamping: try row.int64("others")),
                forRole: try row.optionalText("for_role").flatMap { Int($0) }
            )
        }
    }

    package func work(of run: String, on instance: Instance) async -> RunWork? {
        await look(at: instance, sessionName: sessionName(run: run)) { connection, probe in
            let reading = try await probe.read(connection)
            guard let table = reading.facts.auditTable, table.problem(beside: reading.ledger, as: reading.facts.role) == nil else {
                return nil
            }
            guard reading.mayWork, let identity = reading.facts.identity else { return nil }
            let role = reading.facts.settingRole(for: reading.ledger)
            let results = try await connection.transaction(
                probe.opening(on: connection) + role
                    + [AuditLog.reading(of: run, systemIdentifier: identity.systemIdentifier, databaseOID: identity.databaseOID)]
                    + [PipelineStatement("COMMIT")]
            )
            let applied = try results[results.count - 2].rows.map { row in
                AppliedMigration(
                    version: MigrationVersion(try row.int64("version")),
                    direction: try row.text("direction") == "down" ? .down : .up,
                    duration: Duration(clampingMilliseconds: try row.int64("duration_ms"))
                )
            }
            return RunWork(applied: applied, ledger: reading.contents?.applied ?? [])
        }
    }

    func look<Value: Sendable>(
        at instance: Instance,
        sessionName: String,
        busyServer: InstanceProbe.BusyServer = .waitedFor,
        _ body: (PostgresConnection, InstanceProbe) async throws -> Value?
    ) async -> Value? {
        let probe = InstanceProbe(instance: instance, sessionName: sessionName, busyServer: busyServer)
        guard let connection = try? await probe.connect() else { return nil }
        defer { connection.close() }
        return try? await body(connection, probe)
    }
}

/// The `application_name` of a run's sessions, by which people and Convoy itself know them.
func sessionName(run: String) -> String { "convoy \(run)" }
