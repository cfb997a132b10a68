import ArgumentParser
import ConvoyDashboard
import ConvoyIO
import ConvoyKit
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
        abstract: "Migrate a fleet of PostgreSQL databases as one operation.",
        discussion: """
            A fleet file (fleet.yaml) lists the databases and names the directory of
            migrations. A typical session:

              convoy init        write a fleet file to begin with
              convoy validate    is the fleet file valid?
              convoy status      which version is each instance on?
              convoy plan        what would run, where, and in which wave?
              convoy migrate     apply the pending migrations, wave by wave
              convoy report      the state of the fleet and what the last run did

            Results go to standard output; progress, questions and errors go to
            standard error.

            Exit codes:

              0    success
              1    an instance did not succeed, or a plan or rollback was refused
              2    halted by a stop rule, a gate, a hook or the journal
              3    --check found a pending or edited migration, or `drift` a difference
              64   invalid command line
              69   no instance could be reached
              75   `wait` reached its --timeout
              78   a configuration file, a migration or the journal cannot be used
              130  interrupted, or a question was not answered with yes
            """,
        version: Convoy.version,
        subcommands: [
            Init.self, Validate.self, Status.self, Plan.self, Migrate.self, Rollback.self, Resume.self, Runs.self, Report.self,
            Drift.self, Baseline.self, Repair.self, Provision.self, Describe.self, History.self, Top.self, Wait.self, Stop.self,
            Approve.self, Pause.self,
            Unpause.self,
            Abandon.self, Serve.self, WorkerCommand.self, Control.self, New.self, Catalogue.self, WriteCheckpoint.self, Schema.self,
            Explain.self,
            Completion.self,
        ]
    )

    /// The label of every error, also of those that ArgumentParser reports.
    static var _errorLabel: String { "error" }

    static func main() async {
        StandardStreams.prepare()
        let code: CommandExit
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            let isTopic = arguments == ["help", FleetFileHelp.topic]
            if !isTopic { try CommandWords.check(arguments, root: Self.self) }
            var command = isTopic ? FleetFileHelp() : try await asyncParseAsRoot(EarlierOptions.resolving(arguments))
            if let command = command as? any FleetCommand {
                code = try await command.execute()
            } else {
                // Help and version end by throwing.
                try command.run()
                code = .success
            }
        } catch let failure as CommandFailure {
            StandardStreams.error.write(failure.text)
            code = failure.code
        } catch let error as FleetError {
            let failure = CommandFailure(error)
            StandardStreams.error.write(failure.text)
            code = failure.code
        } catch let problems as Problems {
            StandardStreams.error.write(problems.text)
            code = .configuration
        } catch {
            LiveSessions.endAll()
            exit(withError: error)
        }
        LiveSessions.endAll()
        Glibc.exit(code.rawValue)
    }
}

/// A command that works on a fleet and exits with one of the documented codes.
protocol FleetCommand: AsyncParsableCommand {
    /// Does the work and writes the result to standard output.
    func execute() async throws -> CommandExit
}

extension FleetCommand {
    func run() async throws {
        throw ArgumentParser.ExitCode(try await execute().rawValue)
    }
}
