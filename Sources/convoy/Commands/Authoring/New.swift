import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import TeslaMate

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

              convoy new add_nickname_to_cars --from-database postgresql:///scratch

            --from-database drafts both sections from a database that the next release
            has migrated: what its catalogue has more, less or otherwise than the newest
            version of the set. Rows are not in a catalogue: write what happens to them.
            A comment says what could not be drafted. Nothing differs: no file is made.
            A database whose ledger lacks a version of the set is refused.
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

    @Option(
        help: ArgumentHelp(
            """
            Draft both sections from this database: connection URI or parameters, without a password. The version is then by default the \
            newest one of the database's ledger, if the set does not have it.
            """,
            valueName: "database"
        )
    )
    var fromDatabase: String?

    func execute() async throws -> CommandExit {
        let migrations = try directory ?? directoryOfTheFleet()
        do {
            // A name that is taken shows before a database is read.
            var migration = try self.migration(in: migrations)
            var draft: DatabaseDraft?
            if let fromDatabase {
                let found = try await self.draft(migrations, from: ConnectionParameters(argument: fromDatabase))
                guard !found.isEmpty else {
                    StandardStreams.error.write("nothing differs from version \(found.version); no file was made\n" + notes(on: found))
                    return .success
                }
                migration = try self.migration(in: migrations, found)
                draft = found
            }
            try migration.write()
            StandardStreams.output.write(migration.path + "\n")
            StandardStreams.error.write(
                migration.notes.map { "note: \($0)\n" }.joined() + (draft.map(notes) ?? "") + nextSteps(beside: migrations)
            )
        } catch let refusal as NewMigrationRefusal {
            throw CommandFailure(.usage, refusal.message, hint: refusal.hint)
        }
        try StandardStreams.output.check()
        return .success
    }

    private func migration(in migrations: String, _ draft: DatabaseDraft? = nil) throws -> NewMigration {
        try NewMigration(
            named: name,
            in: migrations,
            displayedAs: migrations,
            version: version ?? draft?.newVersion,
            at: Date(),
            form: NewMigration.Form(isTransactional: !noTransaction, irreversible: irreversible),
            sections: draft?.sections
        )
    }

    private func draft(_ migrations: String, from database: ConnectionParameters) async throws -> DatabaseDraft {
        guard !noTransaction else {
            throw CommandFailure(.usage, "--from-database drafts statements that run in a transaction", hint: "omit --no-transaction")
        }
        let set = try MigrationSet.load(directory: migrations, displayedAs: migrations)
        do {
            return try await DatabaseDraft.read(
                set,
                steps: [EncryptAPITokens()],
                directory: migrations,
                displayedAs: migrations,
                from: database
            )
        } catch {
            throw CommandFailure.ofScratchWork(error)
        }
    }

    private func notes(on draft: DatabaseDraft) -> String {
        var notes = draft.otherBodies.map { "the body of \($0.visible) differs from the set's" }
        if !draft.gaps.isEmpty {
            let gaps = counted(draft.gaps.count, "difference") + (draft.gaps.count == 1 ? " is" : " are")
            notes.append("\(gaps) not in the statements: search for “Not written” in the file")
        }
        return notes.map { "note: \($0)\n" }.joined()
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

    private func nextSteps(beside migrations: String) -> String {
        let content =
            fromDatabase != nil
            ? "what happens to the rows, and read the statements"
            : irreversible == nil ? "the migration below `-- migrate:up` and its reversal in place of the last line" : "the migration"
        let fleet = fleetFile.fleet.map { ["--fleet", $0] } ?? []
        let place = ["SERVER"] + (migrations == WriteCheckpoint.standardDirectory ? [] : ["--directory", migrations])
        var commands = [ShellCommand(["convoy", "validate"] + fleet).description]
        if CatalogueRecording.isKept(in: migrations) {
            commands.append("\(ShellCommand(["convoy", "catalogue"] + place))    to describe the new version")
        }
        if CheckpointRecording.isKept(in: migrations) {
            commands.append("\(ShellCommand(["convoy", "checkpoint"] + place))    to start empty databases from it")
        }
        commands.append(ShellCommand(["convoy", "plan"] + fleet).description)
        commands.append("\(ShellCommand(["convoy", "migrate", "--select", "name=INSTANCE"] + fleet))    to try it on one instance")
        return "next: write \(content), then run\n" + commands.map { "  \($0.visible)\n" }.joined()
    }
}
