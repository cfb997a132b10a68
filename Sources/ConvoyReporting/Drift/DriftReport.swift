internal import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// How the schemas of a fleet's databases differ from those of their versions: one comparison a cohort.
package struct DriftReport: Sendable {
    /// An object that is not what the version says.
    package struct Difference: Sendable, Hashable {
        /// A word of `convoy.drift/1`: `column`, `index`, ….
        package var kind: String
        /// The qualified name.
        package var object: String
        /// `missing`, `extra` or `different`.
        package var change: String
        /// The definition of the version, and that of the database; nil where it does not exist.
        package var expected: String?
        package var found: String?
        /// A query that shows the object in the database.
        package var sql: String?

        package init(kind: String, object: String, change: String, expected: String?, found: String?, sql: String?) {
            (self.kind, self.object, self.change) = (kind, object, change)
            (self.expected, self.found, self.sql) = (expected, found, sql)
        }
    }

    /// Instances with the same version and the same schema.
    package struct Cohort: Sendable, Hashable {
        /// As `convoy status --cohorts` names it: the version, and the fingerprint of the schema.
        package var name: String
        package var version: MigrationVersion?
        /// In the order of the fleet.
        package var instances: [String]
        /// In the order of kinds and names.
        package var differences: [Difference]
        /// How many differences follow these ones, and are not kept: a report has a limit, whatever tenants make.
        package var leftOut: Int
        /// Why the cohort could not be compared; nil if it was.
        package var problem: String?
        /// Whether the name is that of the whole schema; not of one that is too large to be read.
        package var isWhole: Bool

        /// What to do about a problem.
        var hint: String? {
            problem != nil && version == nil ? "`convoy baseline --instance NAME` writes the ledger of a database that has tables" : nil
        }

        package var isDrifted: Bool { count > 0 }
        /// The number of differences.
        package var count: Int { differences.count + leftOut }

        package init(
            name: String,
            version: MigrationVersion?,
            instances: [String] = [],
            differences: [Difference] = [],
            leftOut: Int = 0,
            problem: String? = nil,
            isWhole: Bool = true
        ) {
            (self.name, self.version, self.instances) = (name, version, instances)
            (self.differences, self.leftOut, self.problem, self.isWhole) = (differences, leftOut, problem, isWhole)
        }
    }

    /// An instance whose catalogue could not be read.
    package struct Unread: Sendable, Hashable {
        package var instance: String
        package var failure: Failure

        package init(_ instance: String, _ failure: Failure) { (self.instance, self.failure) = (instance, failure) }
    }

    /// The cohorts of the instances with one value of a label.
    struct Group: Sendable, Hashable {
        /// Nil for instances without the label.
        var name: String?
        var instances: Int
        var cohorts: Int
        /// The instances that drifted.
        var drifted: Int
    }

    package var fleet: String
    package var generatedAt: Date
    /// Those with drift first, then the largest.
    package var cohorts: [Cohort]
    /// In the order of the fleet.
    package var unread: [Unread]
    /// The label that the instances are grouped by, and their values of it.
    private var label: String?
    private var values: [String: String] = [:]

    package init(fleet: String, generatedAt: Date, cohorts: [Cohort], unread: [Unread]) {
        (self.fleet, self.generatedAt, self.unread) = (fleet, generatedAt, unread)
        self.cohorts = cohorts.sorted {
            guard $0.isDrifted == $1.isDrifted else { return $0.isDrifted }
            return $0.instances.count == $1.instances.count ? $0.name < $1.name : $0.instances.count > $1.instances.count
        }
    }

    /// The cohort of that name.
    package func cohort(named name: String) -> Cohort? { cohorts.first { $0.name == name } }

    /// The cohort of an instance; nil if its catalogue was not read.
    package func cohort(of instance: String) -> Cohort? {
        cohorts.first { $0.instances.contains { ExactText($0) == ExactText(instance) } }
    }

    /// The names of cohorts by instance, as ``FleetReport/apply(cohorts:)`` takes them.
    package var names: [String: String] {
        var names: [String: String] = [:]
        for cohort in cohorts where cohort.isWhole {
            for instance in cohort.instances { names[instance] = cohort.name }
        }
        return names
    }

    /// The report on some of the instances.
    func selecting(_ isWanted: (String) -> Bool) -> DriftReport {
        var report = self
        report.cohorts = cohorts.compactMap { cohort in
            var cohort = cohort
            cohort.instances = cohort.instances.filter(isWanted)
            return cohort.instances.isEmpty ? nil : cohort
        }
        report.unread = unread.filter { isWanted($0.instance) }
        return report
    }

    /// Adds how the drift is spread over the values of a label.
    ///
    /// - Parameter values: by the names of the instances.
    package mutating func group(by label: String, values: [String: String]) {
        (self.label, self.values) = (label, values)
    }

    /// The instances that were compared or could not be compared; without those that could not be read.
    package var instances: Int { cohorts.reduce(0) { $0 + $1.instances.count } }
    /// The instances of which some object is not what it should be.
    package var drifted: Int { cohorts.lazy.filter(\.isDrifted).reduce(0) { $0 + $1.instances.count } }

    /// Those that could not be compared.
    var incomparable: Int { cohorts.lazy.filter { $0.problem != nil }.reduce(0) { $0 + $1.instances.count } }

    var grouping: (label: String, groups: [Group])? {
        guard let label else { return nil }
        // By bytes: two values that only look the same are two groups.
        var groups: [ExactText?: Group] = [:]
        for cohort in cohorts {
            for (value, names) in Dictionary(grouping: cohort.instances, by: { values[$0].map(ExactText.init) }) {
                var group = groups[value] ?? Group(name: value?.text, instances: 0, cohorts: 0, drifted: 0)
                group.instances += names.count
                group.cohorts += 1
                if cohort.isDrifted { group.drifted += names.count }
                groups[value] = group
            }
        }
        let sorted = groups.values.sorted { first, second in
            guard let left = first.name, let right = second.name else { return first.name != nil }
            return left < right
        }
        return (label, sorted)
    }
}
