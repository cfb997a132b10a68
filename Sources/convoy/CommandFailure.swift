import ConvoyDashboard
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyText

/// Why a command cannot go on, and what to do about it.
struct CommandFailure: Error {
    let code: CommandExit
    /// One sentence without a full stop.
    let message: String
    /// What it is made of, one line each.
    let details: [String]
    let hint: String?

    init(_ code: CommandExit, _ message: String, details: [String] = [], hint: String? = nil) {
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
    }

    /// As standard error shows it.
    var text: String {
        "error: \(message.visible)\n" + details.map { "  \($0.visible)\n" }.joined() + (hint.map { "hint: \($0.visible)\n" } ?? "")
    }
}

extension Problem {
    /// As standard error shows it: the file's own text may hold anything.
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
