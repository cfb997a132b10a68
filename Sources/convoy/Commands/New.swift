import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy new`
struct New: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the file of a new migration.",
        usage: "convoy new [<options>] <name>",
        discussion: """
            Creates <version>_<name>.sql with two empty sections in the directory of
            migrations, and prints its path. `convoy validate` and all other commands
            reject the migration set until both sections are filled in. An existing file
            is never overwritten.

              convoy new add_nickname_to_cars
              convoy new add_nickname_to_cars --version 20270214103000
              convoy new index_drives_by_car --no-transaction
              convoy new forget_old_addresses --irreversible 'they are gone'

            A migration that brings a TeslaMate release to the fleet must have the same
            version as TeslaMate's own migration: set it with --version. By this number,
            Convoy and TeslaMate recognise what the other has applied.
            """
    )

    @Argument(help: "Name of the migration in snake case, for example add_nickname_to_cars.")
    var name: String

    @OptionGroup var fleetFile: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Directory for the file (default: the one that the fleet file names). With this option the fleet file is not read.",
            valueName: "path"
        ),
        completion: .directory
    )
    var directory: String?

    @Option(
        help: ArgumentHelp("Version of the migration (default: the current time in UTC as YYYYMMDDhhmmss).", valueName: "version"),
        transform: MigrationVersion.init(argument:)
    )
    var version: MigrationVersion?

    @Flag(
        help: """
            Create a migration for one statement that cannot run in a transaction, such as CREATE INDEX CONCURRENTLY. The statement may run \
            twice if Convoy is cut off; if it could run in a transaction, it needs the comment `-- convoy:repeatable` above it.
            """
    )
    var noTransaction = false

    @Option(help: ArgumentHelp("Mark the migration as irreversible, for this reason.", valueName: "reason"))
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
        let migrations = try FleetOutline.load(Settings(fleetFile)).migrations
        guard migrations != InstalledMigrations.directory else {
            throw CommandFailure(
                .usage,
                "the fleet uses the installed migrations in \(migrations), which an update of the package replaces",
                hint: "copy them to a directory of your own, and name it as `migrations` in the fleet file"
            )
        }
        return migrations
    }

    private var nextSteps: String {
        let content =
            irreversible == nil ? "the migration below `-- migrate:up` and its reversal in place of the last line" : "the migration"
        return """
            next: write \(content), then run
              convoy validate
              convoy plan
              convoy migrate --select name=INSTANCE    to try it on one instance

            """
    }
}
