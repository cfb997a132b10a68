import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyText

/// Why a command cannot continue, and what to do about it.
struct CommandFailure: Error {
    let code: CommandExit
    /// One sentence without a full stop.
    let message: String
    /// Details of the message, one line each.
    let details: [String]
    let hint: String?

    init(_ code: CommandExit, _ message: String, details: [String] = [], hint: String? = nil) {
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
    }

    /// The text for standard error.
    var text: String {
        "error: \(message.visible)\n" + details.map { "  \($0.visible)\n" }.joined() + (hint.map { "hint: \($0.visible)\n" } ?? "")
    }
}

extension CommandFailure {
    /// A failure of the library, as a command reports it.
    init(_ error: FleetError) {
        let code: CommandExit =
            switch error.code {
            case .selection, .unknownTarget, .unknownWave, .activeRun, .run, .halted: .usage
            case .discovery: .unreachable
            case .journal, .provisioning: .configuration
            default: .failed
            }
        self.init(code, error.message, details: error.details, hint: error.hint)
    }

    /// Why a run cannot start or continue now.
    init(_ conflict: RunConflict, journal: String) {
        let error = FleetError(conflict)
        switch conflict {
        case .active(let run):
            let hint = "the two share no instance: add `--beside \(run.id)` to start this run at the same time"
            self.init(.usage, error.message, hint: hint)
        case .starting: self.init(.configuration, "journal \(journal): \(error.message)", hint: error.hint)
        case .overlapping, .journal: self.init(error)
        }
    }
}

extension Problem {
    /// The text for standard error, with control characters of the file made visible.
    var text: String {
        description.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).visible + "\n" }.joined()
    }
}

extension Problems {
    var text: String {
        let errors = problems.count { $0.severity == .error }
        return problems.map(\.text).joined() + (errors == 1 ? "1 error" : "\(errors) errors") + "; no database was touched\n"
    }
}
