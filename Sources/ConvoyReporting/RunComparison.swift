package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// Two runs side by side: how long their migrations took, which instances ended differently, which failures went and came.
///
/// They may be of different fleets or directions and have nothing in common; then the lists say so by being empty.
package struct RunComparison: Sendable {
    /// One of the two runs.
    package struct Side: Sendable {
        /// What it did.
        package var report: FleetReport
        /// How it stands.
        package var state: RunState

        /// - Parameter state: what the journal knows in addition to the events: that the run is active, was cut off or was abandoned.
        package init(report: FleetReport, state: RunState?) {
            self.report = report
            self.state = state ?? report.endState
        }
    }

    /// A migration that at least one of the runs applied or reverted.
    package struct Migration: Sendable, Hashable {
        package var version: MigrationVersion
        package var direction: MigrationDirection
        /// In the first run; nil if the migration did not run in it.
        package var first: MigrationDurations?
        /// In the second run; nil if the migration did not run in it.
        package var second: MigrationDurations?

        /// How many times as long the second run took; nil if one of them did not run it, or if the first took no time.
        ///
        /// - Parameter share: which percentile of the two is compared; 1 is the longest.
        package func ratio(_ share: Double) -> Double? {
            guard let first = first?.percentile(share).seconds, let second = second?.percentile(share).seconds, first > 0 else {
                return nil
            }
            return second / first
        }
    }

    /// An instance of both runs that ended differently.
    package struct Difference: Sendable, Hashable {
        package var instance: String
        package var first: Outcome
        package var second: Outcome
    }

    package let first: Side
    package let second: Side
    /// Ups before downs, each by version.
    package let migrations: [Migration]
    /// How many instances are in both.
    package let sharedInstances: Int
    /// The instances that only the first run has, in its order.
    package let onlyInFirst: [String]
    /// The instances that only the second run has, in its order.
    package let onlyInSecond: [String]
    /// In the first run's order.
    package let differences: [Difference]
    /// The failures that only the first run has, on instances of both.
    package let goneFailures: [FailureGroup]
    /// The failures that only the second run has.
    package let newFailures: [FailureGroup]
    /// The failures that both have, as the second one has them.
    package let lastingFailures: [FailureGroup]

    /// Compares a run with another, mostly a later one.
    package init(_ first: Side, _ second: Side) {
        (self.first, self.second) = (first, second)
        migrations = Self.paired(first.report.migrationDurations, second.report.migrationDurations)
        let others = Dictionary(second.report.instances.map { ($0.name, $0.outcome) }) { first, _ in first }
        var differences: [Difference] = []
        var onlyInFirst: [String] = []
        for instance in first.report.instances {
            guard let other = others[instance.name] else {
                onlyInFirst.append(instance.name)
                continue
            }
            if other != instance.outcome {
                differences.append(Difference(instance: instance.name, first: instance.outcome, second: other))
            }
        }
        self.differences = differences
        self.onlyInFirst = onlyInFirst
        onlyInSecond = second.report.instances.map(\.name).filter { first.report.instance($0) == nil }
        sharedInstances = first.report.instances.count - onlyInFirst.count
        let (before, after) = (first.report.failureGroups, second.report.failureGroups)
        let (old, new) = (Set(before.map(\.fingerprint)), Set(after.map(\.fingerprint)))
        // For an instance that is missing in the second run, its ending there is unknown.
        let left = Set(onlyInFirst)
        goneFailures = before.filter { !new.contains($0.fingerprint) && !left.isSuperset(of: $0.instances) }
        newFailures = after.filter { !old.contains($0.fingerprint) }
        let firstSeen = Dictionary(before.map { ($0.fingerprint, $0.firstSeen) }) { first, _ in first }
        lastingFailures = after.filter { old.contains($0.fingerprint) }.map { group in
            var group = group
            group.firstSeen = [group.firstSeen, firstSeen[group.fingerprint] ?? nil].compactMap(\.self).min()
            return group
        }
    }

    private static func paired(_ first: [MigrationDurations], _ second: [MigrationDurations]) -> [Migration] {
        var rest = second
        var pairs = first.map { one in
            let index = rest.firstIndex { $0.version == one.version && $0.direction == one.direction }
            return Migration(version: one.version, direction: one.direction, first: one, second: index.map { rest.remove(at: $0) })
        }
        pairs += rest.map { Migration(version: $0.version, direction: $0.direction, first: nil, second: $0) }
        return pairs.sorted { ($0.direction == .up ? 0 : 1, $0.version) < ($1.direction == .up ? 0 : 1, $1.version) }
    }

    /// How many times as long the migrations of both took in the second run: the median over their medians; nil if they have no migration in
    /// common.
    package var typicalRatio: Double? {
        let ratios = migrations.compactMap { $0.ratio(0.5) }.sorted()
        return ratios.isEmpty ? nil : ratios[(ratios.count - 1) / 2]
    }
}
