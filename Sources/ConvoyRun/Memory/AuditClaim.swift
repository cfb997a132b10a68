package import ConvoyMigrations
package import FoundationEssentials

/// What an instance's audit log says that its ledger does not.
///
/// The log is a tenant's own table, so this is only a hint: its texts are short, its dates are checked before use, and nothing is decided by it.
package struct AuditClaim: Sendable, Hashable {
    /// Versions of the set that it has as applied and not rolled back since, and that the ledger lacks.
    package struct Missing: Sendable, Hashable {
        /// The newest of them.
        package var version: MigrationVersion
        /// The run that applied the newest; nil if the row does not name one.
        package var run: String?
        /// When the first of them was applied; nil if that is not known.
        package var firstAppliedAt: Date?
        /// When the last of them was applied; nil if that is not known.
        package var lastAppliedAt: Date?

        /// Missing versions from their parts. A run's name that no Convoy gives is left out.
        package init(version: MigrationVersion, run: String?, firstAppliedAt: Date?, lastAppliedAt: Date?) {
            self.version = version
            self.run = run.flatMap { Self.isRunID($0) ? $0 : nil }
            self.firstAppliedAt = firstAppliedAt
            self.lastAppliedAt = lastAppliedAt
        }

        /// Whether it is like `20261122T123456Z-ab12cd`: a tenant's own words are not shown as a run.
        private static func isRunID(_ text: String) -> Bool { text.wholeMatch(of: /[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}/) != nil }
    }

    /// Nil if the ledger lacks nothing of it.
    package var missing: Missing?
    /// When a version that is not applied now was last rolled back; nil if that is not known.
    package var revertedAt: Date?
    /// Whether every row names another database than the one that was probed, as in a database that was restored or cloned.
    package var isOfAnotherDatabase: Bool

    /// A claim from its parts; nil if it says nothing.
    package init?(missing: Missing?, revertedAt: Date?, isOfAnotherDatabase: Bool) {
        guard missing != nil || revertedAt != nil || isOfAnotherDatabase else { return nil }
        (self.missing, self.revertedAt, self.isOfAnotherDatabase) = (missing, revertedAt, isOfAnotherDatabase)
    }
}

extension Date {
    /// How far a server's clock may be ahead of this machine's.
    private static let clockSkew: TimeInterval = 300

    /// A time that a tenant's table names: no later than now; nil if it is so far in the future that it cannot be true.
    package func plausible(at now: Date) -> Date? { timeIntervalSince(now) > Self.clockSkew ? nil : min(self, now) }
}
