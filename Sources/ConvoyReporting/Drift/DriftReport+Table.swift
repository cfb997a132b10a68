import ConvoyMigrations
internal import ConvoyRun
package import ConvoyText

extension DriftReport {
    /// More differences of a cohort are counted, not listed.
    private static let shownDifferences = 40
    /// A definition is cut behind this many bytes: its beginning names what it is, and `--output json` has more.
    private static let shownBytes = 400

    /// The report as people read it: the cohorts, what differs in each, and last what it comes to.
    package func table(_ style: OutputStyle) -> String {
        var blocks: [[String]] = []
        if !cohorts.isEmpty { blocks.append(cohortLines(style)) }
        if let grouping { blocks.append(groupLines(grouping.label, grouping.groups, style)) }
        blocks += cohorts.filter { $0.isDrifted || $0.problem != nil }.map { lines(of: $0, style) }
        blocks += failureGroups.map { $0.lines(style) }
        if drifted > 0 { blocks.append(["next: `--output json` has a query for each difference that shows the object in the database"]) }
        blocks.append([verdict])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    /// As `convoy status` has them, with what to do next.
    private var failureGroups: [FailureGroup] {
        FailureGroup.groups(of: unread.map { FailureGroup.Occurrence(instance: $0.instance, wave: nil, at: nil, failure: $0.failure) })
    }

    private func cohortLines(_ style: OutputStyle) -> [String] {
        var table = TextTable([
            .init("COHORT", minimumWidth: 16, importance: 5),
            .init("INSTANCES", .right, importance: 4),
            .init("DRIFT", importance: 6),
            .init("NAMES", minimumWidth: 20, importance: 3),
        ])
        for cohort in cohorts {
            let drift: TextTable.Cell =
                if cohort.problem != nil { .init("not compared", .bad) } else if cohort.isDrifted {
                    .init(counted(cohort.count, "difference"), .notable)
                } else { .init("none", .good) }
            table.add(["\(cohort.name)", "\(cohort.instances.count)", drift, "\(listed(cohort.instances))"])
        }
        return table.lines(style)
    }

    private func groupLines(_ label: String, _ groups: [Group], _ style: OutputStyle) -> [String] {
        var table = TextTable([
            .init("LABEL.\(label.uppercased())", minimumWidth: 8, importance: 5),
            .init("INSTANCES", .right, importance: 3),
            .init("COHORTS", .right, importance: 2),
            .init("DRIFTED", .right, importance: 4),
        ])
        for group in groups {
            let drifted = TextTable.Cell("\(group.drifted)", group.drifted > 0 ? .notable : .none)
            table.add(["\(group.name ?? "-")", "\(group.instances)", "\(group.cohorts)", drifted])
        }
        return table.lines(style)
    }

    private func lines(of cohort: Cohort, _ style: OutputStyle) -> [String] {
        let head = "cohort \(cohort.name.visible), \(counted(cohort.instances.count, "instance")): \(listed(cohort.instances))"
        var lines = [style.paint(head, .heading)]
        if let problem = cohort.problem { lines.append("  not compared: \(problem.visible)") }
        if let hint = cohort.hint { lines.append("  hint: \(hint)") }
        for difference in cohort.differences.prefix(Self.shownDifferences) {
            lines.append("  \(style.paint(difference.change, .notable)) \(difference.kind) \(Self.short(difference.object))")
            if let expected = difference.expected, !expected.isEmpty { lines.append("    expected: \(Self.short(expected))") }
            if let found = difference.found, !found.isEmpty { lines.append("    found:    \(Self.short(found))") }
        }
        let shown = min(cohort.differences.count, Self.shownDifferences)
        let rest = cohort.count - shown
        if rest > 0 {
            let known = cohort.leftOut == 0 ? "them all" : "the first \(cohort.differences.count)"
            lines.append("  and \(rest) more: `--output json` has \(known)")
        }
        return lines
    }

    private static func short(_ text: String) -> String {
        text.utf8.count > shownBytes ? text.prefix(bytes: shownBytes).visible + "…" : text.visible
    }

    /// One line. That nothing was found says something only where something was compared.
    package var verdict: String {
        var parts = [
            "\(counted(instances, "instance")) in \(counted(cohorts.count, "cohort"))",
            drifted > 0 ? "\(drifted) drifted" : instances > incomparable ? "no drift" : "nothing was compared",
        ]
        if incomparable > 0 { parts.append("\(incomparable) not compared") }
        if !unread.isEmpty { parts.append("\(unread.count) could not be read") }
        return "\(fleet.visible): \(parts.joined(separator: ", "))"
    }
}
