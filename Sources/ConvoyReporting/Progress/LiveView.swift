internal import ConvoyMigrations
internal import ConvoyRollout
internal import FoundationEssentials

/// The run as a few lines that are drawn over and over: the whole, each wave with a bar, what runs now, the last failures.
struct LiveView: Sendable {
    var style: OutputStyle

    private static let barWidth = 20
    private static let runningLines = 4
    private static let failureLines = 3
    private static let waveLines = 8

    /// Lines that fit the terminal; none before the run has begun.
    func lines(_ report: FleetReport, at now: Date) -> [String] {
        guard report.startedAt != nil else { return [] }
        let lines = [heading(report, now)] + waves(report) + running(report) + failures(report)
        // A line as wide as the terminal, or as many lines as it has, would make it scroll.
        let height = style.height.map { max(1, $0 - 1) } ?? lines.count
        return lines.prefix(height).map { line in
            guard let width = style.width else { return style.paint(line.text, line.emphasis) }
            return style.paint(line.text.cut(to: max(1, width - 1), marker: style.ellipsis), line.emphasis)
        }
    }

    private typealias Line = (text: String, emphasis: Emphasis)

    private func heading(_ report: FleetReport, _ now: Date) -> Line {
        let elapsed: Duration = report.duration(at: now)
        let done = report.finishedInstances
        let total = report.instances.count
        var facts = ["\(done)/\(total) done"]
        if !report.running.isEmpty { facts.append("\(report.running.count) running") }
        let bad = report.waves.reduce(0) { $0 + $1.outcomes.reduce(0) { $1.key.isGood ? $0 : $0 + $1.value } }
        if bad > 0 { facts.append("\(bad) not well") }
        // An estimate from the first moments says more about start-up than about the fleet.
        if done > 0, done < total, elapsed >= .seconds(2) {
            facts.append("about \(Duration.seconds(max(1, (elapsed / done * (total - done)).components.seconds)).human) left")
        }
        if report.haltReason != nil { facts.append("halted") }
        return ("\(report.fleet.visible)  \(elapsed.clock)  \(facts.joined(separator: ", "))", .heading)
    }

    private func waves(_ report: FleetReport) -> [Line] {
        let nameWidth = min(24, report.waves.map { $0.name.visible.displayWidth }.max() ?? 0)
        // Past waves make room for the current one.
        let current = report.waves.firstIndex { $0.finished < $0.instances } ?? report.waves.count
        let first = max(0, min(current - Self.waveLines / 2, report.waves.count - Self.waveLines))
        return report.waves.dropFirst(first).prefix(Self.waveLines).map { wave in
            let name = wave.name.visible.shortened(to: nameWidth, marker: style.ellipsis)
            let padding = String(repeating: " ", count: nameWidth - name.displayWidth)
            let text = "  \(name)\(padding)  \(bar(wave))  \(wave.finished)/\(wave.instances)"
            return (wave.outcomes.isEmpty ? text : "\(text)  \(wave.outcomes.text)", .none)
        }
    }

    private func bar(_ wave: WaveReport) -> String {
        let filled = wave.instances == 0 ? Self.barWidth : Self.barWidth * wave.finished / wave.instances
        let (full, empty) = style.usesUnicode ? ("█", "░") : ("#", ".")
        return String(repeating: full, count: filled) + String(repeating: empty, count: Self.barWidth - filled)
    }

    private func running(_ report: FleetReport) -> [Line] {
        var lines: [Line] = report.running.prefix(Self.runningLines).compactMap { name in
            report.instance(name).map { ("  \(style.arrow) \(name.visible)  \(activity(of: $0))", .none) }
        }
        if report.running.count > Self.runningLines {
            lines.append(("    and \(report.running.count - Self.runningLines) more", .faint))
        }
        return lines
    }

    private func activity(of instance: InstanceReport) -> String {
        if case .running(let reason?) = instance.state { return "waiting: \(reason.visible)" }
        guard let pending = instance.pending else { return "looking" }
        let last = instance.applied.last.map { ", \($0.version) done" } ?? ""
        return "\(instance.applied.count)/\(pending.count) migrations\(last)"
    }

    private func failures(_ report: FleetReport) -> [Line] {
        report.lastFailures.suffix(Self.failureLines).compactMap { name in
            guard let instance = report.instance(name), let failure = instance.failure else { return nil }
            return ("  ! \(name.visible)  \(instance.outcome.rawValue): \(failure.headline)", .bad)
        }
    }
}
