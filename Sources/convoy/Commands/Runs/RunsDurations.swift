import ArgumentParser
import ConvoyDashboard
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

extension Runs {
    /// `convoy runs durations`
    struct Durations: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how long each migration took: median, 95th percentile, longest.",
            usage: "convoy runs durations [<options>] [<run> ...]",
            discussion: """
                Combines all instances of the runs, and names the instance on which each
                migration took longest.

                  convoy runs durations                  the ten newest runs
                  convoy runs durations --last 1         the newest run
                  convoy runs durations 20261122T1234    the run with this id prefix
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Argument(help: ArgumentHelp("Run ids or unique prefixes, or `latest`.", valueName: "run"), completion: .run(or: ["latest"]))
        var runs: [String] = []

        @Option(help: ArgumentHelp("Number of newest runs to combine if no run is named (default: 10).", valueName: "number"))
        var last: Int?

        func validate() throws {
            if let last, last < 1 { throw ValidationError("--last must be at least 1") }
            if last != nil, !runs.isEmpty { throw ValidationError("--last cannot be combined with run ids") }
        }

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output, color: outputOptions.color)
            let access = try RunCatalog(options)
            var report = DurationsReport(journal: access.path, generatedAt: Date(), runs: [], migrations: [], names: [:])
            if let journal = runs.isEmpty ? try await access.openForReading() : try await access.openExisting(for: .reading) {
                let runs = try await wanted(in: journal, access)
                report.runs = runs
                report.migrations = try await access.explaining { () async throws(JournalError) in try await journal.durations(of: runs) }
                report.names = access.migrationSet?.names ?? [:]
            }
            try settings.writeResult(table: { report.table($0) }, json: { report.json })
            return .success
        }

        private func wanted(in journal: any RunStore, _ access: RunCatalog) async throws -> [RunID] {
            var wanted: [RunID] = []
            for text in runs {
                let run = try await access.run(text, .any, in: journal).id
                // The durations of a run that is named twice count once.
                if !wanted.contains(run) { wanted.append(run) }
            }
            guard runs.isEmpty else { return wanted }
            return try await access.explaining { () async throws(JournalError) in
                try await journal.runs(limit: last ?? 10, fleet: access.fleet).map(\.id)
            }
        }
    }
}
