public import ConvoyMigrations
public import ConvoyRollout
public import FoundationEssentials

/// What a run would do: which migrations, where, in which wave. Nothing locked, nothing written.
public struct PlanReport: Sendable {
    /// The fleet's name.
    public var fleet: String
    /// Which way the migrations would run.
    public var direction: MigrationDirection
    /// The version that instances are brought to; nil where each goes back a number of steps.
    public var target: MigrationVersion?
    /// When the instances were looked at.
    public var generatedAt: Date
    /// In the order in which they would run.
    public var waves: [Wave]
    /// The names of the set's migrations, for people.
    public var migrationNames: [MigrationVersion: String]

    /// A wave of the plan.
    public struct Wave: Sendable {
        /// As the fleet file names it.
        public var name: String
        /// The most instances at a time; nil leaves it to the fleet's limits.
        public var maxParallel: Int?
        /// What each instance's probe found; `pending` is what would run there, in order.
        public var instances: [InstanceStatus]

        /// A wave with what was found on its instances.
        public init(name: String, maxParallel: Int?, instances: [InstanceStatus]) {
            self.name = name
            self.maxParallel = maxParallel
            self.instances = instances
        }
    }

    /// A plan of what was found.
    public init(
        fleet: String,
        direction: MigrationDirection,
        target: MigrationVersion?,
        generatedAt: Date,
        waves: [Wave],
        migrationNames: [MigrationVersion: String]
    ) {
        self.fleet = fleet
        self.direction = direction
        self.target = target
        self.generatedAt = generatedAt
        self.waves = waves
        self.migrationNames = migrationNames
    }

    /// The instances of all waves, in order.
    public var instances: [InstanceStatus] { waves.flatMap(\.instances) }

    /// The outcomes and versions of all instances.
    public var summary: FleetSummary {
        instances.reduce(into: FleetSummary()) { $0.add($1.outcome, version: $1.version, isVersionKnown: $1.serverVersion != nil) }
    }

    /// How many migrations would run, over all instances.
    public var migrationCount: Int { instances.reduce(0) { $0 + $1.pending.count } }

    /// How many instances would be changed.
    public var changedInstances: Int { instances.count { !$0.pending.isEmpty } }

    /// Every failure that the probes found, grouped by its fingerprint.
    public var failureGroups: [FailureGroup] {
        FailureGroup.groups(
            of: instances.lazy.compactMap { instance in
                instance.failure.map { FailureGroup.Occurrence(instance: instance.name, wave: nil, at: generatedAt, failure: $0) }
            }
        )
    }

    /// The migrations that would run somewhere, in the order in which an instance would run them, with the number of instances.
    public var migrations: [(version: MigrationVersion, instances: Int)] {
        var counts: [MigrationVersion: Int] = [:]
        for instance in instances {
            for version in instance.pending { counts[version, default: 0] += 1 }
        }
        return counts.sorted { direction == .up ? $0.key < $1.key : $0.key > $1.key }.map { ($0.key, $0.value) }
    }
}
