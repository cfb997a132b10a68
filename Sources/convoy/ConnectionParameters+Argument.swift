import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import ConvoyText

extension ConnectionParameters {
    /// A connection URI or parameters on the command line.
    ///
    /// - Throws: a `CommandFailure` for what libpq cannot read, and for a password, which other users of the machine would see.
    init(argument: String) throws(CommandFailure) {
        let parameters: ConnectionParameters
        do throws(PostgresError) {
            parameters = try ConnectionParameters(conninfo: argument)
        } catch {
            throw CommandFailure(.usage, error.message, hint: "for example postgresql://postgres@localhost/postgres")
        }
        guard parameters["password"] == nil else {
            throw CommandFailure(
                .usage,
                "the server's password stands in the command line, where other users of this machine see it",
                hint: "set PGPASSWORD, or use a password file"
            )
        }
        self = parameters
    }
}

extension CommandFailure {
    /// What stops a command that works on a database of its own.
    static func ofScratchWork(_ error: any Error) -> any Error {
        switch error {
        case let failure as Failure:
            CommandFailure(
                failure.kind == .unreachable ? .unreachable : .failed,
                failure.message,
                details: (failure.detail?.split(separator: "\n").map(String.init) ?? []) + (failure.statement.map { [$0] } ?? []),
                hint: failure.hint
            )
        case let refusal as DraftRefusal: CommandFailure(.usage, refusal.message, hint: refusal.hint)
        case let problem as Problem: Problems([problem])
        default: error
        }
    }
}
