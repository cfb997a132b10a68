package import ConvoyMigrations
import ConvoyText

/// Why nothing is drafted from a database, and what to do about it: the statements would lead backwards.
package struct DraftRefusal: Error, Sendable, Hashable {
    /// One sentence without a full stop.
    package let message: String
    /// What to do next.
    package let hint: String

    /// Compares the ledger of a database with a migration set; nil if the database is at the newest version of the set, or further.
    ///
    /// - Parameter applied: the versions in the ledger; nil if there is no ledger.
    package init?(applied: [MigrationVersion]?, of set: MigrationSet) {
        hint = "name a database that the next release has migrated"
        guard let applied else {
            message = "the database has no ledger (`schema_migrations`), so it is not known to be further than the migration set"
            return
        }
        let known = Set(applied)
        let missing = set.migrations.map(\.version).filter { !known.contains($0) }
        guard let newest = missing.last else { return nil }
        message =
            "the database lacks \(counted(missing.count, "migration")) of the set (the newest is \(newest)), which the draft would undo"
    }
}
