internal import ConvoyMigrations
package import ConvoyRollout
internal import FoundationEssentials

extension FleetReport {
    /// `convoy.run/1`, as its JSON Schema has it. A run without an end counts as interrupted.
    package var json: JSONValue {
        [
            "schema": "convoy.run/1",
            "run": .string(run),
            "fleet": .string(fleet),
            "status": .string((status ?? .interrupted).rawValue),
            "started_at": .optional(startedAt?.rfc3339),
            "finished_at": .optional(finishedAt?.rfc3339),
            "summary": summary.json,
            "waves": .array(
                waves.map { ["name": .string($0.name), "instances": .integer($0.instances), "outcomes": $0.allOutcomes.json] }
            ),
            "instances": .array(instances.map(\.json)),
            "failures": .array(failureGroups.map(\.json)),
        ]
    }
}

extension InstanceReport {
    fileprivate var json: JSONValue {
        [
            "name": .string(name),
            "wave": .string(wave),
            "outcome": .string(outcome.rawValue),
            "from": .optional(from?.description),
            "to": .optional(version?.description),
            "applied": .array(applied.map(\.json)),
            "failure": failure?.json ?? .null,
        ]
    }
}
