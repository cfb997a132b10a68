internal import Glibc

/// Why the dashboard cannot begin to serve, or cannot take over a file that has changed.
package struct ServeProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence without a full stop; it names the file, and holds no secret.
    package var message: String
    /// What to do next; nil if there is nothing to add.
    package var hint: String?
    /// Whether it may go away without a change of the configuration.
    package var isPassing: Bool

    package init(_ message: String, hint: String? = nil, isPassing: Bool = false) {
        self.message = message
        self.hint = hint
        self.isPassing = isPassing
    }

    /// What `errno` says, in the system's words.
    static var systemReason: String { String(cString: strerror(errno)) }

    package var description: String { message + (hint.map { " (\($0))" } ?? "") }
}
