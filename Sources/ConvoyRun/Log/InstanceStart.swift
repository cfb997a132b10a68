package import ConvoyMigrations

/// Where an instance stood before a run: what the first probe found.
package struct InstanceStart: Sendable, Hashable, Codable {
    /// The newest version in the ledger; nil if the ledger is missing or empty.
    package var version: MigrationVersion?
    /// What the run was to apply or to revert, in order.
    package var pending: [MigrationVersion]

    /// Makes a start from its parts.
    package init(version: MigrationVersion?, pending: [MigrationVersion]) {
        self.version = version
        self.pending = pending
    }

    /// The start that a probe found; nil if the probe failed before it found anything.
    package init?(_ status: InstanceStatus) {
        guard [.pending, .upToDate, .blocked, .outOfOrder, .edited, .ahead].contains(status.outcome) else { return nil }
        self.init(version: status.version, pending: status.pending)
    }
}
