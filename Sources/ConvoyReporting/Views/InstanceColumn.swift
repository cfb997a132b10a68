internal import ConvoyMigrations
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// A column of a table of instances that was asked for by name.
package enum InstanceColumn: Sendable, Hashable {
    case named(Name)
    /// The value of a label, or nothing.
    case label(String)

    /// The columns that do not depend on the fleet's labels, by their names on the command line.
    package enum Name: String, Sendable, Hashable, CaseIterable {
        case instance, wave, outcome, from, version, release, cohort, known, pending, applied, time, migrated, server, database, postgresql,
            message
    }

    /// Reads `outcome` or `label.ring`, in any case; nil if no column has that name.
    package init?(_ text: String) {
        if let key = Self.labelKey(text) {
            self = .label(key)
        } else if let name = Name(rawValue: text.lowercased()) {
            self = .named(name)
        } else {
            return nil
        }
    }

    /// What follows `label.`; nil for another text.
    package static func labelKey(_ text: String) -> String? {
        guard text.hasPrefix("label."), text.count > 6 else { return nil }
        return String(text.dropFirst(6))
    }

    /// The names for a message about one that is unknown.
    package static var known: [String] { Name.allCases.map(\.rawValue) + ["label.KEY"] }

    fileprivate func column(importance: Int) -> TextTable.Column {
        switch self {
        case .label(let key): .init("label.\(key)", minimumWidth: 8, importance: importance)
        case .named(let name):
            switch name {
            case .pending, .applied, .time, .migrated: .init(name.rawValue.uppercased(), .right, importance: importance)
            case .instance, .cohort: .init(name.rawValue.uppercased(), minimumWidth: 16, importance: importance)
            case .server, .database, .message, .wave: .init(name.rawValue.uppercased(), minimumWidth: 10, importance: importance)
            case .outcome, .from, .version, .release, .known, .postgresql: .init(name.rawValue.uppercased(), importance: importance)
            }
        }
    }

    fileprivate func cell(of instance: InstanceReport, at now: Date?) -> TextTable.Cell {
        switch self {
        case .label(let key): return "\(instance.labels[key] ?? "-")"
        case .named(.known): return instance.knownCell(at: now)
        case .named(.outcome): return .init(instance.outcome.rawValue, instance.outcome.emphasis)
        case .named(let name): return "\(name.text(of: instance) ?? "-")"
        }
    }
}

extension InstanceColumn.Name {
    /// Nil if it is not known.
    fileprivate func text(of instance: InstanceReport) -> String? {
        switch self {
        case .instance: instance.name
        case .wave: instance.wave
        case .outcome: instance.outcome.rawValue
        case .from: instance.from?.description
        case .version: instance.version?.description
        case .release: instance.release?.text
        case .cohort: instance.cohort
        case .pending: instance.due.map { "\($0.count)" }
        case .applied: "\(instance.applied.count)"
        case .time: instance.workTime?.human
        // Its age is not one of the instance alone.
        case .known: nil
        case .migrated: instance.sinceAge.map { "\($0.humanAge) ago" }
        case .server: instance.server
        case .database: instance.database
        case .postgresql: instance.probe?.status.serverVersion
        case .message: instance.failure?.headline
        }
    }
}

extension FleetReport {
    /// The instances with the columns that were asked for, in that order: the first is the last to go where they do not fit. Nil if none were.
    ///
    /// - Parameter now: when they are written; nil if no ages are shown.
    func chosenLines(_ style: OutputStyle, at now: Date?) -> [String]? {
        guard let columns else { return nil }
        var table = TextTable(columns.enumerated().map { $1.column(importance: columns.count - $0) })
        for instance in instances { table.add(columns.map { $0.cell(of: instance, at: now) }) }
        return table.lines(style)
    }
}
