import ArgumentParser
import ConvoyFleet
import ConvoyKit

extension Runs {
    /// `convoy runs copy`
    struct Copy: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the journal's runs into the control database.",
            usage: "convoy runs copy [--from <journal>] [--to <url>] [<options>]",
            discussion: """
                Copies every run of the journal with its plan, its events and its requests,
                each run as a whole. If it is ended early, the same command continues it.
                Runs that are there already are left as they are. While a run of the journal
                is active, nothing is copied. The journal itself stays unchanged.

                  convoy runs copy                                  into `control:`
                  convoy runs copy --from old/journal.sqlite
                  convoy runs copy --to postgresql://convoy@db-1/convoy
                """
        )

        @OptionGroup var file: FleetFileOption

        @Option(
            help: ArgumentHelp(
                "Journal whose runs are copied (default: the fleet file's, or with `control:` the one beside the fleet file).",
                valueName: "journal"
            ),
            completion: .file()
        )
        var from: String?

        @Option(
            help: ArgumentHelp(
                "Control database, as a URL without a password (default: the one that the fleet file names).",
                valueName: "url"
            )
        )
        var to: String?

        func execute() async throws -> CommandExit {
            let settings = Settings(file)
            let fleet = try from == nil || to == nil ? FleetOutline.load(settings) : nil
            let source = try from.map(JournalPlace.named) ?? .file(fleet?.journalFile ?? Fleet.defaultJournal)
            guard let target = try to.map(JournalPlace.named) ?? fleet?.control.map(JournalPlace.control) else {
                throw CommandFailure(
                    .usage,
                    "the fleet file names no control database",
                    hint: "add `control:` to it, or name the database with --to"
                )
            }
            let catalog = RunCatalog(journal: source) { StandardStreams.error.write($0.line) }
            let summary = try await RunCopy(from: catalog, to: target).perform()
            for run in summary.different {
                StandardStreams.error.write("warning: run \(run) is there already with other events; it is left as it is\n")
            }
            var text = "copied \(count(summary.copied.count, "run")) with \(count(summary.events, "event"))"
            text += " and \(count(summary.requests, "request")) from \(source.text) to \(target.text)"
            if !summary.present.isEmpty {
                text += "; \(count(summary.present.count, "run")) \(summary.present.count == 1 ? "was" : "were") there already"
            }
            StandardStreams.output.write(text + "\n")
            return .success
        }

        private func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
    }
}
