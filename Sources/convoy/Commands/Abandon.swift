import ArgumentParser
import ConvoyJournal
import ConvoyKit
import ConvoyRun

/// `convoy abandon`
struct Abandon: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Abandon an interrupted or halted run.",
        discussion: """
            The run can no longer be resumed. No database is changed; `convoy status`
            shows the version of each instance. End an active run with `convoy stop`
            first, unless no worker takes it.
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "Run id or unique prefix.", completion: .run)
    var run: String

    func execute() async throws -> CommandExit {
        let access = try RunCatalog(journalOptions)
        let journal = try await access.openExisting(for: .writing)
        let abandoned = try await access.abandon(run, by: Operator.current, in: journal)
        var text = "run \(abandoned.run) is abandoned; `convoy status` shows the version of each instance\n"
        if let advice = abandoned.advice { text += advice + "\n" }
        StandardStreams.error.write(text)
        return .success
    }
}
