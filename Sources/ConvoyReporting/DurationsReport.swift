package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import FoundationEssentials

/// How long migrations took over the fleet in some runs of a journal.
package struct DurationsReport: Sendable {
    /// The journal as the user named it.
    package var journal: String
    /// When it was made.
    package var generatedAt: Date
    /// The requested runs, newest first.
    package var runs: [RunID]
    /// Ups before downs, each by version.
    package var migrations: [MigrationDurations]
    /// The names of migrations, for people, as far as they are known.
    package var names: [MigrationVersion: String]

    package init(
        journal: String,
        generatedAt: Date,
        runs: [RunID],
        migrations: [MigrationDurations],
        names: [MigrationVersion: String]
    ) {
        self.journal = journal
        self.generatedAt = generatedAt
        self.runs = runs
        self.migrations = migrations
        self.names = names
    }
}
