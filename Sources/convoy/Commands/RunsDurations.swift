import ArgumentParser
import ConvoyDashboard
import ConvoyJournal
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

extension Runs {
    /// `convoy runs durations`
    struct Durations: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how long each migration took over the fleet: median, 95th percentile, longest, and where.",
            discussion: """
                All instances of the runs are taken together.

                  convoy runs durations                  the ten newest runs
                  convoy runs durations --last 1         the newest
                  convoy runs durations 20261122T1234    that one
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Argument(help: ArgumentHelp("The runs' ids, or how they begin, or latest.", valueName: "run"))
        var runs: [String] = []

        @Option(help: ArgumentHelp("So many of the newest runs, where none is named; without it 10.", valueName: "number"))
        var last: Int?

        func validate() throws {
            if let last, last < 1 { throw ValidationError("--last must be at least 1") }
            if last != nil, !runs.isEmpty { throw ValidationError("name runs, or give --last") }
        }

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output)
            let access = try JournalAccess(options)
            var report = DurationsReport(journal: access.path, generatedAt: Date(), runs: [], migrations: [], names: [:])
            if let journal = runs.isEmpty ? try await access.openForReading() : try await access.openExisting(for: .reading) {
                let runs = try await wanted(in: journal, access)
                report.runs = runs
                report.migrations = try await access.explaining { () async throws(JournalError) in try await journal.durations(of: runs) }
                report.names = access.migrationNames
            }
            try settings.writeResult(table: { report.table($0) }, json: { report.json })
            return .success
        }

        private func wanted(in journal: SQLiteJournal, _ access: JournalAccess) async throws -> [RunID] {
            var wanted: [RunID] = []
            for text in runs {
                let run = try await access.run(text, .any, in: journal).id
                // Named twice, its durations would count twice.
                if !wanted.contains(run) { wanted.append(run) }
            }
            guard runs.isEmpty else { return wanted }
            return try await access.explaining { () async throws(JournalError) in
                try await journal.runs(limit: last ?? 10, fleet: access.fleet).map(\.id)
            }
        }
    }
}
