internal import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// The instances of a report in columns, which is small: what many instances share is written once.
///
///     {"count": 2, "epoch": 1786179600000, "columns": {"name": ["alice", "bob"], "outcome": {"values": ["migrated"], "indices": [0, 0]}, …}}
///
/// Times are milliseconds after `epoch`, durations are milliseconds; a column without any value is left out.
package struct FleetColumns {
    private let instances: [InstanceReport]
    private let epoch: Date

    package init(_ instances: [InstanceReport], epoch: Date) {
        self.instances = instances
        self.epoch = epoch
    }

    package var json: JSONValue {
        let columns: [(String, JSONValue?)] = [
            ("name", .strings(instances.map(\.name))),
            ("outcome", coded { $0.outcome.rawValue }),
            ("accepted", plain { $0.isAccepted ? .bool(true) : nil }),
            ("state", coded { $0.isRunning ? "running" : nil }),
            ("version", coded { $0.version?.description }),
            ("release", coded { $0.release?.text }),
            ("from", coded { $0.from?.description }),
            ("wave", coded { $0.wave }),
            ("server", coded { $0.server }),
            ("database", plain { $0.database.map(JSONValue.string) }),
            ("server_version", coded { $0.probe?.status.serverVersion }),
            ("labels", coded { $0.labelText }),
            ("cohort", coded { $0.cohort }),
            (
                "note",
                coded { ($0.skip ?? $0.failure?.message ?? $0.waitingFor ?? $0.setback?.text).map { String($0.prefix(Self.noteLimit)) } }
            ),
            ("pending", plain { $0.due.map { .integer($0.count) } }),
            ("applied", plain { $0.startedAt == nil ? nil : .integer($0.applied.count) }),
            ("migrating", plain { $0.workTime.map { .integer(Int(clamping: $0.milliseconds)) } }),
            ("started", plain { $0.startedAt.map(time) }),
            ("finished", plain { $0.finishedAt.map(time) }),
            ("last_migrated", plain { $0.since.map(time) }),
        ]
        return [
            "count": .integer(instances.count),
            "epoch": .integer(Int(clamping: (epoch.timeIntervalSince1970 * 1000).rounded())),
            "columns": .object(.init(columns.compactMap { name, column in column.map { (name, $0) } })),
        ]
    }

    /// Maximum number of characters of a message; its failure group has the whole text.
    private static let noteLimit = 300

    private func time(_ date: Date) -> JSONValue { .integer(Int(clamping: (date.timeIntervalSince(epoch) * 1000).rounded())) }

    private func plain(_ value: (InstanceReport) -> JSONValue?) -> JSONValue? {
        let values = instances.map(value)
        return values.allSatisfy { $0 == nil } ? nil : .array(values.map { $0 ?? .null })
    }

    private func coded(_ value: (InstanceReport) -> String?) -> JSONValue? {
        var places: [String?: Int] = [:]
        var values: [String?] = []
        let indices = instances.map { instance in
            let text = value(instance)
            if let place = places[text] { return JSONValue.integer(place) }
            places[text] = values.count
            values.append(text)
            return .integer(values.count - 1)
        }
        if values.allSatisfy({ $0 == nil }) { return nil }
        return ["values": .array(values.map(JSONValue.optional)), "indices": .array(indices)]
    }
}

extension InstanceReport {
    fileprivate var isRunning: Bool { if case .running = log.state { true } else { false } }

    /// `region=eu, ring=canary`; nil if it has no labels.
    fileprivate var labelText: String? {
        facts.labels.isEmpty ? nil : facts.labels.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: ", ")
    }
}
