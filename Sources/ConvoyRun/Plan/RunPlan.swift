public import ConvoyFleet
public import ConvoyMigrations
public import FoundationEssentials

/// What a run is going to do: which migrations, on which instances, in which waves and by which rules. The value that is shown, that `plan --out` writes,
/// that the journal records, and from which a run is resumed, so that what runs later is exactly what was reviewed.
///
/// It pins the checksum of each migration and the state of each instance. It has no connection and no secret; those come from the fleet file. So do
/// hooks, checks, the maintenance window and what gates run, which an operator may have to fix before a run can be resumed.
public struct RunPlan: Sendable, Hashable, Codable {
    /// The format of the JSON, by which a later version of Convoy recognises it.
    public private(set) var schema = Self.currentSchema
    /// The fleet's name.
    public var fleet: String
    /// When the plan was made.
    public var generatedAt: Date
    /// Where the run brings the instances.
    public var change: Change
    /// The text of the selector that chose the instances; nil for the whole fleet.
    public var select: String?
    /// Whether an operator asked for a run at once: its waves have no gates, and the maintenance window does not hold it back. Only such a plan has
    /// the key.
    private var now: Bool?
    /// The waves that an operator asked for. Only a plan of some of the waves has the key.
    private var only: [String]?
    /// The whole migration set, oldest first.
    public var migrations: [PinnedMigration]
    /// In order.
    public var waves: [Wave]

    static let currentSchema = "convoy.pinned-plan/1"

    enum CodingKeys: String, CodingKey {
        case schema, fleet, change, select, now, migrations, waves
        case only = "only_waves"
        case generatedAt = "generated_at"
    }

    /// Makes a plan of its parts.
    package init(
        fleet: String,
        generatedAt: Date,
        change: Change,
        select: String? = nil,
        isImmediate: Bool = false,
        selectedWaves: [String] = [],
        migrations: [PinnedMigration] = [],
        waves: [Wave]
    ) {
        self.fleet = fleet
        self.generatedAt = generatedAt
        self.change = change
        self.select = select
        now = isImmediate ? true : nil
        only = selectedWaves.isEmpty ? nil : selectedWaves
        self.migrations = migrations
        self.waves = waves
    }

    /// A migration of the set, as its file was when the plan was made.
    public struct PinnedMigration: Sendable, Hashable, Codable {
        /// The version of the migration.
        public var version: MigrationVersion
        /// Of the file's content, as the audit log records it.
        public var checksum: String

        /// The migration as its file is now.
        package init(_ migration: Migration) {
            version = migration.version
            checksum = migration.checksum
        }
    }

    /// A wave with its rules.
    public struct Wave: Sendable, Hashable, Codable {
        /// The wave's name in the fleet file.
        public var name: String
        /// In the order of the selection.
        public var instances: [PlannedInstance]
        /// The most instances at a time; nil leaves it to the connection limits.
        public var maxParallel: Int?
        /// When failures halt the fleet.
        public var stop: StopRules
        /// What one failed instance means for the others.
        public var onFailure: OnFailure
        /// What must hold before the next wave starts; nil if nothing must.
        public var gate: GateTerms?

        enum CodingKeys: String, CodingKey {
            case name, instances, stop, gate
            case maxParallel = "max_parallel"
            case onFailure = "on_failure"
        }

        /// A wave; by default it has no rules.
        package init(
            name: String,
            instances: [PlannedInstance],
            maxParallel: Int? = nil,
            stop: StopRules = StopRules(),
            onFailure: OnFailure = .proceed,
            gate: GateTerms? = nil
        ) {
            self.name = name
            self.instances = instances
            self.maxParallel = maxParallel
            self.stop = stop
            self.onFailure = onFailure
            self.gate = gate
        }
    }

    /// What the gate of a wave requires. What it runs comes from the fleet file, which may have filled in secrets there.
    public struct GateTerms: Sendable, Hashable, Codable {
        /// How long the conditions must hold, in seconds.
        public var soak: Double
        /// How often they are checked during the soak, in seconds.
        public var every: Double
        /// Whether an operator must approve.
        public var approve: Bool
        /// How long the approval may take, in seconds; nil waits without end.
        public var approveWithin: Double?
        /// The names of its health checks.
        public var checks: [String]

        enum CodingKeys: String, CodingKey {
            case soak, every, approve, checks
            case approveWithin = "approve_within"
        }

        /// The terms of a gate of the fleet file.
        package init(_ gate: Gate) {
            soak = gate.soak / .seconds(1)
            every = gate.every / .seconds(1)
            approve = gate.approve
            approveWithin = gate.approveWithin.map { $0 / .seconds(1) }
            checks = gate.checks.map(\.name)
        }
    }

    /// An instance and the state that it starts in.
    public struct PlannedInstance: Sendable, Hashable, Codable {
        /// The instance's name.
        public var name: String
        /// The name of its server in the fleet file.
        public var server: String
        /// The name of its database.
        public var database: String
        /// The state of the instance before the run; nil if it was not probed.
        public var start: InstanceStart?
        /// What a run that undoes another one reverts here; nil in every other run.
        public var back: WayBack?
        /// What a baseline or a repair writes here; nil in every other run, and where nothing could be judged.
        public var correction: Correction?

        /// An instance that was not probed yet.
        package init(_ instance: Instance) {
            name = instance.name
            server = instance.server
            database = instance.database
        }
    }
}

extension RunPlan {
    /// Whether an operator asked for a run at once (`--now`): its waves have no gates, and the maintenance window does not hold it back. Locks,
    /// limits, budgets, stop rules and the order of the waves are as ever.
    public var isImmediate: Bool { now == true }

    /// The waves that an operator asked for with `--wave`; empty for all of them.
    public var selectedWaves: [String] { only ?? [] }

    /// All instances, in the order of the waves.
    public var instances: [PlannedInstance] { waves.flatMap(\.instances) }

    /// How many instances the run touches.
    package var instanceCount: Int { waves.reduce(0) { $0 + $1.instances.count } }

    /// The states before the run, by the names of the instances; those that were not probed are missing.
    package var starts: [String: InstanceStart] {
        Dictionary(instances.compactMap { instance in instance.start.map { (instance.name, $0) } }) { first, _ in first }
    }

    /// The waves as events and reports name them.
    package var plannedWaves: [PlannedWave] { waves.map { PlannedWave(name: $0.name, instances: $0.instances.map(\.name)) } }

    /// The same plan with the states that a probe found.
    package func starting(from statuses: [InstanceStatus]) -> RunPlan {
        let starts = Dictionary(statuses.map { ($0.name, InstanceStart($0)) }) { first, _ in first }
        var plan = self
        for wave in plan.waves.indices {
            for index in plan.waves[wave].instances.indices {
                plan.waves[wave].instances[index].start = starts[plan.waves[wave].instances[index].name] ?? nil
            }
        }
        return plan
    }

    /// The same plan with only these of its instances. A wave that has none of them stays: what happened in it still counts.
    package func keeping(_ isKept: (PlannedInstance) -> Bool) -> RunPlan {
        var plan = self
        for wave in plan.waves.indices { plan.waves[wave].instances.removeAll { !isKept($0) } }
        return plan
    }
}
