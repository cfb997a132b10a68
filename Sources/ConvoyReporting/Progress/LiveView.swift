internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// The run as a few lines that are drawn over and over: the whole, each wave with a bar, what it waits for, what runs now, the last failures.
///
/// Its cost does not grow with the fleet: it reads only what it shows.
struct LiveView: Sendable {
    var style: OutputStyle

    private static let runningLines = 4
    private static let failureLines = 3
    private static let waveLines = 8
    /// On one migration for longer than this, an instance is shown with it.
    private static let longStep: TimeInterval = 3

    /// Lines that fit the terminal; none before the run has begun.
    ///
    /// - Parameters:
    ///   - rate: instances a minute.
    ///   - timeLeft: nil if it cannot be estimated.
    func lines(_ report: FleetReport, rate: Double? = nil, timeLeft: TimeLeft? = nil, at now: Date) -> [String] {
        guard report.startedAt != nil else { return [] }
        let heading = heading(report, rate, timeLeft, now)
        let lines = [heading] + waves(report) + waits(report, now) + running(report, now) + failures(report)
        // The view has an empty line above it, and a line as wide as the terminal, or as many lines as it has, would make it scroll.
        let height = style.height.map { max(1, $0 - 2) } ?? lines.count
        return lines.prefix(height).map { line in
            guard let width = style.width else { return style.paint(line.text, line.emphasis) }
            return style.paint(line.text.cut(to: max(1, width - 1), marker: style.ellipsis), line.emphasis)
        }
    }

    private typealias Line = (text: String, emphasis: Emphasis)

    private func heading(_ report: FleetReport, _ rate: Double?, _ timeLeft: TimeLeft?, _ now: Date) -> Line {
        let total = report.waves.reduce(0) { $0 + $1.instances }
        var facts = ["\(report.finishedInstances)/\(total) done"]
        if !report.running.isEmpty { facts.append("\(report.running.count) running") }
        let bad = report.waves.reduce(0) { $0 + $1.outcomes.reduce(0) { $1.key.isGood ? $0 : $0 + $1.value } }
        if bad > 0 { facts.append("\(bad) not well") }
        if let status = report.status {
            facts.append(status.rawValue)
        } else {
            if !report.running.isEmpty, let rate { facts.append(Self.text(rate: rate)) }
            if let timeLeft { facts.append(timeLeft.text) }
        }
        return ("\(report.fleet.visible)  \(report.log.duration(at: now).clock)  \(facts.joined(separator: ", "))", .heading)
    }

    private static func text(rate: Double) -> String {
        rate >= 1 ? "\(Int(clamping: rate.rounded()))/min" : "\(Int(clamping: (rate * 60).rounded()))/h"
    }

    private func waves(_ report: FleetReport) -> [Line] {
        let nameWidth = min(24, report.waves.map { $0.name.visible.displayWidth }.max() ?? 0)
        let countWidth = report.waves.map { String($0.instances).count }.max() ?? 0
        // Past waves make room for the current one.
        let current = report.waves.firstIndex { $0.finished < $0.instances } ?? report.waves.count
        let first = max(0, min(current - Self.waveLines / 2, report.waves.count - Self.waveLines))
        return report.waves.dropFirst(first).prefix(Self.waveLines).map { wave in
            let done = String(wave.finished)
            let padding = String(repeating: " ", count: max(0, countWidth - done.count))
            let text = "  \(padded(wave.name, to: nameWidth))  \(bar(wave))  \(padding)\(done)/\(wave.instances)"
            return (wave.outcomes.isEmpty ? text : "\(text)  \(wave.outcomes.text)", .none)
        }
    }

    private func padded(_ name: String, to width: Int) -> String {
        let name = name.visible.shortened(to: width, marker: style.ellipsis)
        return name + String(repeating: " ", count: max(0, width - name.displayWidth))
    }

    private func bar(_ wave: WaveLog) -> String {
        let width = (style.width ?? .max) < 72 ? 10 : 20
        let filled = wave.instances == 0 ? width : width * wave.finished / wave.instances
        let (full, empty) = style.usesUnicode ? ("█", "░") : ("#", ".")
        return String(repeating: full, count: filled) + String(repeating: empty, count: width - filled)
    }

    /// Why the run waits, or continues only in part.
    private func waits(_ report: FleetReport, _ now: Date) -> [Line] {
        var lines: [Line] = []
        if let gate = report.gate {
            let since = gate.openedAt.duration(to: now).clock
            let reason = gate.waitingFor.map { "waiting for \($0.visible)" } ?? "checking"
            lines.append(("  gate of \(gate.wave.visible)  \(since)  \(reason)", .notable))
        }
        if let until = report.closedUntil { lines.append(("  outside the maintenance window until \(until.human)", .notable)) }
        if !report.pausedServers.isEmpty { lines.append(("  paused: \(listed(report.pausedServers.keys.sorted(), limit: 5))", .notable)) }
        if report.status == nil {
            if report.isCancelling {
                lines.append(("  cancelling the instances in progress and rolling them back", .notable))
            } else if report.isStopping {
                lines.append(("  stopping: no new instances start, those in progress finish", .notable))
            } else if let reason = report.haltReason {
                lines.append(("  halted: \(reason.description.visible)", .bad))
            }
        }
        return lines
    }

    /// The instances that have run the longest come first.
    private func running(_ report: FleetReport, _ now: Date) -> [Line] {
        let shown = report.running.prefix(Self.runningLines).compactMap(report.instance)
        let nameWidth = min(24, shown.map { $0.name.visible.displayWidth }.max() ?? 0)
        var lines: [Line] = shown.map { instance in
            let time = (instance.startedAt ?? now).duration(to: now).clock
            return ("  \(style.arrow) \(padded(instance.name, to: nameWidth))  \(time)  \(activity(of: instance, now))", .none)
        }
        if report.running.count > Self.runningLines { lines.append(("    and \(report.running.count - Self.runningLines) more", .faint)) }
        return lines
    }

    private func activity(of instance: InstanceReport, _ now: Date) -> String {
        if case .running(let reason?) = instance.state { return "waiting: \(reason.visible)" }
        guard let pending = instance.pending else { return "looking" }
        let count = "\(instance.appliedOfPlan)/\(pending.count) migrations"
        guard let current = instance.current, let since = instance.steppedAt, now.timeIntervalSince(since) >= Self.longStep else {
            return count
        }
        let step = "\(count), \(current) for \(since.duration(to: now).clock)"
        return instance.activity.map { "\(step): \($0.text)" } ?? step
    }

    private func failures(_ report: FleetReport) -> [Line] {
        report.lastFailures.suffix(Self.failureLines).compactMap { name in
            guard let instance = report.instance(name), let failure = instance.failure else { return nil }
            return ("  ! \(name.visible)  \(instance.outcome.rawValue): \(failure.headline)", .bad)
        }
    }
}
