import ConvoyDashboard
import ConvoyText
import FoundationEssentials

/// A text on a terminal that is drawn anew at an interval, and whenever the terminal's size changes.
struct WatchedText: Sendable {
    let settings: Settings
    let screen: WatchScreen
    let interval: WatchInterval
    /// How many lines at the end are kept if there are more than the terminal has, because they have the totals.
    var keptLines = 1
    /// What follows the count of the lines that are left out: how to see fewer.
    var advice = ""

    /// Draws until then what `text` gives for the present size of the terminal.
    ///
    /// - Parameter now: when what is shown was read.
    func show(at now: Date, until end: ContinuousClock.Instant, _ text: (OutputStyle) -> String) async throws {
        let clock = ContinuousClock()
        var drawn: OutputStyle?
        while true {
            let style = settings.style(of: StandardStreams.output)
            if style != drawn {
                screen.draw(lines(text(style), style, at: now))
                drawn = style
            }
            guard clock.now < end else { return }
            try await clock.sleep(until: min(end, clock.now + .milliseconds(200)))
        }
    }

    /// At most as many lines as the terminal has, with a heading. If there are more, those before the last ones are left out.
    private func lines(_ text: String, _ style: OutputStyle, at now: Date) -> [String] {
        let heading = "as of \(now.rfc3339.prefix(19))Z, refreshed every \(interval); press Ctrl-C to end"
        let height = max(6, style.height ?? 24)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        let room = height - (lines.count == height - 1 ? 1 : 2)
        if lines.count > room {
            let left = lines.count - room + 1 + keptLines
            lines = lines.prefix(room - 1 - keptLines) + ["… \(left) more lines\(advice)"] + lines.suffix(keptLines)
        }
        return ([heading] + (lines.count < height - 1 ? [""] : []) + lines).map { line in
            style.width.map { line.cutKeepingPaint(to: $0, marker: style.ellipsis) } ?? line
        }
    }
}
