internal import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

extension InstanceDescription {
    /// `convoy.instance/1`, as its JSON Schema has it.
    package var json: JSONValue {
        document.remembering(remembered, setback).standing(skip: status.skip, isAccepted: status.isAccepted).naming(
            "release",
            release,
            behind: "version",
            in: releases
        )
        .namingTarget(newest, in: releases)
    }

    private var document: JSONValue {
        [
            "schema": "convoy.instance/1",
            "fleet": .string(fleet),
            "generated_at": .string(at.rfc3339),
            "name": .string(status.name),
            "server": .string(status.server),
            "database": .string(status.database),
            "labels": .object(.init(status.labels.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) })),
            "wave": .optional(wave),
            "outcome": .string(status.outcome.rawValue),
            "version": .optional(known?.version?.description),
            "version_name": .optional(known?.version.flatMap { names[$0] }),
            "target": .optional(newest?.description),
            "last_migrated_at": .optional(since?.rfc3339),
            "server_version": .optional(status.serverVersion),
            "pending": .array(
                due.map { migration -> JSONValue in
                    [
                        "version": .string(migration.version.description),
                        "name": .optional(names[migration.version]),
                        "usual_duration": migration.usually.map { JSONValue.seconds($0.seconds) } ?? .null,
                    ]
                }
            ),
            "unknown_versions": .strings(status.unknownVersions),
            "edited": .strings(status.edited),
            "error": status.failure?.json ?? .null,
            "warnings": .strings(status.warnings),
            "hooks": .strings(hooks.map(\.rawValue)),
            "locked_by": lockHolders.map { JSONValue.array($0.map(\.json)) } ?? .null,
            "last_failure": lastFailure.map { last -> JSONValue in
                [
                    "run": .string(last.visit.run.id.description),
                    "at": .optional(last.visit.log.finishedAt?.rfc3339),
                    "error": last.failure.json,
                    "resolved_by": .optional(last.resolvedBy?.run.id.description),
                ]
            } ?? .null,
            "runs": .array(visits.map(\.json)),
            "has_older_runs": .bool(hasOlderVisits),
        ]
    }
}
