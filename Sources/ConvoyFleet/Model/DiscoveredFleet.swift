package import ConvoyPostgres
package import ConvoyText

/// A discovery that found nothing out, because its server could not be asked.
package struct DiscoveryFailure: Error, Sendable {
    /// The entry of `discover` that asked.
    package var discovery: Discovery
    /// Why the server could not be asked.
    package var error: PostgresError

    /// The failure of one discovery.
    package init(discovery: Discovery, error: PostgresError) {
        self.discovery = discovery
        self.error = error
    }
}

/// All instances of a fleet at one moment: those that the file lists, then those found.
package struct DiscoveredFleet: Sendable {
    /// Those that the file lists, in its order, then those found, in the order of their discoveries.
    package var instances: [Instance]
    /// Servers that could not be asked; the instances there that the file lists are in ``instances`` all the same.
    package var failures: [DiscoveryFailure]
    /// How many databases match a pattern and are left out, because their names are not valid.
    package var leftOut: Int
    /// What the operator should know of names and patterns, of severity `warning`.
    package var warnings: [Problem]

    /// A fleet with these instances; without other arguments it is complete.
    package init(instances: [Instance], failures: [DiscoveryFailure] = [], leftOut: Int = 0, warnings: [Problem] = []) {
        self.instances = instances
        self.failures = failures
        self.leftOut = leftOut
        self.warnings = warnings
    }

    /// Whether the instances are all that the fleet has.
    package var isComplete: Bool { failures.isEmpty && leftOut == 0 }
}

extension Fleet {
    /// The listed instances and those found. A database that is listed, or found before, is not added again under another name; so that this also
    /// holds for `localhost` and `127.0.0.1`, spellings of one host count as the same here.
    ///
    /// - Throws: names that two databases would share.
    package func merging(_ found: [(discovery: Discovery, instances: [Instance])]) throws(Problems) -> [Instance] {
        var merged = instances
        var targets = Set(instances.compactMap(\.target?.normalised))
        // Every name is in normal form C, so that two that are equal have the same bytes.
        var owners = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        var problems: [Problem] = []
        for (discovery, instances) in found {
            for instance in instances {
                if let target = instance.target?.normalised, !targets.insert(target).inserted { continue }
                if let owner = owners[instance.name] {
                    problems.append(
                        Problem(
                            file: file,
                            line: discovery.line,
                            "database “\(instance.database)” of server `\(instance.server)` gets the name `\(instance.name)`, which “\(owner.database)” of `\(owner.server)` already has",
                            hint: "give the entry a `name` such as \"{server}-{database}\", or exclude the database with `exclude`"
                        )
                    )
                    continue
                }
                owners[instance.name] = instance
                merged.append(instance)
            }
        }
        guard problems.isEmpty else { throw Problems(problems) }
        return merged
    }
}
