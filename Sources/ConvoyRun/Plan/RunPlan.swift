package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// A plan in writing, so that what runs later is exactly what was reviewed: `plan --out`, `migrate --plan`, and the journal's record of a
/// run.
///
/// It pins the checksum of each migration, the waves with their rules and instances, and the state of each instance. It contains no
/// connection and no secret; those come from the fleet file. So do hooks, checks, the maintenance window and what gates run, which an
/// operator may have to fix before a run can be resumed.
package struct PinnedPlan: Sendable, Hashable, Codable {
    /// What a later convoy recognises the form by.
    package static let schema = "convoy.pinned-plan/1"

    package var schema = Self.schema
    /// The fleet's name.
    package var fleet: String
    package var generatedAt: Date
    package var change: PinnedChange
    /// What `--select` said; nil for the whole fleet.
    package var select: String?
    /// The whole migration set, oldest first.
    package var migrations: [PinnedMigration]
    package var waves: [PinnedWave]

    enum CodingKeys: String, CodingKey {
        case schema, fleet, change, select, migrations, waves
        case generatedAt = "generated_at"
    }

    /// A file of the set.
    package struct PinnedMigration: Sendable, Hashable, Codable {
        package var version: MigrationVersion
        package var checksum: String
    }

    /// A ``Change``.
    package struct PinnedChange: Sendable, Hashable, Codable {
        package var direction: MigrationDirection
        /// The version that was named; nil is the newest.
        package var to: MigrationVersion?
        package var steps: Int?
    }

    /// A wave with its rules.
    package struct PinnedWave: Sendable, Hashable, Codable {
        package var name: String
        package var instances: [PinnedInstance]
        package var maxParallel: Int?
        package var stop: Stop
        package var onFailure: OnFailure
        package var gate: PinnedGate?

        enum CodingKeys: String, CodingKey {
            case name, instances, stop, gate
            case maxParallel = "max_parallel"
            case onFailure = "on_failure"
        }

        /// ``StopRules`` under the fleet file's names.
        package struct Stop: Sendable, Hashable, Codable {
            package var failures: Int?
            package var failurePercent: Double?
            package var sameFailure: Int?
            package var unreachablePercent: Double?

            enum CodingKeys: String, CodingKey {
                case failures
                case failurePercent = "failure_percent"
                case sameFailure = "same_failure"
                case unreachablePercent = "unreachable_percent"
            }
        }

        /// What a ``Gate`` waits for; durations in seconds. What it runs comes from the fleet file, which may have filled in secrets there.
        package struct PinnedGate: Sendable, Hashable, Codable {
            package var soak: Double
            package var every: Double
            package var approve: Bool
            /// Their names.
            package var checks: [String]
        }
    }

    /// An instance and where it stood.
    package struct PinnedInstance: Sendable, Hashable, Codable {
        package var name: String
        package var server: String
        package var database: String
        /// The state of the instance; nil if it was not probed.
        package var start: InstanceStart?
    }
}

extension PinnedPlan {
    /// Pins a plan.
    ///
    /// - Parameters:
    ///   - selector: what chose the plan's instances.
    ///   - statuses: the states of the instances that were probed.
    package init(_ plan: RolloutPlan, set: MigrationSet, selector: Selector? = nil, statuses: [InstanceStatus] = [], at date: Date) {
        let starts = Dictionary(statuses.map { ($0.name, InstanceStart($0)) }) { first, _ in first }
        fleet = plan.fleet
        generatedAt = date
        change = PinnedChange(plan.change)
        select = selector?.text
        migrations = set.migrations.map { PinnedMigration(version: $0.version, checksum: $0.checksum) }
        waves = plan.waves.map { wave in
            PinnedWave(
                name: wave.name,
                instances: wave.instances.map {
                    PinnedInstance(name: $0.name, server: $0.server, database: $0.database, start: starts[$0.name] ?? nil)
                },
                maxParallel: wave.maxParallel,
                stop: PinnedWave.Stop(wave.stop),
                onFailure: wave.onFailure,
                gate: wave.gate.map(PinnedWave.PinnedGate.init)
            )
        }
    }

    /// The plan itself again, with the connections and gates of the fleet of now; instances that it no longer has are left out.
    package func plan(instances: [Instance], fleet file: Fleet) -> RolloutPlan {
        let known = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        let gates = Dictionary(file.rollout.waves.map { ($0.name, $0.gate) }) { first, _ in first }
        var plan = RolloutPlan(
            fleet: fleet,
            change: change.change,
            waves: waves.map { wave in
                RolloutPlan.Wave(
                    name: wave.name,
                    instances: wave.instances.compactMap { known[$0.name] },
                    maxParallel: wave.maxParallel,
                    stop: wave.stop.rules,
                    onFailure: wave.onFailure,
                    gate: gates[wave.name] ?? nil
                )
            },
            limits: ConnectionLimits(file)
        )
        for instance in waves.flatMap(\.instances) { plan.starts[instance.name] = instance.start }
        return plan
    }

    /// The waves as events and reports name them.
    package var plannedWaves: [PlannedWave] { waves.map { PlannedWave(name: $0.name, instances: $0.instances.map(\.name)) } }

    /// How many instances it names.
    package var instanceCount: Int { waves.reduce(0) { $0 + $1.instances.count } }

    // MARK: As a file

    /// What every form of it has.
    private struct Header: Decodable { var schema: String }

    /// Whether this is a pinned plan of any form, which a newer one may replace.
    package static func isOne(_ data: Data) -> Bool {
        (try? JSONDecoder().decode(Header.self, from: data))?.schema.hasPrefix("convoy.pinned-plan/") == true
    }

    /// Reads what ``data()`` wrote.
    ///
    /// - Throws: an ``InvalidPlan`` for anything else.
    package init(data: Data) throws(InvalidPlan) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard let header = try? decoder.decode(Header.self, from: data) else { throw InvalidPlan(message: "this is not a plan file") }
        guard header.schema == Self.schema else {
            throw InvalidPlan(message: "the plan has the schema “\(header.schema)”, and this Convoy reads “\(Self.schema)”")
        }
        do {
            self = try decoder.decode(Self.self, from: data)
        } catch {
            throw InvalidPlan(message: "the plan is damaged")
        }
        guard change.isValid, waves.allSatisfy({ $0.instances.allSatisfy { !$0.name.isEmpty } }) else {
            throw InvalidPlan(message: "the plan is damaged")
        }
    }

    /// Its JSON, with keys in order so that two plans can be compared as text.
    package func data() throws -> Data {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

/// A text that is not a pinned plan.
package struct InvalidPlan: Error, Sendable, Hashable {
    package let message: String
}

extension PinnedPlan.PinnedChange {
    init(_ change: Change) {
        direction = change.direction
        to = change.target
        if case .downSteps(let count) = change { steps = count }
    }

    var isValid: Bool {
        direction == .up || (to == nil) != (steps == nil)
    }

    /// The change that it pins.
    package var change: Change {
        switch (direction, to) {
        case (.up, let target): .up(to: target)
        case (.down, let target?): .down(to: target)
        case (.down, nil): .downSteps(steps ?? 0)
        }
    }
}

extension PinnedPlan.PinnedWave.Stop {
    init(_ rules: StopRules) {
        self.init(
            failures: rules.failures,
            failurePercent: rules.failurePercent,
            sameFailure: rules.sameFailure,
            unreachablePercent: rules.unreachablePercent
        )
    }

    var rules: StopRules {
        StopRules(failures: failures, failurePercent: failurePercent, sameFailure: sameFailure, unreachablePercent: unreachablePercent)
    }
}

extension PinnedPlan.PinnedWave.PinnedGate {
    init(_ gate: Gate) {
        self.init(
            soak: gate.soak / .seconds(1),
            every: gate.every / .seconds(1),
            approve: gate.approve,
            checks: gate.checks.map(\.name)
        )
    }
}
