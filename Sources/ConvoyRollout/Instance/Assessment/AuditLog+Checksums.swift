import ConvoyMigrations
import ConvoyPostgres

extension AuditLog {
    /// A row that says with which checksum a version was applied.
    struct Row: Sendable, Hashable {
        var version: MigrationVersion
        var checksum: String
        /// Nil where it is no time.
        var startedAt: CatalogTime?
    }

    /// For a session that may meet the code of the log's owner.
    static func selection(checksumLength: Int) -> String {
        """
        SELECT version, pg_catalog.left(checksum, \(checksumLength)) AS checksum, started_at FROM convoy.migration_log
        WHERE direction = 'up' LIMIT 100000
        """
    }

    /// For one that must not.
    static let copy = "COPY convoy.migration_log (direction, version, checksum, started_at) TO STDOUT"

    /// The rows of an answer to either.
    static func rows(_ result: ScriptResult) throws(PostgresError) -> [Row] {
        func row(_ version: String?, _ checksum: String?, _ startedAt: String?) -> Row? {
            guard let version = version.flatMap({ Int64($0) }), let checksum else { return nil }
            return Row(version: MigrationVersion(version), checksum: checksum, startedAt: startedAt.flatMap(CatalogTime.init))
        }
        switch result {
        case .lines(let lines):
            return lines.compactMap { $0.count == 4 && $0[0] == "up" ? row($0[1], $0[2], $0[3]) : nil }
        case .rows(let result):
            var rows: [Row] = []
            for line in result.rows {
                let values = (try line.optionalText("version"), try line.optionalText("checksum"), try line.optionalText("started_at"))
                if let row = row(values.0, values.1, values.2) { rows.append(row) }
            }
            return rows
        case .failure: return []
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
