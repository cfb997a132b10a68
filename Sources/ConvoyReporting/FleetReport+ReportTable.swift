internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// How the fleet stands and what the run did, as people read it; only one of them where the other is not known.
    ///
    /// - Parameters:
    ///   - state: what the journal knows of the run in addition to its events.
    ///   - now: when it is written; nil is when the instances were probed.
    package func reportTable(_ style: OutputStyle, state: RunState? = nil, at now: Date? = nil) -> String {
        if log.run.isEmpty { return statusTable(style, at: now) }
        if lookedAt == nil { return table(style, state: state, at: now) }
        var blocks = [reportLines(style, at: now ?? lookedAt), waveLines(style), summary.versionLines(style)]
        blocks += failureGroups.map { $0.lines(style) }
        blocks.append(editedLines(style))
        blocks.append(setbackLines(style))
        blocks.append(skipLines(style))
        blocks.append(verdict(style, state ?? endState) + [statusVerdict(style)])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func reportLines(_ style: OutputStyle, at now: Date?) -> [String] {
        guard !instances.isEmpty else { return [] }
        if let chosen = chosenLines(style, at: now) { return chosen }
        let hasCohorts = instances.contains { $0.cohort != nil }
        var columns: [TextTable.Column] = [
            .init("INSTANCE", minimumWidth: 16, importance: 10),
            .init("WAVE", minimumWidth: 6, importance: 4),
            .init("OUTCOME", importance: 9),
            .init("VERSION", importance: 8),
            .init("PENDING", .right, importance: 7),
            .init("APPLIED", .right, importance: 6),
            .init("TIME", .right, importance: 3),
            .init("MIGRATED", .right, importance: 5),
            .init("SERVER", minimumWidth: 10, importance: 2),
            .init("DATABASE", minimumWidth: 12, importance: 1),
        ]
        if hasCohorts { columns.insert(.init("COHORT", minimumWidth: 16, importance: 7), at: 4) }
        if !releases.isEmpty { columns.insert(.init("RELEASE", importance: 8), at: 4) }
        let knownColumn = hasRememberedVersions ? columns.count - 6 : nil
        if let knownColumn { columns.insert(.known(importance: 6), at: knownColumn) }
        var table = TextTable(columns)
        for instance in instances {
            var cells: [TextTable.Cell] = [
                "\(instance.name)",
                "\(instance.wave ?? "-")",
                .init(instance.outcome.rawValue, instance.emphasis),
                "\(instance.version?.description ?? "-")",
                "\(instance.due.map { "\($0.count)" } ?? "-")",
                "\(instance.applied.count)",
                "\(instance.workTime?.human ?? "-")",
                "\(instance.sinceText)",
                "\(instance.server ?? "-")",
                "\(instance.database ?? "-")",
            ]
            if hasCohorts { cells.insert("\(instance.cohort ?? "-")", at: 4) }
            if !releases.isEmpty { cells.insert("\(instance.release?.text ?? "-")", at: 4) }
            if let knownColumn { cells.insert(instance.knownCell(at: now), at: knownColumn) }
            table.add(cells)
        }
        return table.lines(style)
    }
}
