import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// Reads ledger and audit log in one round trip, in the transaction that is open, and ends it.
///
/// The ledger is copied, not selected: `COPY` opens and locks the table and looks at its kind in one step, so that no view, rule or policy can take its
/// place in between, and it evaluates nothing of the table's owner's. So even a login that must not meet the tenant's code can read it.
struct LedgerReading {
    let ledger: Ledger
    let facts: InstanceFacts
    /// Whether the session may meet the tenant's code.
    let mayWork: Bool
    let settings: InstanceSettings

    /// More than any ledger or audit log of TeslaMate's takes.
    static let byteLimit = 8 << 20

    private var table: InstanceFacts.LedgerTable? { facts.ledgerCandidates.first { $0.schema == ledger.schema } }

    /// One statement, and how its answer is read.
    private enum Part { case role, zone, ledger, log, commit }

    private func statements(readsLog: Bool) -> [(Part, String)] {
        var statements: [(Part, String)] = []
        // A member that does not inherit the owner's rights can read only as the owner.
        if let table, !table.inheritsOwner, table.mayActAsOwner, !facts.isSuperuser {
            statements.append((.role, "SET LOCAL ROLE \(quotedIdentifier(ledger.owner))"))
        }
        statements.append((.zone, "SET LOCAL timezone TO 'UTC'"))
        // A partitioned table cannot be copied; it is read only where the tenant's code may run.
        let selects = table?.kind == "p" && mayWork
        statements.append(
            (
                .ledger,
                selects
                    ? "SELECT version, inserted_at FROM \(ledger.table) LIMIT \(Ledger.versionLimit + 1)"
                    : "COPY \(ledger.table) (version, inserted_at) TO STDOUT"
            )
        )
        if readsLog { statements.append((.log, AuditLog.copy)) }
        statements.append((.commit, "COMMIT"))
        return statements
    }

    /// - Throws: a ``Failure`` if the ledger cannot be read. An audit log that cannot be read is left out, with the reason.
    func contents(_ connection: PostgresConnection) async throws -> LedgerContents {
        let problem = facts.auditTable?.problem(beside: ledger, as: facts.role)
        let statements = statements(readsLog: facts.auditTable != nil && problem == nil)
        let script = statements.map(\.1).joined(separator: ";\n")
        let results = try await connection.script(script, byteLimit: Self.byteLimit, timeout: InstanceProbe.silenceTimeout)
        if connection.transactionStatus != .idle { try await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout) }
        var contents = LedgerContents()
        var rows: [AuditLog.Row] = []
        var isRead = false
        contents.auditProblem = problem
        for (index, statement) in statements.enumerated() where index < results.count {
            switch (statement.0, results[index]) {
            case (.log, .failure(let message)):
                contents.auditProblem = "convoy.migration_log cannot be read and is not written: \(message.message)"
            case (_, .failure(let message)): throw failure(message)
            case (.ledger, let result):
                contents.add(try ledgerRows(result))
                isRead = true
            case (.log, let result): rows = AuditLog.rows(result)
            default: break
            }
        }
        guard isRead else { throw PostgresError(.unexpectedResult, "the server did not answer what the ledger holds") }
        guard contents.applied.count <= Ledger.versionLimit else {
            throw Failure(
                .blocked,
                "\(ledger.schema).\(Ledger.tableName) has more than 20,000 versions, which no migration set has",
                hint: "another tool writes into this table: check its rows"
            )
        }
        contents.checksums = AuditLog.checksums(of: contents.insertedAt, rows)
        contents.beyond = AuditLog.Beyond(rows, ledger: contents.insertedAt)
        return contents
    }

    private func ledgerRows(_ result: ScriptResult) throws(PostgresError) -> [(MigrationVersion, String?)] {
        func row(_ version: String?, _ insertedAt: String?) throws(PostgresError) -> (MigrationVersion, String?) {
            guard let version = version.flatMap({ Int64($0) }) else {
                throw PostgresError(.unexpectedResult, "the ledger holds a version that is not a number")
            }
            return (MigrationVersion(version), insertedAt)
        }
        switch result {
        case .lines(let lines):
            return try lines.map { line throws(PostgresError) in
                guard line.count == 2 else { throw PostgresError(.unexpectedResult, "the ledger's rows have \(line.count) columns, not 2") }
                return try row(line[0], line[1])
            }
        case .rows(let result):
            return try result.rows.map { line throws(PostgresError) in
                try row(try line.text("version"), try line.optionalText("inserted_at"))
            }
        case .failure(let message): throw PostgresError(.server, message.message, server: message)
        }
    }

    private func failure(_ message: ServerMessage) -> Failure {
        let name = "\(ledger.schema).\(Ledger.tableName)"
        switch message.sqlstate {
        case "42501":
            return Failure(
                .blocked,
                "role \(facts.role) may not read the ledger \(name)",
                sqlstate: message.sqlstate,
                detail: message.message,
                hint: "log in as \(ledger.owner), which owns it"
            )
        case "42809", "42P01":
            return Failure(
                .blocked,
                "the ledger \(name) is no longer the table that the catalogue showed: \(message.message)",
                sqlstate: message.sqlstate,
                hint: "another session changes this database: find out what it does, then run the command again"
            )
        default:
            return Failure(PostgresError(.server, message.message, server: message), doing: "reading the ledger", settings: settings)
        }
    }
}

extension LedgerContents {
    fileprivate mutating func add(_ rows: [(MigrationVersion, String?)]) {
        applied = rows.map(\.0).sorted()
        insertedAt = Dictionary(rows.map { ($0.0, $0.1.flatMap(CatalogTime.init)) }) { first, _ in first }
        lastMigratedAt = insertedAt.values.lazy.compactMap(\.self).filter { $0.date != nil }.max()?.date
    }
}
