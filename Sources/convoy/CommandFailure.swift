import ConvoyDashboard
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
