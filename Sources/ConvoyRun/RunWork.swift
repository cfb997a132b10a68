package import ConvoyMigrations

/// What a run has done to an instance, according to the instance's own audit log.
package struct RunWork: Sendable, Hashable {
    /// In the order in which it was done.
    package var applied: [AppliedMigration]
    /// The versions in the ledger now.
    package var ledger: [MigrationVersion]

    package init(applied: [AppliedMigration], ledger: [MigrationVersion]) {
        self.applied = applied
        self.ledger = ledger
    }

    /// The newest version before the run; nil if there was no version.
    package var from: MigrationVersion? {
        var versions = Set(ledger)
        for migration in applied.reversed() {
            switch migration.direction {
            case .up: versions.remove(migration.version)
            case .down: versions.insert(migration.version)
            }
        }
        return versions.max()
    }
}
