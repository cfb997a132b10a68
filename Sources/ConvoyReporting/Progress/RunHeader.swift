internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// The lines that describe a run as a whole, on every screen that is drawn again and again: how far it is, its waves, and what it waits for.
///
/// Its cost does not grow with the fleet.
struct RunHeader: Sendable {
    typealias Line = (text: String, emphasis: Emphasis)

    var style: OutputStyle

    /// `6212/10000 done`, `32 running`, `3 not well`.
    func counts(_ log: RunLog) -> [String] {
        let total = log.waves.reduce(0) { $0 + $1.instances }
        var facts = ["\(log.finishedInstances)/\(total) done"]
        if !log.running.isEmpty { facts.append("\(log.running.count) running") }
        let bad = log.waves.reduce(0) { $0 + $1.outcomes.reduce(0) { $1.key.isGood ? $0 : $0 + $1.value } }
        if bad > 0 { facts.append("\(bad) not well") }
        return facts
    }

    /// A line for each wave; past waves make room for the current one.
    func waves(_ log: RunLog, limit: Int) -> [Line] {
        let nameWidth = min(24, log.waves.map { $0.name.visible.displayWidth }.max() ?? 0)
        let countWidth = log.waves.map { String($0.instances).count }.max() ?? 0
        let current = log.waves.firstIndex { $0.finished < $0.instances } ?? log.waves.count
        let first = max(0, min(current - limit / 2, log.waves.count - limit))
        return log.waves.dropFirst(first).prefix(limit).map { wave in
            let done = String(wave.finished)
            let padding = String(repeating: " ", count: max(0, countWidth - done.count))
            let text = "  \(padded(wave.name, to: nameWidth))  \(bar(wave))  \(padding)\(done)/\(wave.instances)"
            return (wave.outcomes.isEmpty ? text : "\(text)  \(wave.outcomes.text)", .none)
        }
    }

    func padded(_ name: String, to width: Int) -> String {
        let name = name.visible.shortened(to: width, marker: style.ellipsis)
        return name + String(repeating: " ", count: max(0, width - name.displayWidth))
    }

    func bar(_ wave: WaveLog) -> String {
        let width = (style.width ?? .max) < 72 ? 10 : 20
        let filled = wave.instances == 0 ? width : width * wave.finished / wave.instances
        let (full, empty) = style.usesUnicode ? ("█", "░") : ("#", ".")
        return String(repeating: full, count: filled) + String(repeating: empty, count: width - filled)
    }

    /// Why the run waits, or continues only in part.
    func waits(_ log: RunLog, _ now: Date) -> [Line] {
        var lines: [Line] = []
        if let gate = log.gate {
            let since = gate.openedAt.duration(to: now).clock
            let reason = gate.waitingFor.map { "waiting for \($0.visible)" } ?? "checking"
            lines.append(("  gate of \(gate.wave.visible)  \(since)  \(reason)", .notable))
        }
        if let until = log.closedUntil { lines.append(("  outside the maintenance window until \(until.human)", .notable)) }
        if !log.pausedServers.isEmpty { lines.append(("  paused: \(listed(log.pausedServers.keys.sorted(), limit: 5))", .notable)) }
        if log.status == nil {
            if log.isCancelling {
                lines.append(("  cancelling the instances in progress and rolling them back", .notable))
            } else if log.isStopping {
                lines.append(("  stopping: no new instances start, those in progress finish", .notable))
            } else if let reason = log.haltReason {
                lines.append(("  halted: \(reason.description.visible)", .bad))
            }
        }
        return lines
    }
}

extension InstanceLog {
    /// On one migration for longer than this, an instance is shown with it.
    private static let longStep: TimeInterval = 3

    /// What an instance in progress is doing: `waiting: …`, or `3/11 migrations, 20250407155134 for 1:58: CREATE INDEX drives 43 %, …`.
    func progress(at now: Date) -> String {
        if case .running(let reason?) = state { return "waiting: \(reason.visible)" }
        guard let pending else { return "looking" }
        let count = "\(appliedOfPlan)/\(pending.count) migrations"
        guard let current, let since = steppedAt, now.timeIntervalSince(since) >= Self.longStep else { return count }
        let step = "\(count), \(current) for \(since.duration(to: now).clock)"
        return activity.map { "\(step): \($0.text)" } ?? step
    }
}
