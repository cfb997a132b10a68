import ArgumentParser
import ConvoyDashboard
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

extension Runs {
    /// `convoy runs compare`
    struct Compare: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare two runs: durations, outcomes, failures.",
            usage: "convoy runs compare [<options>] <first> [<second>]",
            discussion: """
                The ratio of a migration is its duration in the second run divided by its
                duration in the first.

                  convoy runs compare 20261121T2 latest
                  convoy runs compare 20261121T2 latest --output json | jq '.failures.new'
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Argument(
            help: ArgumentHelp("First run: its id or unique prefix, or `latest`.", valueName: "first"),
            completion: .run(or: ["latest"])
        )
        var first: String

        @Argument(help: ArgumentHelp("Second run, in the same form.", valueName: "second"), completion: .run(or: ["latest"]))
        var second = "latest"

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output, color: outputOptions.color)
            let access = try RunCatalog(options)
            let journal = try await access.openExisting(for: .reading)
            var records: [RunRecord] = []
            for text in [first, second] { records.append(try await access.run(text, .any, in: journal)) }
            guard Set(records.map(\.id)).count > 1 else {
                throw CommandFailure(
                    .usage,
                    "“\(first)” and “\(second)” are the same run \(records[0].id)",
                    hint: "name two runs; `convoy runs` lists them"
                )
            }
            var sides: [RunComparison.Side] = []
            for record in records {
                let (report, state) = try await access.report(on: record, in: journal)
                sides.append(RunComparison.Side(report: report, state: state))
            }
            let comparison = RunComparison(sides[0], sides[1])
            let names = access.migrationSet?.names ?? [:]
            try settings.writeResult(table: { comparison.table($0, names: names) }, json: { comparison.json(names: names, at: Date()) })
            return .success
        }
    }
}
