internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText

extension FleetReport {
    /// The fleet on one screen, however large it is: at most 23 lines of 80 columns, so that a prompt still fits below.
    ///
    /// - Parameter state: what the journal knows of the run in addition to its events.
    package func summaryScreen(_ style: OutputStyle, state: RunState? = nil) -> String {
        SummaryScreen(report: self, style: style).lines(state ?? endState).map { $0 + "\n" }.joined()
    }
}

/// Outcomes and versions with bars, the failures that most instances have, and the instances that are furthest behind.
private struct SummaryScreen {
    private static let outcomeRows = 5
    private static let versionRows = 4
    private static let failureRows = 3
    private static let barWidth = 30

    let report: FleetReport
    let style: OutputStyle

    init(report: FleetReport, style: OutputStyle) {
        self.report = report
        var style = style
        style.width = min(80, style.width ?? 80)
        self.style = style
    }

    func lines(_ state: RunState) -> [String] {
        let summary = report.summary
        let outcomes = summary.outcomes.ordered.sorted { $0.count > $1.count }
        let versions = summary.versionRows.map { row in
            Row(name: row.release.map { "\(row.name) (\($0))" } ?? row.name, count: row.count, emphasis: .none)
        }
        var blocks = [
            bars(
                "OUTCOME",
                "outcomes",
                outcomes.map { Row(name: $0.outcome.rawValue, count: $0.count, emphasis: $0.outcome.emphasis) },
                Self.outcomeRows
            ),
            bars("VERSION", "versions", versions, Self.versionRows),
            failures,
            furthestBehind,
        ]
        blocks.removeAll(where: \.isEmpty)
        return heading(state) + blocks.joined(separator: [""])
    }

    private func heading(_ state: RunState) -> [String] {
        let goal = report.targetText.map { ", newest version \($0)" } ?? ""
        var lines = [style.paint(fitted("\(report.fleet.visible): \(report.shownCount)\(goal)"), .heading)]
        if !report.run.isEmpty {
            let took = report.finishedAt.map { ", \(report.log.duration(at: $0).human)" } ?? ""
            lines.append(style.paint(fitted("run \(report.run.visible): \(state.words)\(took)"), state.emphasis))
        }
        return lines
    }

    // MARK: Bars

    private struct Row {
        var name: String
        var count: Int
        var emphasis: Emphasis
    }

    /// The first row and, where not all can be shown, rather the bad ones than others; what is left is added up in the last row.
    private func bars(_ title: String, _ noun: String, _ rows: [Row], _ limit: Int) -> [String] {
        guard !rows.isEmpty else { return [] }
        var shown = rows
        if rows.count > limit {
            let rest = rows.indices.dropFirst()
            let chosen = Set((rest.filter { rows[$0].emphasis == .bad } + rest.filter { rows[$0].emphasis != .bad }).prefix(limit - 2))
            shown = rows.indices.filter { $0 == 0 || chosen.contains($0) }.map { rows[$0] }
            let left = rows.reduce(0) { $0 + $1.count } - shown.reduce(0) { $0 + $1.count }
            shown.append(Row(name: "\(rows.count - shown.count) other \(noun)", count: left, emphasis: .none))
        }
        let total = rows.reduce(0) { $0 + $1.count }
        var table = TextTable([
            .init(title, minimumWidth: 8, importance: 4), .init("INSTANCES", .right, importance: 3), .init("SHARE", .right, importance: 2),
            .init("", importance: 1),
        ])
        for row in shown {
            table.add([
                .init(row.name, row.emphasis), "\(row.count)", "\(percentText(row.count, of: total))",
                .init(bar(row.count, of: total), row.emphasis),
            ])
        }
        return table.lines(style)
    }

    /// A cell that stands for any instance at all is never empty, and a full cell stands for all of them.
    private func bar(_ count: Int, of total: Int) -> String {
        let exact = Self.barWidth * count / max(total, 1)
        let filled = count == 0 ? 0 : max(1, exact)
        let (full, empty) = style.usesUnicode ? ("█", "░") : ("#", ".")
        return String(repeating: full, count: filled) + String(repeating: empty, count: Self.barWidth - filled)
    }

    // MARK: What needs attention

    private var failures: [String] {
        let groups = report.failureGroups
        guard !groups.isEmpty else { return [] }
        var table = TextTable([
            .init(Self.title("FAILURE", Self.failureRows, of: groups.count), minimumWidth: 8, importance: 3),
            .init("INSTANCES", .right, importance: 2),
            .init("", minimumWidth: 10, importance: 1),
        ])
        for group in groups.prefix(Self.failureRows) {
            table.add([.init(group.failure.kind.rawValue, .bad), "\(group.instances.count)", "\(group.failure.headline)"])
        }
        return table.lines(style)
    }

    private var furthestBehind: [String] {
        let behind = ReportOrder(.pending, .descending).sorted(report.instances.filter { ($0.due?.count ?? 0) > 0 })
        guard !behind.isEmpty else { return [] }
        let rows = report.run.isEmpty ? 3 : 2
        var table = TextTable([
            .init(behind.count > rows ? Self.title("BEHIND", rows, of: behind.count) : "FURTHEST BEHIND", minimumWidth: 16, importance: 5),
            .init("VERSION", importance: 4),
            .init("PENDING", .right, importance: 3),
            .init("MIGRATED", .right, importance: 2), .init("SERVER", minimumWidth: 10, importance: 1),
        ])
        for instance in behind.prefix(rows) {
            table.add([
                "\(instance.name)",
                "\(instance.version?.description ?? "-")",
                "\(instance.due?.count ?? 0)",
                "\(instance.sinceText)",
                "\(instance.server ?? "-")",
            ])
        }
        return table.lines(style)
    }

    private static func title(_ title: String, _ shown: Int, of count: Int) -> String {
        count > shown ? "\(title) (\(shown) OF \(count))" : title
    }

    private func fitted(_ text: String) -> String { text.cut(to: style.width ?? 80, marker: style.ellipsis) }
}
