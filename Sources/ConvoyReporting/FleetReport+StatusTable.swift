internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// The fleet as people read it: instances, versions, failures, and one line that sums it up.
    ///
    /// - Parameter now: when it is written; nil is when the instances were probed.
    package func statusTable(_ style: OutputStyle, at now: Date? = nil) -> String {
        var blocks = [statusLines(style, at: now ?? lookedAt), summary.versionLines(style)]
        blocks += failureGroups.map { $0.lines(style) }
        blocks.append(editedLines(style))
        blocks.append(setbackLines(style))
        blocks.append(skipLines(style))
        blocks.append([statusVerdict(style)])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func statusLines(_ style: OutputStyle, at now: Date?) -> [String] {
        guard !instances.isEmpty else { return [] }
        if let chosen = chosenLines(style, at: now) { return chosen }
        let hasCohorts = instances.contains { $0.cohort != nil }
        var columns: [TextTable.Column] = [
            .init("INSTANCE", minimumWidth: 16, importance: 9),
            .init("OUTCOME", importance: 8),
            .init("VERSION", importance: 7),
            .init("PENDING", .right, importance: 6),
            .init("MIGRATED", .right, importance: 5),
            .init("SERVER", minimumWidth: 10, importance: 4),
            .init("DATABASE", minimumWidth: 12, importance: 3),
            .init("POSTGRESQL", importance: 2),
        ]
        if hasCohorts { columns.insert(.init("COHORT", minimumWidth: 16, importance: 7), at: 3) }
        if !releases.isEmpty { columns.insert(.init("RELEASE", importance: 7), at: 3) }
        let knownColumn = hasRememberedVersions ? columns.count - 5 : nil
        if let knownColumn { columns.insert(.known(importance: 6), at: knownColumn) }
        var table = TextTable(columns)
        for instance in instances {
            var cells: [TextTable.Cell] = [
                "\(instance.name)",
                .init(instance.outcome.rawValue, instance.emphasis),
                "\(instance.version?.description ?? "-")",
                "\(instance.due.map { "\($0.count)" } ?? "-")",
                "\(instance.sinceText)",
                "\(instance.server ?? "-")",
                "\(instance.database ?? "-")",
                "\(instance.probe?.status.serverVersion ?? "-")",
            ]
            if hasCohorts { cells.insert("\(instance.cohort ?? "-")", at: 3) }
            if !releases.isEmpty { cells.insert("\(instance.release?.text ?? "-")", at: 3) }
            if let knownColumn { cells.insert(instance.knownCell(at: now), at: knownColumn) }
            table.add(cells)
        }
        return table.lines(style)
    }

    /// The version that instances are measured against, with its release.
    var targetText: String? { target.map { releases.named($0) } }

    /// What the fleet comes to, in one line.
    func statusVerdict(_ style: OutputStyle) -> String {
        let outcomes = summary.outcomeText(style)
        let goal = targetText.map { ", newest version \($0)" } ?? ""
        return "\(fleet.visible): \(shownCount)\(outcomes.isEmpty ? "" : ": ")\(outcomes)\(goal)"
    }
}
