import ArgumentParser
import ConvoyKit
import ConvoyReporting

/// `convoy describe`
struct Describe: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what is known of one instance, on one page.",
        usage: "convoy describe [<options>] <instance>",
        discussion: """
            Probes the instance over one connection, and reads the journal: its version
            and since when, what is due and how long that usually takes in this fleet,
            who holds its lock, the newest runs, and what failed last. Takes no lock and
            writes nothing.

              convoy describe alice
              convoy describe alice --output json | jq '.pending | length'

            The exit code is that of `convoy status` for the instance: 69 if it cannot be
            reached, 1 if it is not well, and otherwise 0.
            """
    )

    @OptionGroup var file: FleetFileOption
    @OptionGroup var outputOptions: OutputOptions

    @Argument(help: ArgumentHelp("Name of an instance.", valueName: "instance"), completion: .instance)
    var instance: String

    func execute() async throws -> CommandExit {
        let settings = Settings(file, output: outputOptions.output, color: outputOptions.color)
        let session = try FleetSession(settings)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { _ in
            let description = try await session.client.describe(instance)
            try settings.writeResult(table: description.table, json: { description.json })
            return CommandExit(outcomes: [description.status.judgedOutcome])
        }
    }
}
