import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

extension AuditLog {
    /// A row that says with which checksum a version was applied, or that it was reverted.
    struct Row: Sendable, Hashable {
        var version: MigrationVersion
        var direction = MigrationDirection.up
        /// Whether it says only that the file was edited and is accepted.
        var isAcceptance = false
        var checksum: String
        /// Nil if it is not a time.
        var startedAt: CatalogTime?
        /// The run that did it.
        var run = ""
        /// The database in which it was written.
        var origin = Origin(systemIdentifier: "", databaseOID: "")
    }

    /// A database, as the rows that were written in it name it.
    struct Origin: Sendable, Hashable {
        var systemIdentifier: String
        var databaseOID: String
    }

    /// Nothing of the log's owner's is evaluated; see ``LedgerReading``.
    static let copy = """
        COPY convoy.migration_log (direction, version, checksum, started_at, run, system_identifier, database_oid) TO STDOUT
        """

    /// The rows that it gives.
    static func rows(_ result: ScriptResult) -> [Row] {
        guard case .lines(let lines) = result else { return [] }
        return lines.compactMap { line in
            let isAcceptance = line.first == acceptance
            guard line.count == 7, let direction = isAcceptance ? .up : line[0].flatMap(MigrationDirection.init),
                let version = line[1].flatMap({ Int64($0) }),
                let checksum = line[2]
            else { return nil }
            return Row(
                version: MigrationVersion(version),
                direction: direction,
                isAcceptance: isAcceptance,
                checksum: checksum,
                startedAt: line[3].flatMap(CatalogTime.init),
                run: line[4] ?? "",
                origin: Origin(systemIdentifier: line[5] ?? "", databaseOID: line[6] ?? "")
            )
        }
    }

    /// The checksum that belongs to each row that stands in the ledger.
    ///
    /// A version can have been applied, reverted and applied again, by clocks that were wrong meanwhile. Ledger and log are written in one transaction and
    /// by one clock, so the row that belongs is the last that began before the ledger's row was written, whatever the others say. Where the ledger has
    /// no time it is the last one of all. A row that accepts an edited file belongs if it is not older than the ledger's row.
    static func checksums(of ledger: [MigrationVersion: CatalogTime?], _ rows: [Row]) -> [MigrationVersion: String] {
        var newest: [MigrationVersion: Row] = [:]
        for row in rows where row.direction == .up {
            guard let insertedAt = ledger[row.version] else { continue }
            // The ledger's clock is cut to whole seconds.
            if let insertedAt, let startedAt = row.startedAt {
                guard row.isAcceptance ? startedAt.seconds >= insertedAt.seconds : startedAt.seconds < insertedAt.seconds + 1 else {
                    continue
                }
            }
            if let other = newest[row.version], !row.outweighs(other) { continue }
            newest[row.version] = row
        }
        return newest.mapValues(\.checksum)
    }
}

extension AuditLog.Row {
    /// Whether it belongs to the ledger's row rather than another one does that could. Of rows of one time an acceptance counts, which is written later.
    fileprivate func outweighs(_ other: AuditLog.Row) -> Bool {
        let (own, others) = (startedAt?.seconds ?? -.infinity, other.startedAt?.seconds ?? -.infinity)
        return own > others || own == others && isAcceptance
    }
}
