/// The names that a fleet file gives: what a shell offers while a person types a command line.
///
/// It is read without checking the rest of the file, in a fraction of the time.
package struct FleetNames: Sendable, Hashable {
    /// What a selector can name of an instance.
    package struct Entry: Sendable, Hashable {
        package var name: String
        package var server: String
        package var database: String
        package var labels: [String: String]

        package init(name: String, server: String, database: String, labels: [String: String]) {
            self.name = name
            self.server = server
            self.database = database
            self.labels = labels
        }
    }

    /// What is read besides the fleet's name and the places of its files; the rest stays empty.
    package struct Parts: OptionSet, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// The names of the instances.
        package static let names = Parts(rawValue: 1)
        /// Their servers and databases.
        package static let places = Parts(rawValue: 2)
        /// Their labels.
        package static let labels = Parts(rawValue: 4)
        package static let waves = Parts(rawValue: 8)
        package static let all: Parts = [.names, .places, .labels, .waves]
    }

    package var fleet: String
    /// The journal's file; nil where runs are in a control database, which is not asked while a person types.
    package var journal: String?
    package var migrations: String
    package var instances: [Entry] = []
    /// The servers of the entries of `discover`.
    package var discovered: [String] = []
    package var waves: [String] = []

    /// Those of a fleet file that was read as a whole.
    package init(_ fleet: Fleet) {
        (self.fleet, migrations) = (fleet.name, fleet.migrations)
        journal = fleet.control == nil ? fleet.journal : nil
        instances = fleet.instances.map { Entry(name: $0.name, server: $0.server, database: $0.database, labels: $0.labels) }
        discovered = fleet.discoveries.map(\.server)
        waves = fleet.rollout.waves.map(\.name)
    }

    init(fleet: String, journal: String?, migrations: String) {
        (self.fleet, self.journal, self.migrations) = (fleet, journal, migrations)
    }
}
