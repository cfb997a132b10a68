public import ConvoyMigrations

/// Where an instance stood before a run: what the first probe found.
public struct InstanceStart: Sendable, Hashable, Codable {
    /// The newest version in the ledger; nil if the ledger is missing or empty.
    public var version: MigrationVersion?
    /// What the run was to apply or to revert, in order.
    public var pending: [MigrationVersion]
    /// The checkpoint that the run was to start the empty database from; nil if it was to run each migration.
    public var checkpoint: MigrationVersion?

    /// Makes a start from its parts.
    public init(version: MigrationVersion?, pending: [MigrationVersion], checkpoint: MigrationVersion? = nil) {
        self.version = version
        self.pending = pending
        self.checkpoint = checkpoint
    }

    /// The start that a probe found; nil if the probe failed before it found anything.
    public init?(_ status: InstanceStatus) {
        guard [.pending, .upToDate, .blocked, .outOfOrder, .edited, .ahead].contains(status.outcome) else { return nil }
        self.init(version: status.version, pending: status.pending, checkpoint: status.checkpoint)
    }
}
