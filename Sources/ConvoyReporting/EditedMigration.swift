package import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText

/// An applied migration whose file was edited since, and the instances that had applied it before.
package struct EditedMigration: Sendable, Hashable {
    package var version: MigrationVersion
    /// In the fleet's order.
    package var instances: [String]

    package var json: JSONValue {
        ["version": .string(version.description), "count": .integer(instances.count), "instances": .strings(instances)]
    }

    /// `20240929084639 on 38 instances: alice, bob and 36 more`
    var text: String { "\(version) on \(counted(instances.count, "instance")): \(listed(instances, limit: 5))" }
}

extension FleetReport {
    /// The migrations that were edited after some instance had applied them, oldest first, as far as probes know.
    package var editedMigrations: [EditedMigration] {
        var names: [MigrationVersion: [String]] = [:]
        for instance in instances {
            for version in instance.probe?.status.edited ?? [] { names[version, default: []].append(instance.name) }
        }
        return names.sorted { $0.key < $1.key }.map { EditedMigration(version: $0.key, instances: $0.value) }
    }

    /// As a table's last lines have them; none if no file was edited.
    func editedLines(_ style: OutputStyle) -> [String] {
        let edited = editedMigrations
        guard !edited.isEmpty else { return [] }
        return [style.paint("edited since it was applied", .notable) + ":"] + edited.map { "  \($0.text)" }
    }
}
