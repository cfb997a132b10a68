import ArgumentParser
import ConvoyKit
import ConvoyReporting
import ConvoyRun

/// `convoy top`
struct Top: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into a run on the full screen, while it is in progress or later.",
        usage: "convoy top [<options>] [<run>]",
        discussion: """
            Lists the instances of the run, to filter and to sort; Enter opens one, then
            one of its migrations. The last line shows the keys. Only reads the journal
            and connects to no database; leaving it with q or Ctrl-C does not affect the
            run.

              convoy top                    the active run, otherwise the newest one
              convoy top 20261122T1234      the run with this id prefix
              convoy top --allow-actions    also approve, pause and stop; each asks first

            A filter is a part of a name, server, wave or state, or a selector such as
            state=failed,name~team-* (labels are those of the fleet file).
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @OptionGroup var colorOption: ColorOption

    @Flag(help: "Let keys approve a gate, pause or resume a server, and stop the run. Each asks for confirmation.")
    var allowActions = false

    @Argument(help: "Run id or unique prefix, or `latest` (default: the newest active run, otherwise the newest one).")
    var run: String?

    func execute() async throws -> CommandExit {
        let settings = Settings(journalOptions.file, color: colorOption.color)
        guard StandardStreams.isInputTerminal, settings.canRedrawOutput else {
            throw CommandFailure(
                .usage,
                "convoy top needs a terminal for its keys and its screen",
                hint: "without one, `convoy runs show --watch` prints the run repeatedly, and `convoy wait` waits for it"
            )
        }
        let fleet = journalOptions.journal == nil ? try FleetOutline.load(settings) : nil
        let catalog = try fleet.map { RunCatalog($0) } ?? RunCatalog(journalOptions)
        let journal = try await catalog.openExisting(for: .reading)
        let record =
            if let run { try await catalog.run(run, .any, in: journal) } else { try await catalog.currentRun(in: journal) }
        let session = TopSession(
            settings: settings,
            catalog: catalog,
            instances: fleet?.instances ?? [],
            follower: RunFollower(record, in: journal),
            allowsActions: allowActions
        )
        return try await session.run()
    }
}
