import ArgumentParser
import ConvoyDashboard
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// `convoy runs`
struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the runs that the journal has, or show one of them.",
        discussion: """
            Only reads, also while a run goes on; touches no database.

              convoy runs                          the newest first
              convoy runs show                     the newest, as it stands now
              convoy runs show 20261122T1234       the one whose id begins so
              convoy runs show latest --events     what happened in it, line by line
              convoy runs durations                how long each migration took over the fleet
              convoy runs compare 20261121T2       what is different in the newest
            """,
        subcommands: [List.self, Show.self, Durations.self, Compare.self],
        defaultSubcommand: List.self
    )

    /// `convoy runs list`
    struct List: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "List runs, newest first.",
            discussion: """
                A run that has no end and that nobody works on is cut off: its process was killed, or the computer went down. \
                `convoy resume` goes on with it.
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Option(help: ArgumentHelp("At most so many.", valueName: "number"))
        var limit = 20

        func validate() throws {
            if limit < 1 { throw ValidationError("--limit must be at least 1") }
        }

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output)
            let access = try JournalAccess(options)
            var entries: [RunsReport.Entry] = []
            var damaged: [String] = []
            // One that was named must be there.
            if let journal = options.journal == nil ? try await access.openForReading() : try await access.openExisting(for: .reading) {
                damaged = try await access.explaining { () async throws(JournalError) in try await journal.damagedRuns() }
                for run in try await access.explaining({ () async throws(JournalError) in
                    try await journal.runs(limit: limit, fleet: access.fleet)
                }) {
                    let outcomes = try await access.explaining { () async throws(JournalError) in try await journal.outcomes(of: run.id) }
                    let state = try await access.state(of: run)
                    var waits: [String] = []
                    if state == .running {
                        waits = try await access.explaining { () async throws(JournalError) in
                            try await FleetReport.waits(of: run.id, in: journal)
                        }
                    }
                    entries.append(RunsReport.Entry(run: run, state: state, outcomes: outcomes, waits: waits))
                }
            }
            for id in damaged {
                StandardStreams.error.write(
                    "warning: left out run \(String(id.prefix(60)).visible): its record in \(access.path) is damaged\n"
                )
            }
            let report = RunsReport(journal: access.path, generatedAt: Date(), runs: entries)
            try settings.writeResult(table: report.table, json: { report.json })
            return .success
        }
    }

    /// `convoy runs show`
    struct Show: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a run as its own report does, as it stands now.",
            discussion: """
                With --events it shows what happened, line by line; with --events --output json each line is an event as JSON.
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Argument(help: ArgumentHelp("The run's id, the beginning of it, or latest.", valueName: "run"))
        var run = "latest"

        @Flag(help: "Show what happened instead of how things stand.")
        var events = false

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output)
            let access = try JournalAccess(options)
            let journal = try await access.openExisting(for: .reading)
            let record = try await access.run(run, .any, in: journal)
            if events {
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
                let (report, state) = try await access.report(on: record, in: journal)
                let since = try await access.since(record, report, in: journal)
                try settings.writeResult(
                    table: {
                        report.table($0, state: state, durations: report.migrationDurations, names: access.migrationNames)
                            + (since.isEmpty ? "" : "\n" + since.map { $0 + "\n" }.joined())
                    },
                    json: { report.json(state: state) }
                )
            }
            try StandardStreams.output.check()
            return .success
        }
    }
}
