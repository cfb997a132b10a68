import ArgumentParser
import ConvoyKit
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import TeslaMate

/// `convoy checkpoint`
struct WriteCheckpoint: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Write the file from which empty databases start.",
        usage: "convoy checkpoint [<options>] <server>",
        discussion: """
            Applies the migrations to two scratch databases, and writes what both have in
            common to checkpoints/<version>.sql beside the migrations: the catalogue, the
            rows and the positions of sequences. Before it replaces the file, it applies
            the new one to a third scratch database and compares. An empty database starts
            from it in one transaction, instead of with all migrations.

              convoy checkpoint postgresql:///postgres
              convoy checkpoint postgresql:///postgres --at 20250407155134 --keep

            The role must be allowed to create databases and the extensions of the
            migrations. The scratch databases are dropped at the end. A password comes
            from PGPASSWORD or a password file, not from the command line.
            """
    )

    @Argument(help: "Connection URI or parameters of a server, without a password.")
    var server: String

    @Option(
        help: ArgumentHelp("Version up to which the migrations are applied (default: the newest).", valueName: "version"),
        transform: MigrationVersion.init(argument:)
    )
    var at: MigrationVersion?

    @Option(help: ArgumentHelp("Directory of the migrations.", valueName: "path"), completion: .directory)
    var directory = WriteCheckpoint.standardDirectory

    /// The directory of the migrations, unless an option names another one.
    static let standardDirectory = "Migrations"

    @Flag(help: "Keep the files of older checkpoints (default: remove them).")
    var keep = false

    func execute() async throws -> CommandExit {
        let parameters = try ConnectionParameters(argument: server)
        let set = try MigrationSet.load(directory: directory, displayedAs: directory)
        if let at, set[at] == nil {
            throw CommandFailure(
                .usage,
                "the migration set has no version \(at)",
                hint: "a version is the number that begins the name of a file in \(directory)"
            )
        }
        let recording = CheckpointRecording(set, steps: [EncryptAPITokens()], server: parameters)
        return try await Interruption.handled(clearTerminal: {}) { _ in
            do {
                let summary = try await recording.write(at: at, into: directory, displayedAs: directory, keepsOlder: keep)
                StandardStreams.output.write("\(summary.path.visible)\n")
                StandardStreams.error.write(
                    "\(counted(summary.migrations, "migration")) in \(counted(summary.statements, "statement")) with \(counted(summary.rows, "row")); "
                        + "proved in a scratch database\n"
                        + summary.removed.map { "removed \($0.visible)\n" }.joined()
                )
            } catch {
                throw CommandFailure.ofScratchWork(error)
            }
            try StandardStreams.output.check()
            return .success
        }
    }
}
