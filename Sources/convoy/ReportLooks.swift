import ConvoyDashboard
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// Probes a fleet, once or repeatedly, and shows the requested report each time.
struct ReportLooks: Sendable {
    /// The result of a probe.
    struct Look: Sendable {
        /// Includes all instances that were probed.
        var document: ReportDocument
        var exitCode: CommandExit
    }

    /// What a probe may write.
    private enum Manner: Sendable {
        /// Warnings and progress go to standard error.
        case telling
        /// Only the report may be written, because the terminal is redrawn.
        case quiet
    }

    /// The parts of the fleet file that a report needs.
    enum Need {
        /// Its connections, with every secret.
        case databases
        /// Where the journal is.
        case journal
    }

    private let options: ReportOptions
    private let output: ReportOutput
    private let settings: Settings
    private let screen = WatchScreen(write: StandardStreams.output.write)

    init(_ options: ReportOptions, _ settings: Settings) throws {
        self.options = options
        self.settings = settings
        output = try ReportOutput(options.outputOptions)
    }

    /// Reads the fleet file, probes the fleet and shows the result; with --watch repeats this until Ctrl-C, or until standard output is closed.
    ///
    /// - Parameters:
    ///   - need: the parts of the fleet file that the report needs.
    ///   - look: probes the fleet, also while the previous result is still shown.
    /// - Returns: the exit code of the last probe.
    func run(needing need: Need = .databases, _ look: (FleetSession) async throws -> Look) async throws -> CommandExit {
        let session = try need == .journal ? FleetSession(reading: settings) : FleetSession(settings)
        try output.check(session)
        let clearTerminal: @Sendable () -> Void = { [statusLine = session.statusLine, screen] in
            screen.leave()
            statusLine.clear()
        }
        return try await Interruption.handled(clearTerminal: clearTerminal) { _ in
            try await write { try await look($0 == .quiet ? session.quiet : session) }
        }
    }

    private func write(_ look: (Manner) async throws -> Look) async throws -> CommandExit {
        var current = try await look(.telling)
        guard let interval = options.watch else {
            try output.write(text(current.document, output.style(settings), at: Date()))
            return current.exitCode
        }
        defer { screen.leave() }
        let redraws = output.isStandardOutput && output.format == .table && settings.canRedrawOutput
        var isFirst = true
        while true {
            let now = Date()
            let clock = ContinuousClock()
            let next = clock.now + interval.duration
            if redraws {
                try await watched(interval).show(at: now, until: next) { text(current.document, $0, at: now) }
            } else {
                try output.write(separator(isFirst, now) + text(current.document, output.style(settings), at: now))
                if StandardStreams.output.isClosed { return current.exitCode }
                try await clock.sleep(until: next)
            }
            isFirst = false
            current = try await look(.quiet)
        }
    }

    private func watched(_ interval: WatchInterval) -> WatchedText {
        // A summary has no line of totals.
        WatchedText(
            settings: settings,
            screen: screen,
            interval: interval,
            keptLines: options.summary ? 0 : 1,
            advice: options.summary ? "" : ": use --summary, --outcome or --by"
        )
    }

    /// The line before a report if several follow each other; a line of JSON has its own time.
    private func separator(_ isFirst: Bool, _ now: Date) -> String {
        guard output.isStandardOutput, output.format == .table else { return "" }
        return (isFirst ? "" : "\n") + "as of \(now.rfc3339)\n\n"
    }

    private func text(_ document: ReportDocument, _ style: OutputStyle, at now: Date) -> String {
        var document = document
        document.report = options.filter.applied(to: document.report)
        options.columns?.choose(in: &document.report, for: output.format)
        if options.summary { return document.report.summaryScreen(style, state: document.state) }
        if let grouping = options.by { return GroupsReport(document.report, by: grouping).text(output.format, style, at: now) }
        return document.text(output.format, style, at: now)
    }
}
