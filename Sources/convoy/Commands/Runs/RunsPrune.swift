import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import FoundationEssentials

extension Runs {
    /// `convoy runs prune`
    struct Prune: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove old runs from the journal.",
            usage: "convoy runs prune --keep <number|age> [<options>]",
            discussion: """
                Shows what goes and asks for confirmation, then removes the runs and gives
                their space back. Never removed are active runs, runs that can be resumed,
                the newest run of the fleet, and the newest run of each instance.

                  convoy runs prune --keep 90d --dry-run   what would go
                  convoy runs prune --keep 500 --yes       no question

                `journal_keep` in the fleet file does the same after each run.
                """
        )

        @OptionGroup var options: JournalOptions
        @OptionGroup var outputOptions: OutputOptions

        @Option(
            help: ArgumentHelp(
                "Keep this many of the newest runs, for example 500, or the runs of this time, for example 90d.",
                valueName: "number|age"
            ),
            transform: { text in
                guard let keep = JournalKeep(text: text) else { throw ValidationError("--keep must be \(JournalKeep.expectation)") }
                return keep
            }
        )
        var keep: JournalKeep

        @Flag(help: "Show what would be removed and change nothing.")
        var dryRun = false

        @Flag(name: [.customShort("y"), .long], help: "Answer yes to the question. Required without a terminal.")
        var yes = false

        func execute() async throws -> CommandExit {
            let settings = Settings(options.file, output: outputOptions.output)
            guard dryRun || yes || settings.canAsk else {
                throw CommandFailure(
                    .usage,
                    "this command removes runs, and there is no terminal to ask for confirmation",
                    hint: "preview it with --dry-run, then add --yes"
                )
            }
            let catalog = try RunCatalog(options)
            let journal = try await catalog.openExisting(for: dryRun ? .reading : .writing)
            let prunable = try await catalog.prunable(keep, at: Date(), in: journal)
            var report = PruneReport(
                journal: catalog.path,
                generatedAt: Date(),
                isDryRun: true,
                removed: prunable.runs,
                kept: prunable.kept,
                protected: prunable.protected
            )
            if !dryRun {
                if !yes, !prunable.runs.isEmpty {
                    StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error)))
                    try await Confirmation.ask(report.question)
                }
                let pruned = try await catalog.prune(prunable, in: journal)
                report = PruneReport(
                    journal: catalog.path,
                    generatedAt: Date(),
                    isDryRun: false,
                    removed: pruned.removed,
                    kept: pruned.kept,
                    protected: prunable.protected,
                    bytes: (pruned.before, pruned.after),
                    isStillInUse: pruned.isStillInUse
                )
            }
            try settings.writeResult(table: { report.table($0) }, json: { report.json })
            return .success
        }
    }
}
