import ConvoyMigrations

/// How a row of the audit log that a checkpoint wrote differs from that of a migration: behind the migration's name stands ` (checkpoint VERSION)`.
///
/// The table has no column for it, and tables of earlier releases would not get one. A migration's name has neither blanks nor parentheses.
enum CheckpointMark {
    private static let beginning = " (checkpoint "

    /// The name of a row.
    static func name(of migration: Migration, from checkpoint: MigrationVersion) -> String {
        "\(migration.name)\(beginning)\(checkpoint))"
    }

    /// The migration's name, and the checkpoint if there is one. The row is a tenant's.
    static func read(_ name: String) -> (name: Substring, checkpoint: MigrationVersion?) {
        guard name.hasSuffix(")"), let range = name.firstRange(of: beginning),
            let version = MigrationVersion(name[range.upperBound...].dropLast())
        else { return (name[...], nil) }
        return (name[..<range.lowerBound], version)
    }
}
