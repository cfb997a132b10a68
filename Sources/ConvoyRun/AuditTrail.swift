package import ConvoyMigrations
package import FoundationEssentials

/// A row of an instance's audit log. The log belongs to the tenant, who may have written anything into it: texts are cut and numbers are limited.
package struct AuditEntry: Sendable, Hashable {
    /// The version that was applied or reverted.
    package var version: MigrationVersion
    /// The migration's name at that time.
    package var name: String
    /// The checkpoint that applied it together with all older versions; nil if the migration itself ran.
    package var checkpoint: MigrationVersion?
    /// Nil if the row has another word.
    package var direction: MigrationDirection?
    /// The run that did it.
    package var run: String
    /// When its transaction began; nil if the row has no time.
    package var startedAt: Date?
    /// How long it took.
    package var duration: Duration
    /// The role that logged in.
    package var appliedBy: String
    /// The version of the program.
    package var convoyVersion: String
    /// Whether the row was written in this very database, and not in one that this was restored or cloned from.
    package var isOfThisDatabase: Bool
    /// Whether it says only that the file of an applied version was edited and is accepted.
    package var isAcceptance = false

    /// A row from its parts.
    package init(
        version: MigrationVersion,
        name: String,
        checkpoint: MigrationVersion? = nil,
        direction: MigrationDirection?,
        run: String,
        startedAt: Date?,
        duration: Duration,
        appliedBy: String,
        convoyVersion: String,
        isOfThisDatabase: Bool
    ) {
        self.version = version
        self.name = name
        self.checkpoint = checkpoint
        self.direction = direction
        self.run = run
        self.startedAt = startedAt
        self.duration = duration
        self.appliedBy = appliedBy
        self.convoyVersion = convoyVersion
        self.isOfThisDatabase = isOfThisDatabase
    }
}

extension AuditEntry {
    /// How far a server's clock may be ahead.
    private static let clockSkew: TimeInterval = 24 * 60 * 60

    /// Rows in the order of their times. Rows of one transaction keep the order of their versions. Rows without a time are the last ones, and
    /// so are rows of the future, which only a tenant can have written: they would push out the real ones.
    package static func newestFirst(_ entries: [AuditEntry], at now: Date) -> [AuditEntry] {
        let latest = now.addingTimeInterval(clockSkew)
        func place(_ entry: AuditEntry) -> Date { entry.startedAt.flatMap { $0 > latest ? nil : $0 } ?? .distantPast }
        return entries.sorted { left, right in (place(left), left.version) > (place(right), right.version) }
    }
}

/// What an instance's audit log says.
package enum AuditTrail: Sendable, Hashable {
    /// The newest rows, the newest first; `leftOut` is how many older ones there are.
    case entries([AuditEntry], leftOut: Int)
    /// The database has no audit log, so Convoy has changed nothing in it, or `audit: journal-only` is set.
    case missing
    /// It cannot be read, for this reason.
    case unreadable(String)
}
