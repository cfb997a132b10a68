import ArgumentParser
import ConvoyKit
import ConvoyReporting

/// `convoy history`
struct History: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what runs did to one instance.",
        usage: "convoy history [<options>] <instance>",
        discussion: """
            Lists each run of the journal that worked on the instance, newest first, and
            the rows of the audit log in its database (convoy.migration_log). Takes no
            lock and writes nothing.

              convoy history alice
              convoy history alice --no-probe
              convoy history alice --output json | jq '.runs[0].outcome'
            """
    )

    @OptionGroup var file: FleetFileOption
    @OptionGroup var outputOptions: OutputOptions

    @Flag(help: "Connect to no database: show only what the journal contains.")
    var noProbe = false

    @Option(help: ArgumentHelp("Maximum number of runs, and of rows of the audit log, to list.", valueName: "number"))
    var limit = 20

    @Argument(help: ArgumentHelp("Name of an instance.", valueName: "instance"), completion: .instance)
    var instance: String

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func execute() async throws -> CommandExit {
        let settings = Settings(file, output: outputOptions.output, color: outputOptions.color)
        let session = try noProbe ? FleetSession(reading: settings) : FleetSession(settings)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { _ in
            let history = try await session.client.history(of: instance, limit: limit, from: noProbe ? .journal : .databases)
            try settings.writeResult(table: history.table, json: { history.json })
            return .success
        }
    }
}
