package import ConvoyPostgres
package import ConvoyRun
import ConvoyText

extension ControlError {
    /// What is wrong, for the operator.
    ///
    /// - Parameter place: where the database is; see ``ControlDatabase/place``.
    package func journalError(_ place: String) -> JournalError {
        switch self {
        case .refused(let error): error
        case .postgres(let error): JournalError(control: place, error)
        case .statementEnded(_, let limit?):
            JournalError(
                path: place,
                message: "a statement took longer than \(limit.human)",
                hint: "check whether another session keeps a lock there (pg_locks)"
            )
        case .statementEnded(let error, nil):
            JournalError(
                path: place,
                message: "a statement was cancelled on the server: \(JournalError.words(error))",
                hint: "try again, or continue an interrupted run with `convoy resume`"
            )
        case .commitUnknown(let error):
            JournalError(
                path: place,
                message: "\(JournalError.words(error)); whether the last change was committed is not known",
                hint: "`convoy runs show` shows what is recorded"
            )
        }
    }
}

extension JournalError {
    /// What a server says, or what is said of a server that cannot be reached.
    package init(control place: String, _ error: PostgresError) {
        let said = Self.words(error)
        switch error.code {
        case .unknownHost, .connectFailed, .timedOut, .connectionLost: self = .unreachable(place, error, said)
        case .secretUnavailable, .invalidParameters:
            self.init(path: place, message: said, hint: "correct `control:` in the fleet file")
        case .cancelled: self.init(path: place, message: "cancelled")
        case .unexpectedResult, .overBudget:
            self.init(
                path: place,
                message: said,
                hint: "check that `control:` names a control database, and that nothing else writes to it"
            )
        case .server: self = .refusal(place, error, said)
        }
    }

    static func words(_ error: PostgresError) -> String { "\(error)".visible.prefix(bytes: 1000) }

    private static func unreachable(_ place: String, _ error: PostgresError, _ said: String) -> JournalError {
        let state = error.sqlstate ?? ""
        if state.hasPrefix("28") {
            return JournalError(
                path: place,
                message: "the login is refused: \(said)",
                hint: error.passwordHint ?? "check user and password of `control:`"
            )
        }
        if state == "42501" {
            return JournalError(
                path: place,
                message: "the login is refused: \(said)",
                hint: "give the role CONNECT on the database; docs/control-database.md has the statement"
            )
        }
        if state == "3D000" {
            return JournalError(path: place, message: said, hint: "create the database; docs/control-database.md says how")
        }
        return JournalError(
            path: place,
            message: "cannot be reached: \(said)",
            hint: "when it is back, continue an interrupted run with `convoy resume`"
        )
    }

    private static func refusal(_ place: String, _ error: PostgresError, _ said: String) -> JournalError {
        switch error.sqlstate {
        case "25006":
            JournalError(
                path: place,
                message: "is read-only: \(said)",
                hint: "name the primary, or a database without default_transaction_read_only"
            )
        case "42501":
            JournalError(
                path: place,
                message: said,
                hint: "grant the role its rights with `convoy control prepare --grant-to`; docs/control-database.md lists them"
            )
        case "3F000": .noControlSchema(place)
        case _ where ControlError.postgres(error).isOfOtherTables: .otherControlSchema(place, said)
        case "53100": .diskFull(place)
        case "26000", "42P05":
            JournalError(
                path: place,
                message: "the pooler in between mixes the sessions of its clients: \(said)",
                hint: "connect to the server itself, or set the pooler to transaction or session mode"
            )
        default: JournalError(path: place, message: said, hint: "check the server's log")
        }
    }

    package static func noControlSchema(_ place: String) -> JournalError {
        JournalError(
            path: place,
            message: "it has no tables of Convoy",
            hint: "create them with `convoy control prepare`, as a role that may create the schema \(ControlSchema.name)"
        )
    }

    /// Where the ledger of its tables says no more.
    static func otherControlSchema(_ place: String, _ said: String) -> JournalError {
        JournalError(
            path: place,
            message: "its tables are of another version of Convoy, or were changed: \(said)",
            hint: "run `convoy control prepare` with the newest version in use; if that changes nothing, create a new control database"
        )
    }

    package static func olderControlSchema(_ place: String) -> JournalError {
        JournalError(
            path: place,
            message: "its tables are those of an older Convoy",
            hint: "update them with `convoy control prepare`, as the role that owns them; after that the older Convoy cannot use them"
        )
    }

    package static func newerControlSchema(_ place: String) -> JournalError {
        JournalError(
            path: place,
            message: "a newer Convoy has changed its tables, and this one cannot use them",
            hint: "update Convoy on this machine"
        )
    }
}
