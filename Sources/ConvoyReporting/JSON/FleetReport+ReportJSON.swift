internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// `convoy.report/1`, as its JSON Schema has it: how the fleet stands and what a run did, together.
    ///
    /// - Parameter state: what the journal knows of the run in addition to its events.
    package func reportJSON(state: RunState? = nil, at now: Date) -> JSONValue {
        .object(
            .init(
                [("schema", "convoy.report/1"), ("fleet", .string(fleet)), ("generated_at", .string(now.rfc3339))] + reportFacts(state)
                    + [
                        ("instances", .array(instances.map(\.reportJSON))),
                        ("failures", .array(failureGroups.map(\.json))),
                    ]
            )
        )
    }

    /// What it reports of the fleet as a whole, which is also the first line of `convoy.ndjson/1`.
    func reportFacts(_ state: RunState?) -> [(String, JSONValue)] {
        let release = target.flatMap { releases.place(of: $0)?.text }
        return [("target", .optional(target?.description))] + (releases.isEmpty ? [] : [("target_release", .optional(release))]) + [
            ("looked_at", .optional(lookedAt?.rfc3339)),
            ("summary", summary.json),
            ("left_out", .integer(leftOut)),
            ("edited", .array(editedMigrations.map(\.json))),
            ("run", log.run.isEmpty ? .null : runJSON(state ?? endState)),
            ("migrations", .array(migrationDurations.map(\.json))),
        ]
    }

    private func runJSON(_ state: RunState) -> JSONValue {
        let json: JSONValue = [
            "run": .string(log.run),
            "status": .string(state.text),
            "started_at": .optional(log.startedAt?.rfc3339),
            "finished_at": .optional(log.finishedAt?.rfc3339),
            "started_by": .optional(startedBy),
            "waiting_for": .strings(state == .running ? waits : []),
            "halt_reason": .optional(log.haltReason?.description),
            "gate": log.gate.map { ["wave": .string($0.wave), "waiting_for": .optional($0.waitingFor)] } ?? .null,
            "waves": .array(log.waves.map(\.reportJSON)),
        ]
        return addingRareFacts(json)
    }
}

extension WaveLog {
    /// A wave of `convoy.report/1`.
    package var reportJSON: JSONValue {
        [
            "name": .string(name),
            "instances": .integer(instances),
            "outcomes": allOutcomes.json,
            "running": .integer(running),
            "started_at": .optional(startedAt?.rfc3339),
            "finished_at": .optional(finishedAt?.rfc3339),
        ]
    }
}

extension InstanceReport {
    /// An instance of `convoy.report/1`.
    package var reportJSON: JSONValue {
        let status = facts.probe?.status
        let json: JSONValue = [
            "name": .string(log.name),
            "server": .optional(facts.server),
            "database": .optional(facts.database),
            "labels": .object(.init(facts.labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            "cohort": .optional(cohort),
            "wave": .optional(log.wave),
            "state": .optional(stateName),
            "waiting_for": .optional(waitingFor),
            "outcome": .string(outcome.rawValue),
            "from": .optional(from?.description),
            "version": .optional(version?.description),
            "current": .optional(log.current?.description),
            "pending": .strings(due ?? []),
            "unknown_versions": .strings(status?.unknownVersions ?? []),
            "edited": .strings(status?.edited ?? []),
            "server_version": .optional(status?.serverVersion),
            "last_migrated_at": .optional(since?.rfc3339),
            "activity": log.activity?.json ?? .null,
            "started_at": .optional(log.startedAt?.rfc3339),
            "finished_at": .optional(log.finishedAt?.rfc3339),
            "known_at": .optional(knownAt?.rfc3339),
            "applied": .array(log.applied.map(\.json)),
            "failure": failure?.json ?? .null,
        ]
        return json.remembering(remembered, setback).standing(skip: facts.skip, isAccepted: isAccepted).naming(
            "release",
            release,
            behind: "version",
            in: releases
        )
    }

    /// How far the run is with it, in one word; nil if it is not in the run.
    var stateName: String? {
        switch log.state {
        case .notReached: log.wave == nil ? nil : "not-reached"
        case .running: "running"
        case .finished: "finished"
        }
    }

    /// What it waits for, for example a lock.
    package var waitingFor: String? { if case .running(let reason) = log.state { reason } else { nil } }
}
