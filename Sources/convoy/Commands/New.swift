import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy new`
struct New: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the file of a new migration; touches no database.",
        discussion: """
            Makes <version>_<name>.sql with two empty sections in the directory of migrations, and prints its path. `validate` and all \
            other commands refuse the set until both sections are filled in. No file is ever overwritten.

              convoy new add_nickname_to_cars
              convoy new add_nickname_to_cars --version 20270214103000
              convoy new index_drives_by_car --no-transaction
              convoy new forget_old_addresses --irreversible 'they are gone'

            A migration that brings a TeslaMate release to the fleet takes the very version of TeslaMate's own, with --version: by that \
            number each of the two knows what the other has applied.
            """
    )

    @Argument(help: "What it does, in snake case, for example add_nickname_to_cars.")
    var name: String

    @OptionGroup var fleetFile: FleetFileOption

    @Option(
        help: ArgumentHelp("Where to make it, instead of the fleet file's directory; the fleet file is not read then.", valueName: "folder")
    )
    var directory: String?

    @Option(
        help: ArgumentHelp("Its version, instead of the time in UTC as YYYYMMDDhhmmss.", valueName: "version"),
        transform: MigrationVersion.init(argument:)
    )
    var version: MigrationVersion?

    @Flag(
        help: """
            For one statement that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY. It may run twice, where Convoy is cut off: \
            one that could run in a transaction needs -- convoy:repeatable above it.
            """
    )
    var noTransaction = false

    @Option(help: ArgumentHelp("Why there is no way back.", valueName: "reason"))
    var irreversible: String?

    func execute() async throws -> CommandExit {
        let migrations = try directory ?? directoryOfTheFleet()
        do {
            let migration = try NewMigration(
                named: name,
                in: migrations,
                displayedAs: migrations,
                version: version,
                at: Date(),
                form: NewMigration.Form(isTransactional: !noTransaction, irreversible: irreversible)
            )
            try migration.write()
            StandardStreams.output.write(migration.path + "\n")
            StandardStreams.error.write(migration.notes.map { "note: \($0)\n" }.joined() + nextSteps)
        } catch let refusal as NewMigrationRefusal {
            throw CommandFailure(.usage, refusal.message, hint: refusal.hint)
        }
        try StandardStreams.output.check()
        return .success
    }

    private func directoryOfTheFleet() throws -> String {
        try FleetOutline.load(Settings(fleetFile)).migrations
    }

    private var nextSteps: String {
        let content = irreversible == nil ? "what it does below `-- migrate:up` and the way back in place of the last line" : "what it does"
        return """
            next: write \(content), then run
              convoy validate
              convoy plan
              convoy migrate --select name=INSTANCE    to try it on one instance

            """
    }
}
