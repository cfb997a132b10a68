internal import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText

extension PlanReport {
    /// `convoy.plan/1`, as its JSON Schema has it.
    package var json: JSONValue {
        let document: JSONValue = [
            "schema": "convoy.plan/1",
            "fleet": .string(fleet),
            "direction": .string(direction.rawValue),
            "target": .optional(target?.description),
            "generated_at": .string(generatedAt.rfc3339),
            "summary": summary.json,
            "waves": .array(
                waves.map {
                    [
                        "name": .string($0.name),
                        "max_parallel": $0.maxParallel.map(JSONValue.integer) ?? .null,
                        "instances": .integer($0.instances.count),
                    ]
                }
            ),
            "window": window.map { ["text": .string($0.text), "opens_at": .optional($0.opensAt?.rfc3339)] } ?? .null,
            "instances": .array(waves.flatMap { wave in wave.instances.map { json(of: $0, wave: wave.name) } }),
            "migrations": .array(
                migrations.map {
                    [
                        "version": .string($0.version.description),
                        "name": .optional(migrationNames[$0.version]),
                        "instances": .integer($0.instances),
                    ]
                }
            ),
        ]
        // Keys that most plans have no use for are only in the others.
        var named = document.namingTarget(target, in: releases)
        if !skipped.isEmpty { named = named.inserting("skipped", .array(skipped.map(skippedJSON)), behind: "instances") }
        if let choice { named = named.inserting("chosen_by", json(of: choice), behind: "waves") }
        if let undoing { named = named.inserting("rollback_of", .string(undoing.run), behind: "generated_at") }
        if let correcting { named = named.inserting("kind", .string(correcting.kind.rawValue), behind: "direction") }
        return leavesOut == nil ? named : named.inserting("now", .bool(true), behind: "generated_at")
    }

    private func json(of choice: Choice) -> JSONValue {
        [
            "run": .string(choice.run),
            "outcomes": .strings(choice.outcomes.map(\.rawValue)),
            "instances": .integer(choice.instances),
        ]
    }

    private func json(of correction: Correction?, _ instance: InstanceStatus) -> JSONValue {
        guard let correction, isChanged(instance) else { return .null }
        return [
            "to": .optional(correction.result.last?.description),
            "records": .strings(correction.records),
            "removes": .strings(correction.removes),
            "accepts": .strings(correction.accepts),
            "rebuilds": .strings(correction.rebuilt.map(\.index)),
            "reason": .optional(correction.reason),
        ]
    }

    private func skippedJSON(of instance: InstanceStatus) -> JSONValue {
        [
            "name": .string(instance.name),
            "server": .string(instance.server),
            "database": .string(instance.database),
            "reason": .optional(instance.skip),
        ]
    }

    private func json(of instance: InstanceStatus, wave: String) -> JSONValue {
        var json: JSONValue = [
            "name": .string(instance.name),
            "wave": .string(wave),
            "server": .string(instance.server),
            "database": .string(instance.database),
            "outcome": .string(instance.outcome.rawValue),
            "from": .optional(instance.version?.description),
            "pending": .strings(instance.pending),
            "error": instance.failure?.json ?? .null,
        ]
        if let checkpoint = instance.checkpoint { json = json.inserting("checkpoint", .string(checkpoint.description), behind: "from") }
        let named = json.standing(skip: nil, isAccepted: instance.isAccepted).naming(
            "release",
            release(of: instance),
            behind: "from",
            in: releases
        )
        if let correcting {
            return named.inserting("correction", self.json(of: correcting.corrections[instance.name], instance), behind: "pending")
        }
        guard let undoing else { return named }
        return named.inserting("target", .optional(undoing.targets[instance.name]?.description), behind: "from")
    }
}
