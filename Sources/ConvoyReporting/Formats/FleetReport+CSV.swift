import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension FleetReport {
    /// RFC 4180: a header, then one row an instance; the same columns whatever is known, then `release` if the set knows releases, `skip` with the
    /// reasons if an instance is skipped, `version_known_at` if a version is older than the report, `setback` if a database seems to be set back, and
    /// last one `label.KEY` a label of the fleet.
    ///
    /// Several versions in a cell are separated by blanks. Control and format characters are written out, line feeds in a message excepted.
    package var csv: String {
        let labels = Set(instances.flatMap(\.labels.keys)).sorted()
        var text = CSVText()
        let hasReleases = !releases.isEmpty
        let hasSkipped = instances.contains { $0.skip != nil }
        let hasRemembered = hasRememberedVersions
        let hasSetbacks = instances.contains { $0.setback != nil }
        let header =
            Self.csvColumns + (hasReleases ? ["release"] : []) + (hasSkipped ? ["skip"] : [])
            + (hasRemembered ? ["version_known_at"] : []) + (hasSetbacks ? ["setback"] : []) + labels.map { "label.\($0)" }
        // A chosen label that no instance has is an empty column, and so is the release where the set knows none.
        let chosen = chosenCSVColumns.map { $0.map { (name: $0, index: header.firstIndex(of: $0)) } }
        text.add(chosen?.map(\.name) ?? header)
        for instance in instances {
            let optional =
                (hasReleases ? [instance.release?.text] : []) + (hasSkipped ? [instance.skip] : [])
                + (hasRemembered ? [instance.remembered?.at.rfc3339] : []) + (hasSetbacks ? [instance.setback?.text] : [])
            let row = instance.csvRow + optional + labels.map { instance.labels[$0] }
            text.add(chosen?.map { $0.index.flatMap { row[$0] } } ?? row)
        }
        return text.text
    }

    /// The names for a message about one that is unknown.
    package static var knownCSVColumns: [String] { csvColumns + optionalCSVColumns + ["label.KEY"] }

    /// The column of that name in any case, or of the name that it has in a table; nil for another word.
    package static func csvColumn(_ name: String) -> String? {
        guard InstanceColumn.labelKey(name) == nil else { return name }
        let folded = name.lowercased()
        return (csvColumns + optionalCSVColumns).contains(folded) ? folded : namesInTables[folded]
    }

    private static let optionalCSVColumns = ["release", "skip", "version_known_at", "setback"]

    private static let namesInTables = [
        "instance": "name", "time": "applied_seconds", "migrated": "last_migrated_at", "postgresql": "server_version",
        "message": "failure_message", "known": "version_known_at",
    ]

    private static let csvColumns = [
        "name", "server", "database", "wave", "state", "outcome", "from", "version", "pending", "pending_versions", "unknown_versions",
        "server_version", "cohort", "last_migrated_at", "seconds_since_last_migration", "started_at", "finished_at", "applied",
        "applied_seconds", "failure_version", "failure_sqlstate", "failure_file", "failure_line", "failure_message", "failure_hint",
        "failure_fingerprint", "edited_versions",
    ]
}

extension InstanceReport {
    fileprivate var csvRow: [String?] {
        let status = facts.probe?.status
        let due = due
        return [
            log.name, facts.server, facts.database, log.wave, stateName, outcome.rawValue, from?.description, version?.description,
            due.map { String($0.count) }, due.map(Self.list), status.map { Self.list($0.unknownVersions) }, status?.serverVersion, cohort,
            since?.rfc3339, sinceAge.map { String($0.components.seconds) }, log.startedAt?.rfc3339,
            log.finishedAt?.rfc3339, String(log.applied.count), workTime.map { JSONValue.seconds($0.seconds).line },
            failure?.version?.description, failure?.sqlstate, failure?.file, failure?.line.map(String.init), failure?.message,
            failure?.hint, failure?.fingerprint, status.map { Self.list($0.edited) },
        ]
    }

    private static func list(_ versions: [MigrationVersion]) -> String { versions.map(\.description).joined(separator: " ") }
}
