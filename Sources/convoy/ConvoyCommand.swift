import ArgumentParser
import ConvoyDashboard
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import ConvoyText
import Glibc

/// The command line: options in, one call into the library, presentation out.
@main
struct ConvoyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convoy",
        abstract: "Upgrades the schema of a whole fleet of PostgreSQL databases as one operation.",
        discussion: """
            A fleet file (fleet.yaml) lists the databases and the directory of migrations. The usual way through:

              convoy validate    is the fleet file right?
              convoy status      which instance is on what?
              convoy plan        what would run, where, in which wave?
              convoy migrate     run it, wave by wave
              convoy report      how the fleet stands and what the last run did, also as a page, a table or metrics

            Results go to standard output; progress, questions and errors go to standard error.

            Exit codes:

              0    all well
              1    some instance did not end well
              2    halted by a stop rule, a gate, a hook or the journal
              3    --check found something pending or edited
              64   the command line is wrong
              69   no instance could be reached
              78   the fleet file, a migration or the journal cannot be used
              130  interrupted, or a question not answered with yes
            """,
        version: Convoy.version,
        subcommands: [
            Validate.self, Status.self, Plan.self, Migrate.self, Rollback.self, Resume.self, Runs.self, Report.self, Stop.self,
            Approve.self, Pause.self,
            Unpause.self,
            Abandon.self, Serve.self, New.self,
        ]
    )

    /// As our own errors begin.
    static var _errorLabel: String { "error" }

    static func main() async {
        StandardStreams.prepare()
        let code: CommandExit
        do {
            try CommandWords.check(Array(CommandLine.arguments.dropFirst()), root: Self.self)
            var command = try parseAsRoot()
            if let command = command as? any FleetCommand {
                code = try await command.execute()
            } else {
                // Help and version; they leave by throwing.
                try command.run()
                code = .success
            }
        } catch let failure as CommandFailure {
            StandardStreams.error.write(failure.text)
            code = failure.code
        } catch let problems as Problems {
            StandardStreams.error.write(problems.text)
            code = .configuration
        } catch {
            exit(withError: error)
        }
        Glibc.exit(code.rawValue)
    }
}

/// A command that works on a fleet and ends with one of the documented exit codes.
protocol FleetCommand: AsyncParsableCommand {
    /// Does the work and writes the result to standard output.
    func execute() async throws -> CommandExit
}

extension FleetCommand {
    func run() async throws {
        throw ArgumentParser.ExitCode(try await execute().rawValue)
    }
}
