import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

extension AuditLog {
    /// A row that says with which checksum a version was applied.
    struct Row: Sendable, Hashable {
        var version: MigrationVersion
        var checksum: String
        /// Nil if it is not a time.
        var startedAt: CatalogTime?
    }

    /// Nothing of the log's owner's is evaluated; see ``LedgerReading``.
    static let copy = "COPY convoy.migration_log (direction, version, checksum, started_at) TO STDOUT"

    /// The rows that it gives.
    static func rows(_ result: ScriptResult) -> [Row] {
        guard case .lines(let lines) = result else { return [] }
        return lines.compactMap { line in
            guard line.count == 4, line[0] == "up", let version = line[1].flatMap({ Int64($0) }), let checksum = line[2] else { return nil }
            return Row(version: MigrationVersion(version), checksum: checksum, startedAt: line[3].flatMap(CatalogTime.init))
        }
    }

    /// The checksum that belongs to each row that stands in the ledger.
    ///
    /// A version can have been applied, reverted and applied again, by clocks that were wrong meanwhile. Ledger and log are written in one transaction and
    /// by one clock, so the row that belongs is the last that began before the ledger's row was written, whatever the others say. Where the ledger has
    /// no time it is the last one of all.
    static func checksums(of ledger: [MigrationVersion: CatalogTime?], _ rows: [Row]) -> [MigrationVersion: String] {
        var newest: [MigrationVersion: Row] = [:]
        for row in rows {
            guard let insertedAt = ledger[row.version] else { continue }
            // The ledger's clock is cut to whole seconds.
            if let insertedAt, let startedAt = row.startedAt, startedAt.seconds >= insertedAt.seconds + 1 { continue }
            if let other = newest[row.version], (other.startedAt?.seconds ?? -.infinity) >= (row.startedAt?.seconds ?? -.infinity) {
                continue
            }
            newest[row.version] = row
        }
        return newest.mapValues(\.checksum)
    }
}
