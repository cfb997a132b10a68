import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// A fleet in groups: how many instances each has, how they stand, and how far apart their versions are.
package struct GroupsReport: Sendable {
    /// Instances that have something in common.
    struct Group: Sendable, Hashable {
        /// What they have in common; nil for those that have nothing of the kind.
        var name: String?
        var summary: FleetSummary

        /// Nil if no version is known.
        var oldest: MigrationVersion? { summary.versions.keys.min() }
        var newest: MigrationVersion? { summary.versions.keys.max() }
    }

    private let report: FleetReport
    private let grouping: ReportGrouping
    let groups: [Group]

    package init(_ report: FleetReport, by grouping: ReportGrouping) {
        self.report = report
        self.grouping = grouping
        groups = grouping.groups(of: report)
    }

    /// The formats that groups can be written in.
    package static let formats: Set<ReportFormat> = [.table, .json, .csv, .markdown]

    /// The groups in one of ``formats``; any other is the table.
    package func text(_ format: ReportFormat, _ style: OutputStyle = OutputStyle(), at now: Date) -> String {
        switch format {
        case .json: json(at: now).text
        case .csv: csv
        case .markdown: markdown
        case .table, .ndjson, .html, .junit, .prometheus: table(style)
        }
    }

    private func table(_ style: OutputStyle) -> String {
        var blocks: [[String]] = []
        if !groups.isEmpty {
            var table = TextTable([
                .init(grouping.description.uppercased(), minimumWidth: 8, importance: 5),
                .init("INSTANCES", .right, importance: 4),
                .init("OUTCOMES", minimumWidth: 30, importance: 3),
                .init("OLDEST", importance: 1),
                .init("NEWEST", importance: 2),
            ])
            for group in groups {
                let emphasis: Emphasis = group.summary.badInstances > 0 ? .bad : .none
                table.add([
                    "\(group.name ?? "-")",
                    "\(group.summary.instances)",
                    .init(group.summary.outcomeText(OutputStyle()), emphasis),
                    "\(group.oldest?.description ?? "-")",
                    "\(group.newest?.description ?? "-")",
                ])
            }
            blocks.append(table.lines(style))
        }
        blocks.append([report.statusVerdict(style)])
        return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    /// `convoy.groups/1`, as its JSON Schema has it.
    package func json(at now: Date) -> JSONValue {
        [
            "schema": "convoy.groups/1",
            "fleet": .string(report.fleet),
            "by": .string(grouping.description),
            "generated_at": .string(now.rfc3339),
            "looked_at": .optional(report.lookedAt?.rfc3339),
            "left_out": .integer(report.leftOut),
            "groups": .array(
                groups.map {
                    [
                        "name": .optional($0.name),
                        "summary": $0.summary.json,
                        "oldest_version": .optional($0.oldest?.description),
                        "newest_version": .optional($0.newest?.description),
                    ]
                }
            ),
        ]
    }

    /// One row a group, with a column for every outcome there is.
    private var csv: String {
        var text = CSVText()
        text.add([grouping.description, "instances", "oldest_version", "newest_version"] + Outcome.allCases.map(\.rawValue))
        for group in groups {
            let numbers = Outcome.allCases.map { String(group.summary.outcomes[$0] ?? 0) }
            text.add([group.name, String(group.summary.instances), group.oldest?.description, group.newest?.description] + numbers)
        }
        return text.text
    }

    private var markdown: String {
        MarkdownText.table(
            [MarkdownText.plain(grouping.description), "Instances:", "Outcomes", "Oldest", "Newest"],
            groups.map {
                [
                    $0.name.map(MarkdownText.code) ?? "none", String($0.summary.instances), $0.summary.outcomes.text,
                    $0.oldest?.description ?? "", $0.newest?.description ?? "",
                ]
            }
        )
    }
}
