internal import ConvoyFleet
import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText

/// What instances are put together by.
package enum ReportGrouping: Sendable, Hashable, CustomStringConvertible {
    case version, server, cohort, outcome, wave
    /// A label of the fleet file, by its key.
    case label(String)

    /// Reads `version`, `server`, `cohort`, `outcome`, `wave` or `label.KEY`; nil for anything else.
    package init?(_ text: String) {
        switch text {
        case "version": self = .version
        case "server": self = .server
        case "cohort": self = .cohort
        case "outcome": self = .outcome
        case "wave": self = .wave
        default:
            guard text.hasPrefix("label."), text.count > 6 else { return nil }
            self = .label(String(text.dropFirst(6)))
        }
    }

    package var description: String {
        switch self {
        case .version: "version"
        case .server: "server"
        case .cohort: "cohort"
        case .outcome: "outcome"
        case .wave: "wave"
        case .label(let key): "label.\(key)"
        }
    }

    private func name(of instance: InstanceReport) -> String? {
        switch self {
        case .version: instance.version?.description
        case .server: instance.server
        case .cohort: instance.cohort
        case .outcome: instance.outcome.rawValue
        case .wave: instance.wave
        case .label(let key): instance.labels[key]
        }
    }

    /// The groups: newest version first, outcomes and waves in their own order, the others by name; last those that have none.
    func groups(of report: FleetReport) -> [GroupsReport.Group] {
        // By bytes: two values that only look the same are two groups.
        var summaries: [ExactText?: FleetSummary] = [:]
        for instance in report.instances {
            summaries[name(of: instance).map(ExactText.init), default: FleetSummary()].add(instance)
        }
        let groups = summaries.map { GroupsReport.Group(name: $0?.text, summary: $1) }
        let waves = Dictionary(report.waves.enumerated().map { ($1.name, $0) }) { first, _ in first }
        return groups.sorted { left, right in
            guard let first = left.name, let second = right.name else { return left.name != nil }
            switch self {
            case .version: return MigrationVersion(first).map(\.value) ?? 0 > MigrationVersion(second).map(\.value) ?? 0
            case .outcome: return Self.rank(first) < Self.rank(second)
            case .wave: return waves[first, default: waves.count] < waves[second, default: waves.count]
            case .server, .cohort, .label: return first < second
            }
        }
    }

    private static func rank(_ outcome: String) -> Int { Outcome(rawValue: outcome).flatMap(Outcome.allCases.firstIndex) ?? 0 }
}
