import ArgumentParser
import ConvoyKit
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import TeslaMate

/// `convoy catalogue`
struct Catalogue: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the catalogue of each version beside the migrations.",
        usage: "convoy catalogue [<options>] <server>",
        discussion: """
            Applies the migrations one by one to a scratch database, reads its catalogue
            after each, and writes the files in the folder `catalogue` of the migrations.
            The author of a migration runs it once and commits the new file; `convoy
            drift` compares databases with it.

              convoy catalogue postgresql:///postgres
              convoy catalogue 'host=/run/postgresql user=postgres' --directory Migrations

            The role must be allowed to create databases and the extensions of the
            migrations. The scratch database is dropped at the end. A password comes from
            PGPASSWORD or a password file, not from the command line.
            """
    )

    @Argument(help: "Connection URI or parameters of a server, without a password.")
    var server: String

    @Option(help: ArgumentHelp("Directory of the migrations.", valueName: "path"), completion: .directory)
    var directory = WriteCheckpoint.standardDirectory

    func execute() async throws -> CommandExit {
        let parameters = try ConnectionParameters(argument: server)
        let set = try MigrationSet.load(directory: directory, displayedAs: directory)
        let recording = CatalogueRecording(set, steps: [EncryptAPITokens()], server: parameters)
        return try await Interruption.handled(clearTerminal: {}) { _ in
            do {
                let count = try await recording.write(into: directory)
                StandardStreams.output.write("\(counted(count, "version")) in \(directory.visible)/catalogue\n")
            } catch {
                throw CommandFailure.ofScratchWork(error)
            }
            try StandardStreams.output.check()
            return .success
        }
    }
}
