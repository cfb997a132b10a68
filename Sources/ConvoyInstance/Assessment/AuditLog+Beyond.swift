import ConvoyMigrations
import ConvoyRun
import FoundationEssentials

extension AuditLog {
    /// What the rows say beyond the ledger. They are a tenant's: see ``AuditClaim``.
    struct Beyond: Sendable, Hashable {
        /// The newest row of each version that the ledger lacks.
        private var newest: [MigrationVersion: Row] = [:]
        /// The databases in which rows were written: the first few.
        private var origins: Set<Origin> = []

        private static let originLimit = 16
        /// More than any migration set has.
        private static let versionLimit = 1000

        /// Of no rows.
        init() {}

        /// - Parameter ledger: the versions that stand in the ledger.
        init(_ rows: [Row], ledger: [MigrationVersion: CatalogTime?]) {
            for row in rows {
                if origins.count < Self.originLimit { origins.insert(row.origin) }
                guard ledger[row.version] == nil else { continue }
                if let other = newest[row.version] {
                    // Of rows with one time the later one counts.
                    if (other.startedAt?.seconds ?? -.infinity) > (row.startedAt?.seconds ?? -.infinity) { continue }
                } else if newest.count >= Self.versionLimit {
                    continue
                }
                newest[row.version] = row
            }
        }

        /// - Parameters:
        ///   - identity: of the database that was probed; nil if it is not known.
        ///   - isKnown: whether the migration set has a version.
        func claim(in identity: SessionIdentity?, isKnown: (MigrationVersion) -> Bool) -> AuditClaim? {
            let rows = newest.values.filter { isKnown($0.version) }
            let applied = rows.filter { $0.direction == .up }
            let missing = applied.max { $0.version < $1.version }.map { last in
                let times = applied.map { $0.startedAt?.date }
                return AuditClaim.Missing(
                    version: last.version,
                    run: last.run,
                    // The first is known only if all are.
                    firstAppliedAt: times.contains(nil) ? nil : times.compactMap(\.self).min(),
                    lastAppliedAt: times.compactMap(\.self).max()
                )
            }
            let own = identity.map { Origin(systemIdentifier: $0.systemIdentifier, databaseOID: String($0.databaseOID)) }
            return AuditClaim(
                missing: missing,
                revertedAt: rows.filter { $0.direction == .down }.compactMap { $0.startedAt?.date }.max(),
                isOfAnotherDatabase: own.map { !origins.isEmpty && !origins.contains($0) } ?? false
            )
        }
    }
}
