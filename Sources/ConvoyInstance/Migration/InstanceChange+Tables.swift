import ConvoyFleet
import ConvoyIO
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Creating the tables of Convoy's own.
extension InstanceChange {
    /// Creates the ledger and the audit log where they are missing, as the owner. Another migrator may do the same at this moment.
    func createTables(_ reading: InstanceProbe.Reading) async throws(Failure) {
        let connection = try openConnection()
        let opening = [
            PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
            PipelineStatement("SELECT pg_catalog.set_config('lock_timeout', '\(settings.lockTimeout.milliseconds)', true)"),
        ]
        let commit = PipelineStatement("COMMIT")
        let role = reading.facts.settingRole(for: reading.ledger)
        do {
            if reading.contents == nil {
                try await repeatingRaces { () async throws(PostgresError) in
                    try await transaction(opening + role + reading.ledger.creation + [commit], on: connection, doing: "creating the ledger")
                }
            }
            writesAuditLog = settings.audit == .database
            guard writesAuditLog else { return }
            if let table = reading.facts.auditTable {
                try await checkAuditLog(table, reading, connection)
            } else {
                try await repeatingRaces { () async throws(PostgresError) in
                    try await transaction(opening + role + AuditLog.creation + [commit], on: connection, doing: "creating the audit log")
                }
            }
        } catch {
            guard error.sqlstate == "42501", writesAuditLog else {
                if error.code == .timedOut { throw unconfirmedTables(error) }
                throw Failure(error, doing: "creating the ledger", settings: settings)
            }
            writesAuditLog = false
            warnOfMissingAuditLog(error.message)
        }
    }

    func warnOfMissingAuditLog(_ reason: String) {
        warn("this database gets no audit log, because \(reason); grant CREATE on the database, or set audit: journal-only")
    }

    func checkAuditLog(
        _ table: InstanceFacts.AuditTable,
        _ reading: InstanceProbe.Reading,
        _ connection: PostgresConnection
    ) async throws(PostgresError) {
        if let problem = reading.contents?.auditProblem ?? table.problem(beside: reading.ledger, as: reading.facts.role) {
            writesAuditLog = false
            warn(problem)
            return
        }
        guard !table.owner.isIdentical(to: reading.ledger.owner) else { return }
        let may = try await connection.query(
            """
            SELECT pg_catalog.has_table_privilege($1::text, $2::oid, 'INSERT') AND pg_catalog.has_schema_privilege($1::text, n.oid, 'USAGE') AS may
            FROM pg_catalog.pg_namespace n WHERE n.nspname = 'convoy'
            """,
            [reading.ledger.owner, String(table.oid)],
            timeout: InstanceProbe.silenceTimeout
        )
        guard try may.rows.first?.bool("may") != true else { return }
        writesAuditLog = false
        warn("convoy.migration_log is not written: it belongs to \(table.owner), and \(reading.ledger.owner) may not insert there")
    }

    /// SQLSTATEs of two sessions that create the same thing at once, `IF NOT EXISTS` or not.
    static let raceCodes: Set<String> = ["23505", "42P07", "42710", "42P06", "XX000", "55P03"]

    private func repeatingRaces(_ body: () async throws(PostgresError) -> Void) async throws(PostgresError) {
        for _ in 1..<5 {
            do {
                return try await body()
            } catch {
                guard let code = error.sqlstate, Self.raceCodes.contains(code) else { throw error }
                await pause(for: .milliseconds(Int.random(in: 20...100)), cancellation: .observed)
            }
        }
        try await body()
    }
}
