internal import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

extension FleetReport {
    /// `convoy.status/1`, as its JSON Schema has it.
    package var statusJSON: JSONValue {
        let json: JSONValue = [
            "schema": "convoy.status/1",
            "fleet": .string(fleet),
            "target": .optional(target?.description),
            "generated_at": .optional(lookedAt?.rfc3339),
            "summary": summary.json,
            "left_out": .integer(leftOut),
            "edited": .array(editedMigrations.map(\.json)),
            "instances": .array(instances.compactMap(\.statusJSON)),
        ]
        return json.namingTarget(target, in: releases)
    }
}

extension JSONValue {
    /// An instance with why it is skipped, and whether its outcome is accepted, behind the outcome; most instances have neither key.
    func standing(skip: String?, isAccepted: Bool) -> JSONValue {
        let json = skip.map { inserting("skip", .string($0), behind: "outcome") } ?? self
        return isAccepted ? json.inserting("accepted", .bool(true), behind: "outcome") : json
    }

    /// An instance with when its version was read, where that is older than the document, and with what says that its database was set back; most
    /// instances have neither key.
    func remembering(_ knowledge: VersionKnowledge?, _ setback: Setback?) -> JSONValue {
        let json = setback.map { inserting("setback", $0.json, behind: "version") } ?? self
        return knowledge.map { json.inserting("version_known_at", .string($0.at.rfc3339), behind: "version") } ?? json
    }
}

extension InstanceReport {
    /// What its probe found; nil if it was not probed.
    fileprivate var statusJSON: JSONValue? {
        guard let probe = facts.probe else { return nil }
        return json(probe).remembering(remembered, setback).standing(skip: facts.skip, isAccepted: probe.status.isAccepted).naming(
            "release",
            release,
            behind: "version",
            in: releases
        )
    }

    private func json(_ probe: Probe) -> JSONValue {
        let status = probe.status
        return [
            "name": .string(status.name),
            "server": .string(status.server),
            "database": .string(status.database),
            "labels": .object(.init(status.labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            "outcome": .string(status.outcome.rawValue),
            "version": .optional(version?.description),
            "pending": .strings(status.pending),
            "unknown_versions": .strings(status.unknownVersions),
            "edited": .strings(status.edited),
            "server_version": .optional(status.serverVersion),
            "last_migrated_at": .optional(since?.rfc3339),
            "seconds_since_last_migration": sinceAge.map { .integer(Int(clamping: $0.components.seconds)) } ?? .null,
            "error": status.failure?.json ?? .null,
        ]
    }
}
