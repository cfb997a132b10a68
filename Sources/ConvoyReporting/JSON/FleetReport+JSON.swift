internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

extension FleetReport {
    /// `convoy.run/1`, as its JSON Schema has it. A run without an end counts as interrupted.
    package var json: JSONValue { json(state: nil) }

    /// The same for a run of which the journal knows more: that it is active, was cut off or was abandoned.
    package func json(state: RunState?) -> JSONValue {
        let json: JSONValue = [
            "schema": "convoy.run/1",
            "run": .string(log.run),
            "fleet": .string(fleet),
            "status": .string((state ?? endState).text),
            "started_at": .optional(log.startedAt?.rfc3339),
            "finished_at": .optional(log.finishedAt?.rfc3339),
            "started_by": .optional(startedBy),
            "waiting_for": .strings(state == .running ? waits : []),
            "waiting": .array(state == .running ? log.holds.map(\.json) : []),
            "summary": summary.json,
            "waves": .array(
                log.waves.map { ["name": .string($0.name), "instances": .integer($0.instances), "outcomes": $0.allOutcomes.json] }
            ),
            "instances": .array(instances.map(\.json)),
            "failures": .array(failureGroups.map(\.json)),
            "migrations": .array(migrationDurations.map(\.json)),
        ]
        return addingRareFacts(json)
    }

    /// Only a run without gates and maintenance window has the key `now`, and only one to which operators did something the other.
    func addingRareFacts(_ json: JSONValue) -> JSONValue {
        let actions = operatorActions.map(\.json)
        let json = actions.isEmpty ? json : json.inserting("operator_actions", .array(actions), behind: "started_by")
        return isImmediate ? json.inserting("now", .bool(true), behind: "started_by") : json
    }

    /// What operators did, as the journal has it; none in the report of a run by its own process, whose operator was there.
    var operatorActions: [OperatorAction] { startedBy == nil ? [] : log.operatorActions }
}

extension FleetReport {
    /// How the run ended; one without an end counts as interrupted.
    var endState: RunState { .ended(log.status ?? .interrupted) }
}

extension InstanceReport {
    fileprivate var json: JSONValue {
        let json: JSONValue = [
            "name": .string(log.name),
            "wave": .optional(log.wave),
            "outcome": .string(outcome.rawValue),
            "from": .optional(from?.description),
            "to": .optional(version?.description),
            "applied": .array(log.applied.map(\.json)),
            "failure": failure?.json ?? .null,
        ]
        return json.naming("release", release, behind: "to", in: releases)
    }
}
