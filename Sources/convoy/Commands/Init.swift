import ArgumentParser
import ConvoyKit
import ConvoyText
import Foundation

/// `convoy init`
struct Init: FleetCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a fleet file to begin with.",
        usage: "convoy init [<options>]",
        discussion: """
            Without --from and --compose the file has one example to fill in. An existing
            file is never overwritten, and no secret is written: passwords and keys become
            variables such as ${env:DATABASE_PASS}.

              convoy init
              convoy init --from postgresql://teslamate@localhost:5432
              convoy init --compose docker-compose.yml

            --from reads the databases of a server, and lists those that have TeslaMate's
            table schema_migrations. It changes nothing there. --compose reads the
            DATABASE_… variables of the TeslaMate services of a Docker Compose file.
            """
    )

    @OptionGroup var fleetFile: FleetFileOption

    @Option(help: ArgumentHelp("List the databases of the server at this libpq URI or key=value string.", valueName: "url"))
    var from: String?

    @Option(
        help: ArgumentHelp("List the databases of the TeslaMate services in this Docker Compose file.", valueName: "file"),
        completion: .fleetFile
    )
    var compose: String?

    @Option(
        help: ArgumentHelp(
            "Directory of the migration set, relative to the fleet file (default: Migrations, or the set that was installed with Convoy).",
            valueName: "path"
        ),
        completion: .directory
    )
    var migrations: String?

    func validate() throws {
        if from != nil, compose != nil { throw ValidationError("--from and --compose cannot be used together: name one of them") }
        if migrations?.isEmpty == true { throw ValidationError("--migrations is empty: name the directory of the migration set") }
    }

    func execute() async throws -> CommandExit {
        let settings = Settings(fleetFile)
        let place = NewFleetFile.Place(path: settings.fleetFile, migrations: migrations)
        do {
            let file = try await file(place)
            try file.write()
            StandardStreams.output.write(file.path.visible + "\n")
            StandardStreams.error.write(file.notes.map { "note: \($0.visible)\n" }.joined() + nextSteps(file))
        } catch let refusal as NewFleetFile.Refusal {
            let code: CommandExit =
                switch refusal.kind {
                case .input: .usage
                case .unreachable: .unreachable
                case .nothing: .failed
                case .file: .configuration
                }
            throw CommandFailure(code, refusal.message, details: refusal.details, hint: refusal.hint)
        }
        try StandardStreams.output.check()
        return .success
    }

    private func file(_ place: NewFleetFile.Place) async throws -> NewFleetFile {
        if let compose { return try NewFleetFile.compose(compose, place) }
        guard let from else { return NewFleetFile.starter(place) }
        return try await NewFleetFile.server(from, place, directory: FileManager.default.currentDirectoryPath)
    }

    private func nextSteps(_ file: NewFleetFile) -> String {
        let option = file.path == FleetFileOption.standard ? "" : " " + ShellCommand(["--fleet", file.path]).description
        var steps = from == nil && compose == nil ? "next: write your databases into the file, then run\n" : "next:\n"
        steps += file.variables.map { "  export \($0)=…\n" }.joined()
        return steps + "  convoy validate\(option)\n  convoy status\(option)\n  convoy plan\(option)\n"
    }
}
