public import ConvoyMigrations
import ConvoyRollout
public import ConvoyRun
public import FoundationEssentials

/// How long migrations took over the fleet in some runs of a journal.
public struct DurationsReport: Sendable {
    /// The journal as the user named it.
    public var journal: String
    /// When it was made.
    public var generatedAt: Date
    /// The requested runs, newest first.
    public var runs: [RunID]
    /// Ups before downs, each by version.
    public var migrations: [MigrationDurations]
    /// The names of migrations, for people, as far as they are known.
    public var names: [MigrationVersion: String]

    public init(
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
