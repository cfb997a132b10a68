import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

extension AuditLog {
    /// More than any name, run id or role that Convoy writes.
    private static let textLimit = 120

    /// Everything that a row says, for people. Nothing of the log's owner's is evaluated; see ``LedgerReading``.
    static let wholeCopy = """
        COPY convoy.migration_log (version, name, direction, run, started_at, duration_ms, applied_by, convoy_version, system_identifier,
            database_oid) TO STDOUT
        """

    /// The rows that it gives. A row without a version is left out.
    static func entries(_ result: ScriptResult, _ identity: SessionIdentity?) -> [AuditEntry] {
        guard case .lines(let lines) = result else { return [] }
        return lines.compactMap { line in
            guard line.count == 10, let version = line[0].flatMap({ Int64($0) }) else { return nil }
            let (name, checkpoint) = CheckpointMark.read((line[1] ?? "").prefix(bytes: 4 * textLimit))
            func cut(_ text: String) -> String { String(text.prefix(bytes: 4 * textLimit).prefix(textLimit)) }
            func text(_ column: Int) -> String { cut(line[column] ?? "") }
            var entry = AuditEntry(
                version: MigrationVersion(version),
                name: cut(String(name)),
                checkpoint: checkpoint,
                direction: MigrationDirection(rawValue: text(2)),
                run: text(3),
                startedAt: line[4].flatMap(CatalogTime.init)?.date,
                duration: Duration(clampingMilliseconds: line[5].flatMap { Int64($0) } ?? 0),
                appliedBy: text(6),
                convoyVersion: text(7),
                isOfThisDatabase: identity.map { line[8] == $0.systemIdentifier && line[9] == String($0.databaseOID) } ?? true
            )
            entry.isAcceptance = line[2] == acceptance
            return entry
        }
    }
}
