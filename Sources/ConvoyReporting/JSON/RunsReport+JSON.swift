internal import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText

extension RunsReport {
    /// `convoy.runs/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.runs/1",
            "journal": .string(journal),
            "generated_at": .string(generatedAt.rfc3339),
            "runs": .array(runs.map(json)),
        ]
    }

    private func json(of entry: Entry) -> JSONValue {
        let run = entry.run
        let json: JSONValue = [
            "run": .string(run.id.description),
            "fleet": .string(run.fleet),
            "fleet_file": .string(run.fleetFile),
            "direction": .string(run.change.direction.rawValue),
            "target": .optional(run.change.target?.description),
            "steps": run.change.steps.map(JSONValue.integer) ?? .null,
            "status": .string(entry.state.text),
            "started_at": .string(run.startedAt.rfc3339),
            "finished_at": .optional(run.finishedAt?.rfc3339),
            "duration": duration(of: entry).map { .seconds($0.seconds) } ?? .null,
            "instances": .integer(run.instances),
            "outcomes": entry.outcomes.json,
            "started_by": .string(run.startedBy),
            "waiting_for": .strings(entry.waits),
            "waiting": .array(entry.state == .running ? entry.holds.map(\.json) : []),
            "abandoned_by": .optional(run.abandonedBy),
            "convoy_version": .string(run.convoyVersion),
        ]
        // Only a run that undoes another one has the key, only one that runs no migration has its kind, only one that no worker takes has the
        // reason, and only one that was started with --now has the last.
        var whole = run.change.undoneRun.map { json.inserting("rollback_of", .string($0), behind: "steps") } ?? json
        if let kind = run.change.correctionKind { whole = whole.inserting("kind", .string(kind.rawValue), behind: "direction") }
        if let shortage = entry.shortage { whole = whole.inserting("worker_shortage", .string(shortage), behind: "waiting") }
        return entry.isImmediate ? whole.inserting("now", .bool(true), behind: "started_by") : whole
    }
}
