import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyRun
import ConvoyText

/// `convoy control`
struct Control: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prepare the control database.",
        discussion: """
            A control database is a PostgreSQL database in which many machines share runs,
            instead of a journal on one of them: `control:` in the fleet file names it.

              convoy control prepare --grant-to convoy_worker
            """,
        subcommands: [Prepare.self]
    )

    /// `convoy control prepare`
    struct Prepare: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create the tables of the control database, or update them.",
            usage: "convoy control prepare [--grant-to <role>] [<options>]",
            discussion: """
                Needs a role that may create the schema `convoy_control`. Where there are no
                tables, every command that writes runs creates them by itself, if its role may.
                Only this command updates them, after an update of Convoy: the older Convoy
                cannot use them any more. Runs that have not ended are named. With a role that
                may not create anything, prepare the database with another one:

                  convoy control prepare --journal postgresql://owner@db-1/convoy \\
                      --grant-to convoy_worker
                """
        )

        @OptionGroup var options: JournalOptions

        @Option(
            help: ArgumentHelp("Give this role the least rights that it needs to work with the tables.", valueName: "role")
        )
        var grantTo: String?

        func execute() async throws -> CommandExit {
            let catalog = try RunCatalog(options)
            try await catalog.prepareControlDatabase(grantingTo: grantTo)
            StandardStreams.output.write(
                "\(catalog.path): the tables are ready" + (grantTo.map { ", and \($0.visible) may use them" } ?? "") + "\n"
            )
            return .success
        }
    }
}
