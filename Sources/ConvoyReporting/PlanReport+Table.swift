internal import ConvoyMigrations
internal import ConvoyRollout

extension PlanReport {
    /// The plan as people read it: instances by wave, migrations, what stands in the way, and one line that sums it up.
    package func table(_ style: OutputStyle) -> String {
        var blocks = [instanceLines(style), migrationLines(style)]
        blocks += failureGroups.map { $0.lines(style) }
        blocks.append([verdict])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func instanceLines(_ style: OutputStyle) -> [String] {
        guard waves.contains(where: { !$0.instances.isEmpty }) else { return [] }
        var table = TextTable([
            .init("WAVE", minimumWidth: 6, importance: 6),
            .init("INSTANCE", minimumWidth: 8, importance: 9),
            .init("OUTCOME", importance: 8),
            .init("FROM", importance: 5),
            .init("MIGRATIONS", .right, importance: 7),
            .init("SERVER", minimumWidth: 6, importance: 2),
            .init("DATABASE", minimumWidth: 8, importance: 1),
        ])
        for wave in waves {
            for instance in wave.instances {
                table.add([
                    "\(wave.name)",
                    "\(instance.name)",
                    .init(instance.outcome.rawValue, instance.outcome.emphasis),
                    "\(instance.version?.description ?? "-")",
                    "\(instance.pending.count)",
                    "\(instance.server)",
                    "\(instance.database)",
                ])
            }
        }
        return table.lines(style)
    }

    private func migrationLines(_ style: OutputStyle) -> [String] {
        let migrations = migrations
        guard !migrations.isEmpty else { return [] }
        var table = TextTable([
            .init("MIGRATION", importance: 3),
            .init("NAME", minimumWidth: 10, importance: 1),
            .init("INSTANCES", .right, importance: 2),
        ])
        for (version, count) in migrations { table.add(["\(version)", "\(migrationNames[version] ?? "-")", "\(count)"]) }
        return table.lines(style)
    }

    private var verdict: String {
        let goal = target.map { " to \($0)" } ?? ""
        guard changedInstances > 0 else { return "\(fleet.visible): nothing to do on \(counted(instances.count, "instance"))" }
        let verb = direction == .up ? "apply" : "revert"
        return "\(fleet.visible): \(verb) \(counted(migrationCount, "migration"))\(goal)"
            + " on \(changedInstances) of \(counted(instances.count, "instance")) in \(counted(waves.count, "wave"))"
    }
}
