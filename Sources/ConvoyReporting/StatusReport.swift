public import ConvoyMigrations
public import ConvoyRollout
public import FoundationEssentials

/// Where a fleet stands: one probe an instance, nothing locked and nothing written.
public struct StatusReport: Sendable {
    /// The fleet's name.
    public var fleet: String
    /// The version that instances are measured against: the newest of the set; nil for an empty set.
    public var target: MigrationVersion?
    /// When the instances were looked at.
    public var generatedAt: Date
    /// In the fleet's order.
    public var instances: [InstanceStatus]

    /// A report on what was found.
    public init(fleet: String, target: MigrationVersion?, generatedAt: Date, instances: [InstanceStatus]) {
        self.fleet = fleet
        self.target = target
        self.generatedAt = generatedAt
        self.instances = instances
    }

    /// The outcomes and versions of all instances.
    public var summary: FleetSummary { instances.reduce(into: FleetSummary()) { $0.add($1.outcome, version: $1.version) } }

    /// Every failure, grouped by its fingerprint.
    public var failureGroups: [FailureGroup] {
        FailureGroup.groups(of: instances.lazy.compactMap { instance in instance.failure.map { (instance.name, $0) } })
    }

    /// How long ago an instance last took a migration; nil where that is not known. A clock that is behind counts as zero.
    func age(of instance: InstanceStatus) -> Duration? {
        instance.lastMigratedAt.map { .seconds(max(0, Int64(generatedAt.timeIntervalSince($0)))) }
    }
}
