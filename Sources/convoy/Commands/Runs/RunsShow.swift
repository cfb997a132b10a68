import ArgumentParser
import ConvoyDashboard
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRun
import ConvoyText
import FoundationEssentials

extension Runs {
    /// `convoy runs show`
    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the report of a run in its current state.",
            usage: "convoy runs show [<options>] [<run>]",
            discussion: """
                With --events it lists the events of the run, one per line; add --output json
                to print each event as a line of JSON.
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Argument(help: ArgumentHelp("Run id or unique prefix, or `latest`.", valueName: "run"), completion: .run(or: ["latest"]))
        var run = "latest"

        @Flag(help: "List the events instead of the report.")
        var events = false

        @Option(
            defaultAsFlag: WatchInterval.standard,
            help: ArgumentHelp(
                "Refresh at this interval until the run has ended or Ctrl-C. On a terminal the report is redrawn in place.",
                valueName: "interval"
            )
        )
        var watch: WatchInterval?

        func validate() throws {
            try watch?.check()
            guard watch != nil else { return }
            if events { throw ValidationError("--watch cannot be combined with --events") }
            if outputOptions.output != .table { throw ValidationError("--watch requires --output table") }
        }

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output, color: outputOptions.color)
            let access = try RunCatalog(options)
            let journal = try await access.openExisting(for: .reading)
            let record = try await access.run(run, .any, in: journal)
            if let watch {
                try await follow(record, every: watch, settings, access, journal)
            } else if events {
                let lines = ProgressLines(style: settings.style(of: StandardStreams.output))
                _ = try await access.report(on: record, in: journal) { recorded, report in
                    switch settings.output {
                    case .json: StandardStreams.output.write(recorded.json + "\n")
                    case .table:
                        guard let line = recorded.event.flatMap({ lines.line(for: $0, in: report) }) else { return }
                        StandardStreams.output.write(line + "\n")
                    }
                }
            } else {
                let look = try await look(at: record, access, journal)
                try settings.writeResult(table: look.table, json: { look.report.json(state: look.state) })
            }
            try StandardStreams.output.check()
            return .success
        }

        /// A run as the journal had it at a moment.
        private struct Look {
            var report: FleetReport
            /// What the journal knows in addition; see ``RunCatalog/report(on:in:_:)``.
            var state: RunState?
            /// What newer runs did to its instances.
            var since: [String]
            var names: [MigrationVersion: String]

            func table(_ style: OutputStyle) -> String {
                report.table(style, state: state, durations: report.migrationDurations, names: names)
                    + (since.isEmpty ? "" : "\n" + since.map { $0 + "\n" }.joined())
            }
        }

        private func look(at record: RunRecord, _ access: RunCatalog, _ journal: any RunStore) async throws -> Look {
            var (report, state) = try await access.report(on: record, in: journal)
            let set = access.migrationSet
            if let set { report.apply(set.releases) }
            let since = try await access.since(record, report, in: journal)
            return Look(report: report, state: state, since: since, names: set?.names ?? [:])
        }

        /// Shows the run again and again until no process works on it any more, and its last state once more where it stays.
        private func follow(
            _ run: RunRecord,
            every interval: WatchInterval,
            _ settings: Settings,
            _ access: RunCatalog,
            _ journal: any RunStore
        ) async throws {
            let screen = WatchScreen(write: StandardStreams.output.write)
            let watched = WatchedText(settings: settings, screen: screen, interval: interval)
            try await Interruption.handled(clearTerminal: screen.leave) { _ in
                defer { screen.leave() }
                var isFirst = true
                while true {
                    let now = Date()
                    let next = ContinuousClock.now + interval.duration
                    // It may have been resumed meanwhile, and so have a new record.
                    let record = try await access.run(run.id.description, .any, in: journal)
                    let look = try await look(at: record, access, journal)
                    let isOver = look.state != .running
                    if settings.canRedrawOutput {
                        if isOver { screen.leave() } else { try await watched.show(at: now, until: next, look.table) }
                    } else {
                        StandardStreams.output.write((isFirst ? "" : "\n") + "as of \(now.rfc3339)\n\n")
                    }
                    if isOver || !settings.canRedrawOutput {
                        StandardStreams.output.write(look.table(settings.style(of: StandardStreams.output)))
                    }
                    if isOver || StandardStreams.output.isClosed { return }
                    if !settings.canRedrawOutput { try await ContinuousClock().sleep(until: next) }
                    isFirst = false
                }
            }
        }
    }
}
