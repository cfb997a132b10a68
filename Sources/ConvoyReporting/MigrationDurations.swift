public import ConvoyMigrations
internal import ConvoyRollout

/// How long a migration took over the instances of a fleet.
public struct MigrationDurations: Sendable, Hashable {
    public var version: MigrationVersion
    public var direction: MigrationDirection
    /// Ascending; never empty.
    public let durations: [Duration]

    init(version: MigrationVersion, direction: MigrationDirection, durations: [Duration]) {
        self.version = version
        self.direction = direction
        self.durations = durations.sorted()
    }

    /// How many instances it is known of.
    public var count: Int { durations.count }

    /// The smallest duration that at least that share of the instances did not exceed (the nearest rank).
    ///
    /// - Parameter share: from 0 to 1; 0.5 is the median.
    public func percentile(_ share: Double) -> Duration {
        let rank = Int((share * Double(durations.count)).rounded(.up))
        return durations[min(max(rank, 1), durations.count) - 1]
    }

    /// The longest.
    public var maximum: Duration { percentile(1) }
}

extension FleetReport {
    /// How long each migration took in the run, ups before downs, by version.
    public var migrationDurations: [MigrationDurations] {
        struct Key: Hashable {
            var direction: MigrationDirection
            var version: MigrationVersion
        }
        var found: [Key: [Duration]] = [:]
        for instance in instances {
            for migration in instance.applied {
                found[Key(direction: migration.direction, version: migration.version), default: []].append(migration.duration)
            }
        }
        return found.map { MigrationDurations(version: $0.version, direction: $0.direction, durations: $1) }
            .sorted { ($0.direction == .up ? 0 : 1, $0.version) < ($1.direction == .up ? 0 : 1, $1.version) }
    }
}
