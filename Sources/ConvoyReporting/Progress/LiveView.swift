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

    /// Lines that fit the terminal; none before the run has begun.
    ///
    /// - Parameters:
    ///   - rate: instances a minute.
    ///   - timeLeft: nil if it cannot be estimated.
    func lines(_ report: FleetReport, rate: Double? = nil, timeLeft: TimeLeft? = nil, at now: Date) -> [String] {
        guard report.startedAt != nil else { return [] }
        let heading = heading(report, rate, timeLeft, now)
        let lines =
            [heading] + header.waves(report.log, limit: Self.waveLines) + header.waits(report.log, now) + running(report, now)
            + failures(report)
        // The view has an empty line above it, and a line as wide as the terminal, or as many lines as it has, would make it scroll.
        let height = style.height.map { max(1, $0 - 2) } ?? lines.count
        return lines.prefix(height).map { line in
            guard let width = style.width else { return style.paint(line.text, line.emphasis) }
            return style.paint(line.text.cut(to: max(1, width - 1), marker: style.ellipsis), line.emphasis)
        }
    }

    private typealias Line = RunHeader.Line

    private var header: RunHeader { RunHeader(style: style) }

    private func heading(_ report: FleetReport, _ rate: Double?, _ timeLeft: TimeLeft?, _ now: Date) -> Line {
        var facts = header.counts(report.log)
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

    /// The instances that have run the longest come first.
    private func running(_ report: FleetReport, _ now: Date) -> [Line] {
        let shown = report.running.prefix(Self.runningLines).compactMap(report.log.instance)
        let nameWidth = min(24, shown.map { $0.name.visible.displayWidth }.max() ?? 0)
        var lines: [Line] = shown.map { instance in
            let time = (instance.startedAt ?? now).duration(to: now).clock
            return ("  \(style.arrow) \(header.padded(instance.name, to: nameWidth))  \(time)  \(instance.progress(at: now))", .none)
        }
        if report.running.count > Self.runningLines { lines.append(("    and \(report.running.count - Self.runningLines) more", .faint)) }
        return lines
    }

    private func failures(_ report: FleetReport) -> [Line] {
        report.lastFailures.suffix(Self.failureLines).compactMap { name in
            guard let instance = report.instance(name), let failure = instance.failure else { return nil }
            return ("  ! \(name.visible)  \(instance.outcome.rawValue): \(failure.headline)", .bad)
        }
    }
}
