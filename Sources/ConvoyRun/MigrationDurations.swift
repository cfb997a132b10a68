package import ConvoyMigrations
import ConvoyText

/// How long a migration took over the instances of a fleet.
package struct MigrationDurations: Sendable, Hashable {
    /// The migration's version.
    package var version: MigrationVersion
    /// Which way it ran.
    package var direction: MigrationDirection
    /// Ascending; never empty.
    package let durations: [Duration]
    /// The instance on which it took longest.
    package let slowest: String

    /// How many instances it is known of; one counts again where it was applied there again.
    package var count: Int { durations.count }

    /// The smallest duration that at least that share of the instances did not exceed (the nearest rank).
    ///
    /// - Parameter share: from 0 to 1; 0.5 is the median.
    package func percentile(_ share: Double) -> Duration {
        let rank = Int(clamping: (share * Double(durations.count)).rounded(.up))
        return durations[min(max(rank, 1), durations.count) - 1]
    }

    /// The median.
    package var median: Duration { percentile(0.5) }

    /// The longest.
    package var maximum: Duration { percentile(1) }

    /// Sorts the durations that instances of a fleet reported: ups before downs, each by version.
    package static func gathered(_ applied: some Sequence<(instance: String, migration: AppliedMigration)>) -> [MigrationDurations] {
        var tally = Tally()
        for (instance, migration) in applied { tally.add(migration, on: instance) }
        return tally.durations
    }

    /// Durations as they come in.
    package struct Tally: Sendable {
        package struct Key: Hashable {
            var direction: MigrationDirection
            var version: MigrationVersion
        }

        private var found: [Key: (durations: [Duration], longest: Duration, slowest: String)] = [:]

        package init(found: [Key: (durations: [Duration], longest: Duration, slowest: String)] = [:]) {
            self.found = found
        }

        /// Adds a migration, unless a checkpoint applied it: then it has no duration of its own.
        package mutating func add(_ migration: AppliedMigration, on instance: @autoclosure () -> String) {
            guard migration.checkpoint == nil else { return }
            let key = Key(direction: migration.direction, version: migration.version)
            if found[key] == nil {
                found[key] = ([migration.duration], migration.duration, instance())
                return
            }
            found[key]?.durations.append(migration.duration)
            if let longest = found[key]?.longest, migration.duration > longest {
                found[key]?.longest = migration.duration
                found[key]?.slowest = instance()
            }
        }

        /// Ups before downs, each by version.
        package var durations: [MigrationDurations] {
            found.sorted { ($0.key.direction == .up ? 0 : 1, $0.key.version) < ($1.key.direction == .up ? 0 : 1, $1.key.version) }
                .map { key, value in
                    MigrationDurations(
                        version: key.version,
                        direction: key.direction,
                        durations: value.durations.sorted(),
                        slowest: value.slowest
                    )
                }
        }
    }
}
