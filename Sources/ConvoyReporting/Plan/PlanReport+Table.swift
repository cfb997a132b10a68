import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText

extension PlanReport {
    /// How much of a plan is shown.
    package enum Extent: Sendable, Hashable {
        /// All of it.
        case whole
        /// Without the list of migrations, which may be long: what a question is about.
        case brief
    }

    /// The plan as people read it: instances by wave, migrations, what stands in the way, and one line that sums it up.
    package func table(_ style: OutputStyle, _ extent: Extent = .whole) -> String {
        var blocks =
            correcting.map { correctionBlocks($0, style) } ?? [instanceLines(style), extent == .whole ? migrationLines(style) : []]
        blocks += failureGroups.map { $0.lines(style) }
        blocks.append(skipped.skipLines(style))
        blocks.append(choiceLines + windowLines + [verdict])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func instanceLines(_ style: OutputStyle) -> [String] {
        guard waves.contains(where: { !$0.instances.isEmpty }) else { return [] }
        var columns: [TextTable.Column] = [
            .init("WAVE", minimumWidth: 6, importance: 6),
            .init("INSTANCE", minimumWidth: 8, importance: 9),
            .init("OUTCOME", importance: 8),
            .init("FROM", importance: 5),
            .init("MIGRATIONS", .right, importance: 7),
            .init("SERVER", minimumWidth: 6, importance: 2),
            .init("DATABASE", minimumWidth: 8, importance: 1),
        ]
        if undoing != nil { columns.insert(.init("TO", importance: 5), at: 4) }
        if !releases.isEmpty { columns.insert(.init("RELEASE", importance: 5), at: 4) }
        var table = TextTable(columns)
        for wave in waves {
            for instance in wave.instances {
                var cells: [TextTable.Cell] = [
                    "\(wave.name)",
                    "\(instance.name)",
                    .init(instance.outcome.rawValue, instance.emphasis),
                    "\(instance.version?.description ?? instance.checkpoint.map { "checkpoint \($0)" } ?? "-")",
                    "\(instance.pending.count)",
                    "\(instance.server)",
                    "\(instance.database)",
                ]
                if let undoing { cells.insert("\(undoing.targets[instance.name]?.description ?? "-")", at: 4) }
                if !releases.isEmpty { cells.insert("\(release(of: instance)?.text ?? "-")", at: 4) }
                table.add(cells)
            }
        }
        return table.lines(style)
    }

    /// Maximum number of migrations to show one by one.
    private static let listedMigrations = 24

    private func migrationLines(_ style: OutputStyle) -> [String] {
        let migrations = migrations
        guard !migrations.isEmpty else { return [] }
        var table = TextTable([
            .init("MIGRATION", importance: 3),
            .init("NAME", minimumWidth: 10, importance: 1),
            .init("INSTANCES", .right, importance: 2),
        ])
        if migrations.count <= Self.listedMigrations {
            for (version, count) in migrations { table.add(["\(version)", "\(migrationNames[version] ?? "-")", "\(count)"]) }
        } else {
            for run in runs(of: migrations) {
                let isOne = run.first == run.last
                let name = isOne ? migrationNames[run.first] ?? "-" : counted(run.count, "migration")
                table.add(["\(isOne ? "\(run.first)" : "\(run.first) to \(run.last)")", "\(name)", "\(run.instances)"])
            }
        }
        return table.lines(style)
    }

    /// Neighbouring migrations that the same number of instances would run.
    private func runs(
        of migrations: [(version: MigrationVersion, instances: Int)]
    ) -> [(first: MigrationVersion, last: MigrationVersion, count: Int, instances: Int)] {
        var runs: [(first: MigrationVersion, last: MigrationVersion, count: Int, instances: Int)] = []
        for migration in migrations {
            if let index = runs.indices.last, runs[index].instances == migration.instances {
                runs[index].last = migration.version
                runs[index].count += 1
            } else {
                runs.append((migration.version, migration.version, 1, migration.instances))
            }
        }
        return runs
    }

    private var choiceLines: [String] {
        choice.map { ["selected: \(counted($0.instances, "instance")) that \($0.words.visible)"] } ?? []
    }

    private var windowLines: [String] {
        if let leavesOut { return [leavesOut.line] }
        guard let window else { return [] }
        let state = window.opensAt.map { "closed now: no instances start before \($0.human)" } ?? "open now"
        return ["maintenance window: \(window.text.visible); \(state)"]
    }

    /// What a person is asked before it runs.
    package var question: String {
        let trouble = blockedInstances > 0 ? " (\(blockedInstances) cannot be worked on)" : ""
        if let correcting { return "\(correcting.question) \(changedInstances) of \(counted(instances.count, "instance"))\(trouble)?" }
        return (direction == .up ? "Apply" : "Revert")
            + " \(counted(migrationCount, "migration")) on \(changedInstances) of \(counted(instances.count, "instance"))\(trouble)?"
    }

    private var verdict: String {
        let settled = settledInstances
        let trouble = blockedInstances > 0 ? "; \(counted(blockedInstances, "instance")) cannot be worked on" : ""
        let absent = skipped.isEmpty ? "" : "; \(skipped.count) skipped"
        let rest = settled > 0 ? "; nothing on \(settled)" : ""
        if let correcting, changedInstances > 0 {
            return "\(fleet.visible): \(correcting.verb) \(changedInstances) of \(counted(instances.count, "instance")) in "
                + "\(counted(waves.count, "wave"))\(rest)\(trouble)\(absent)"
        }
        if let correcting {
            let place = settled > 0 ? " on \(counted(settled, "instance"))" : ""
            return "\(fleet.visible): \(correcting.nothing)\(place)\(trouble)\(absent)"
        }
        guard changedInstances > 0 else {
            return
                "\(fleet.visible): nothing to \(direction == .up ? "apply" : "revert") on \(counted(settled, "instance"))\(trouble)\(absent)"
        }
        let verb = direction == .up ? "apply" : "revert"
        let goal = target.map { " to get to \(releases.named($0))" } ?? undoing.map { " of run \($0.run.visible)" } ?? ""
        return "\(fleet.visible): \(verb) \(counted(migrationCount, "migration"))\(goal) on \(changedInstances) of "
            + "\(counted(instances.count, "instance")) in \(counted(waves.count, "wave"))\(rest)\(trouble)\(absent)"
    }
}

extension PlanReport.LeftOut {
    /// One line for the operator.
    fileprivate var line: String {
        var parts: [String] = []
        if let wave = gates.first {
            let names = gates.prefix(5).map(\.visible).joined(separator: ", ") + (gates.count > 5 ? " and \(gates.count - 5) more" : "")
            parts.append(gates.count == 1 ? "the gate of wave \(wave.visible)" : "the gates of waves \(names)")
        }
        if hasWindow { parts.append("the maintenance window") }
        guard !parts.isEmpty else { return "now: there is no gate and no maintenance window to leave out" }
        return "now: without \(parts.joined(separator: " and "))"
            + (gates.isEmpty ? "" : " (no soak, no check, no approval)") + "; locks, limits and stop rules hold"
    }
}
