package import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

extension RunComparison {
    /// The comparison as people read it; what it comes to is last, where the eye is.
    package func table(_ style: OutputStyle, names: [MigrationVersion: String] = [:]) -> String {
        var blocks = [sideLines(style), migrationLines(style, names), differenceLines(style)]
        blocks += failureLines("gone", goneFailures, style) + failureLines("new", newFailures, style)
        blocks += failureLines("in both", lastingFailures, style)
        blocks.append(verdict)
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func sideLines(_ style: OutputStyle) -> [String] {
        var table = TextTable([
            .init("", importance: 2),
            .init("RUN", importance: 9),
            .init("FLEET", minimumWidth: 6, importance: 1),
            .init("STATUS", importance: 8),
            .init("STARTED", importance: 5),
            .init("TIME", .right, importance: 6),
            .init("INSTANCES", .right, importance: 3),
            .init("OUTCOMES", minimumWidth: 10, importance: 7),
        ])
        for (title, side) in [("first", first), ("second", second)] {
            table.add([
                "\(title)",
                "\(side.report.run)",
                "\(side.report.fleet)",
                .init(side.state.words, side.state.emphasis),
                "\(side.report.startedAt?.human ?? "-")",
                "\(side.report.finishedAt.map { side.report.log.duration(at: $0).human } ?? "-")",
                "\(side.report.instances.count)",
                "\(side.report.summary.outcomes.text)",
            ])
        }
        return table.lines(style)
    }

    private func migrationLines(_ style: OutputStyle, _ names: [MigrationVersion: String]) -> [String] {
        let shared = migrations.filter { $0.first != nil && $0.second != nil }
        let lonely = [("first", migrations.count { $0.second == nil }), ("second", migrations.count { $0.first == nil })].filter { $1 > 0 }
        let rest = lonely.map { "\(counted($1, "migration")) ran only in the \($0)" }
        guard !shared.isEmpty else { return rest }
        var table = TextTable([
            .init("MIGRATION", importance: 9),
            .init("NAME", minimumWidth: 6, importance: 1),
            .init("INSTANCES", .right, importance: 3),
            .init("P50", .right, importance: 7),
            .init("RATIO", .right, importance: 8),
            .init("P95", .right, importance: 5),
            .init("RATIO", .right, importance: 6),
            .init("MAX", .right, importance: 2),
            .init("RATIO", .right, importance: 4),
        ])
        for migration in shared {
            let title = (migration.first ?? migration.second)?.title ?? "\(migration.version)"
            let counts = [migration.first, migration.second].map { $0.map { "\($0.count)" } ?? "-" }
            var cells: [TextTable.Cell] = [
                "\(title)", "\(names[migration.version] ?? "-")", "\(counts.joined(separator: " \(style.arrow) "))",
            ]
            for share in [0.5, 0.95, 1] {
                let times = [migration.first, migration.second].map { $0?.percentile(share).human ?? "-" }
                cells.append("\(times.joined(separator: " \(style.arrow) "))")
                cells.append(migration.ratio(share).map { TextTable.Cell($0.times, $0 > 1.5 ? .notable : .none) } ?? "-")
            }
            table.add(cells)
        }
        return table.lines(style) + rest
    }

    /// One line for all that went the same way.
    private func differenceLines(_ style: OutputStyle) -> [String] {
        guard !differences.isEmpty else { return [] }
        var table = TextTable([
            .init("FIRST", importance: 8),
            .init("SECOND", importance: 9),
            .init("INSTANCES", .right, importance: 7),
            .init("NAMES", minimumWidth: 12, importance: 6),
        ])
        for change in changes {
            table.add([
                .init(change.first.rawValue, change.first.emphasis), .init(change.second.rawValue, change.second.emphasis),
                "\(change.instances.count)", "\(listed(change.instances, limit: 5))",
            ])
        }
        return table.lines(style)
    }

    /// The differences by outcomes: what got worse first, then what many instances have in common.
    private var changes: [(first: Outcome, second: Outcome, instances: [String])] {
        struct Key: Hashable {
            var first: Outcome
            var second: Outcome
        }
        let groups = Dictionary(grouping: differences) { Key(first: $0.first, second: $0.second) }
        let order = Dictionary(uniqueKeysWithValues: Outcome.allCases.enumerated().map { ($1, $0) })
        func rank(_ key: Key) -> (Int, Int, Int, Int) {
            (key.second.isGood ? 1 : 0, -(groups[key]?.count ?? 0), order[key.first] ?? 0, order[key.second] ?? 0)
        }
        return groups.keys.sorted { rank($0) < rank($1) }.map { ($0.first, $0.second, groups[$0]?.map(\.instance) ?? []) }
    }

    private func failureLines(_ title: String, _ groups: [FailureGroup], _ style: OutputStyle) -> [[String]] {
        groups.map { ["\(title): \($0.lines(style).first ?? "")"] + $0.lines(style).dropFirst() }
    }

    private var verdict: [String] {
        var instances = "no instance is in both runs"
        if sharedInstances > 0 {
            instances = "\(counted(sharedInstances, "instance")) in both runs, \(differences.count) ended differently"
        }
        for (names, title) in [(onlyInFirst, "first"), (onlyInSecond, "second")] where !names.isEmpty {
            instances += "; \(names.count) only in the \(title)"
        }
        let failures = "failures: \(goneFailures.count) gone, \(newFailures.count) new, \(lastingFailures.count) in both"
        let durations = typicalRatio.map { "migrations of both took \($0.times) as long in the second (median)" }
        return [instances, failures, durations ?? "no migration ran in both"]
    }
}

extension Double {
    /// `1.25x`
    fileprivate var times: String {
        let hundredths = Int(clamping: (min(self, 1e9) * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)x"
    }
}
