package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// The run as people read it: instances, waves, versions, failures, and the verdict last, where the eye is.
    ///
    /// - Parameters:
    ///   - state: what the journal knows in addition: that the run is active, was cut off or was abandoned.
    ///   - durations: of its migrations, where they are to be shown.
    ///   - names: of migrations, as far as they are known.
    ///   - now: when it is written, where the age of versions that other runs know is to be shown; nil leaves it out.
    package func table(
        _ style: OutputStyle,
        state: RunState? = nil,
        durations: [MigrationDurations] = [],
        names: [MigrationVersion: String] = [:],
        at now: Date? = nil
    ) -> String {
        var blocks = [instanceLines(style, at: now), waveLines(style), summary.versionLines(style), durations.lines(style, names: names)]
        blocks += failureGroups.map { $0.lines(style) }
        blocks.append(skipLines(style))
        blocks.append(verdict(style, state ?? endState))
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func instanceLines(_ style: OutputStyle, at now: Date?) -> [String] {
        guard !instances.isEmpty else { return [] }
        if let chosen = chosenLines(style, at: now) { return chosen }
        var columns: [TextTable.Column] = [
            .init("INSTANCE", minimumWidth: 16, importance: 9),
            .init("WAVE", minimumWidth: 6, importance: 2),
            .init("OUTCOME", importance: 8),
            .init("FROM", importance: 4),
            .init("TO", importance: 5),
            .init("MIGRATIONS", .right, importance: 3),
            .init("TIME", .right, importance: 1),
        ]
        if !releases.isEmpty { columns.insert(.init("RELEASE", importance: 5), at: 5) }
        let knownColumn = now != nil && hasRememberedVersions ? columns.count - 2 : nil
        if let knownColumn { columns.insert(.known(importance: 4), at: knownColumn) }
        var table = TextTable(columns)
        for instance in instances {
            var cells: [TextTable.Cell] = [
                "\(instance.name)",
                "\(instance.wave ?? "-")",
                .init(instance.outcome.rawValue, instance.emphasis),
                "\(instance.from?.description ?? "-")",
                "\(instance.version?.description ?? "-")",
                "\(instance.applied.count)",
                "\(instance.workTime?.human ?? "-")",
            ]
            if !releases.isEmpty { cells.insert("\(instance.release?.text ?? "-")", at: 5) }
            if let knownColumn { cells.insert(instance.knownCell(at: now), at: knownColumn) }
            table.add(cells)
        }
        return table.lines(style)
    }

    /// What became of each wave; no lines if there is only one.
    func waveLines(_ style: OutputStyle) -> [String] {
        guard log.waves.count > 1 else { return [] }
        var table = TextTable([
            .init("WAVE", minimumWidth: 6, importance: 3),
            .init("INSTANCES", .right, importance: 1),
            .init("OUTCOMES", minimumWidth: 10, importance: 2),
        ])
        for wave in log.waves { table.add(["\(wave.name)", "\(wave.instances)", "\(wave.allOutcomes.text)"]) }
        return table.lines(style)
    }

    /// How the run ended, in one line, and why it was halted.
    func verdict(_ style: OutputStyle, _ state: RunState) -> [String] {
        // It is about the run, whichever instances are shown and whatever became of them later.
        let outcomes: [Outcome: Int] = log.waves.reduce(into: [:]) { $0.merge($1.allOutcomes, uniquingKeysWith: +) }
        let counts = outcomes.text(style)
        let took = log.finishedAt.map { ", \(log.duration(at: $0).human)" } ?? ""
        if log.run.isEmpty, log.status != nil {
            let nothing =
                switch correction {
                case nil: "nothing is pending"
                case .baseline?: "there is no ledger to write"
                case .repair?: "there is nothing to repair"
                }
            return ["\(fleet.visible): \(nothing), so no run was started: \(counts.isEmpty ? "no instances" : counts)"]
        }
        let reason = log.haltReason.map { [style.paint("halted", .bad) + ": \($0.description.visible); the rest was not started"] } ?? []
        let person = startedBy.map { " by \($0.visible)" } ?? ""
        let start = startedBy == nil ? [] : ["started \((log.startedAt.map(\.human)) ?? "")\(person)"]
        let immediate = isImmediate ? ["started with --now: without gates and maintenance window"] : []
        let waiting = state == .running ? waits.map { style.paint("waiting", .notable) + ": \($0.visible)" } : []
        let facts: [String] = reason + waiting + start + immediate
        let actions: [String] = operatorActions.map(\.text)
        return facts + actions + [
            "run \(log.run.visible) of \(fleet.visible) " + style.paint(state.words, state.emphasis)
                + ": \(counts.isEmpty ? "no instances" : counts)\(took)"
        ]
    }
}
