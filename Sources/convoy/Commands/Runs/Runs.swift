import ArgumentParser
import ConvoyDashboard
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy runs`
struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the runs in the journal, or show one of them.",
        discussion: """
            Connects to no database of the fleet. All but `prune` and `copy` only read the
            journal, also while a run is active.

              convoy runs                          list runs, newest first
              convoy runs show                     the newest run in its current state
              convoy runs show 20261122T1234       the run with this id prefix
              convoy runs show --watch             the newest run until it has ended
              convoy runs show latest --events     the events of the newest run
              convoy runs durations                how long each migration took
              convoy runs compare 20261121T2       what differs in the newest run
              convoy runs prune --keep 90d         remove old runs
              convoy runs copy                     copy runs to a control database
            """,
        subcommands: [List.self, Show.self, Durations.self, Compare.self, Prune.self, Copy.self],
        defaultSubcommand: List.self
    )

    /// `convoy runs list`
    struct List: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "List runs, newest first.",
            usage: "convoy runs list [<options>]",
            discussion: """
                A run is cut off if it did not end and no process works on it: its process was
                killed, or its machine went down. Continue it with `convoy resume`.
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Option(help: ArgumentHelp("Maximum number of runs to list.", valueName: "number"))
        var limit = 20

        func validate() throws {
            if limit < 1 { throw ValidationError("--limit must be at least 1") }
        }

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output, color: outputOptions.color)
            let access = try RunCatalog(options)
            var entries: [RunsReport.Entry] = []
            var damaged: [String] = []
            // A journal that was named must exist.
            if let journal = options.journal == nil ? try await access.openForReading() : try await access.openExisting(for: .reading) {
                damaged = try await access.explaining { () async throws(JournalError) in try await journal.damagedRuns() }
                let runs = try await access.explaining { () async throws(JournalError) in
                    try await journal.runs(limit: limit, fleet: access.fleet)
                }
                let immediate = try await access.explaining { () async throws(JournalError) in
                    try await journal.immediateRuns(among: runs.map(\.id))
                }
                for run in runs {
                    let state = try await access.state(of: run, in: journal)
                    entries.append(
                        try await access.explaining { () async throws(JournalError) in
                            try await RunsReport.Entry(run, state, isImmediate: immediate.contains(run.id), in: journal)
                        }
                    )
                }
            }
            for id in damaged {
                StandardStreams.error.write(
                    "warning: skipped run \(String(id.prefix(60)).visible): its record in \(access.path) is damaged\n"
                )
            }
            let report = RunsReport(journal: access.path, generatedAt: Date(), runs: entries)
            try settings.writeResult(table: report.table, json: { report.json })
            return .success
        }
    }
}
