internal import ConvoyMigrations
package import ConvoyRollout

extension StatusReport {
    /// `convoy.status/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.status/1",
            "fleet": .string(fleet),
            "target": .optional(target?.description),
            "generated_at": .string(generatedAt.rfc3339),
            "summary": summary.json,
            "instances": .array(instances.map(json)),
        ]
    }

    private func json(of instance: InstanceStatus) -> JSONValue {
        [
            "name": .string(instance.name),
            "server": .string(instance.server),
            "database": .string(instance.database),
            "labels": .object(.init(instance.labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            "outcome": .string(instance.outcome.rawValue),
            "version": .optional(instance.version?.description),
            "pending": .strings(instance.pending),
            "unknown_versions": .strings(instance.unknownVersions),
            "server_version": .optional(instance.serverVersion),
            "last_migrated_at": .optional(instance.lastMigratedAt?.rfc3339),
            "seconds_since_last_migration": age(of: instance).map { .integer(Int($0.components.seconds)) } ?? .null,
            "error": instance.failure?.json ?? .null,
        ]
    }
}
