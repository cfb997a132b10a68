import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
package import ConvoyText

extension RunsReport {
    /// The runs as people read them, and what to type about those that were cut off.
    package func table(_ style: OutputStyle) -> String {
        guard !runs.isEmpty else { return "no runs yet in \(journal.visible)\n" }
        var table = TextTable([
            .init("RUN", importance: 9),
            .init("FLEET", minimumWidth: 6, importance: 1),
            .init("WHAT", importance: 6),
            .init("STATUS", importance: 8),
            .init("STARTED", importance: 5),
            .init("BY", minimumWidth: 8, importance: 2),
            .init("TIME", .right, importance: 3),
            .init("INSTANCES", .right, importance: 4),
            .init("OUTCOMES", minimumWidth: 10, importance: 7),
        ])
        for entry in runs {
            table.add([
                "\(entry.run.id)",
                "\(entry.run.fleet)",
                "\(entry.run.change.words)",
                .init(words(for: entry), entry.state.emphasis),
                "\(entry.run.startedAt.human)",
                "\(entry.run.startedBy)",
                "\(duration(of: entry)?.human ?? "-")",
                "\(entry.run.instances)",
                "\(entry.outcomes.text)",
            ])
        }
        var blocks = [table.lines(style)]
        blocks.append(
            runs.flatMap { entry in
                entry.waits.map { "run \(entry.run.id.description.visible) " + style.paint("waits", .notable) + ": \($0.visible)" }
            }
        )
        blocks.append(
            runs.filter(\.state.isUnfinished).map { entry in
                "run \(entry.run.id.description.visible) was \(entry.state.words): continue it with `convoy resume \(entry.run.id.description.visible)`, "
                    + "or give it up with `convoy abandon \(entry.run.id.description.visible)`"
            }
        )
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }
}

extension RunsReport {
    /// The state of a run, with the first thing that it waits for: `running, gate canary 12 min`.
    private func words(for entry: Entry) -> String {
        guard entry.state == .running, let first = entry.holds.first else { return entry.state.words }
        let more = entry.holds.count == 1 ? "" : " +\(entry.holds.count - 1)"
        return "\(entry.state.words), \(first.words(at: generatedAt))\(more)"
    }
}

extension RunState {
    var words: String { self == .cutOff ? "cut off" : text }

    var emphasis: Emphasis {
        switch self {
        case .ended(.succeeded): .good
        case .running, .ended(.interrupted), .ended(.abandoned): .notable
        case .cutOff, .ended(.failed), .ended(.halted): .bad
        }
    }
}

extension Change {
    /// As one would ask for it: `migrate`, `rollback to 20240929084639`, `rollback of` a run.
    fileprivate var words: String {
        switch self {
        case .up(let version): version.map { "migrate to \($0)" } ?? "migrate"
        case .down(let version): "rollback to \(version)"
        case .downSteps(let steps): "rollback \(counted(steps, "step"))"
        case .undo(let run): "rollback of \(run)"
        case .revert: "rollback"
        case .baseline(let version): version.map { "baseline at \($0)" } ?? "baseline"
        case .repair(let version): version.map { "repair at \($0)" } ?? "repair"
        case .correct(let correction): correction.kind.rawValue
        }
    }
}
