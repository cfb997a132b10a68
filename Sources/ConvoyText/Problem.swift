/// Something wrong in a file that a person wrote: where it is, what it is, and what to do about it.
///
/// The migration loader and the fleet file's reader collect all problems of a file and report them together.
public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    /// How much a problem matters.
    public enum Severity: String, Sendable, Hashable {
        /// The file cannot be used.
        case error
        /// The file can be used, but the reader should know.
        case warning
    }

    /// Whether the file can be used all the same.
    public var severity: Severity
    /// The file as the user named it.
    public var file: String
    /// The line, counted from 1; nil if the whole file is meant.
    public var line: Int?
    /// The column in characters, counted from 1; nil if it is not known.
    public var column: Int?
    /// One sentence without a full stop.
    public var message: String
    /// The offending text, never a secret; nil if the problem is about no particular text.
    public var text: String?
    /// What to do next; nil if there is nothing to add.
    public var hint: String?

    package init(
        _ severity: Severity = .error,
        file: String,
        line: Int? = nil,
        column: Int? = nil,
        _ message: String,
        text: String? = nil,
        hint: String? = nil
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.text = text
        self.hint = hint
    }

    /// `fleet.yaml:3:5: error: …`, then the offending text and the hint, each on a line of its own.
    public var description: String {
        var place = file
        if let line { place += ":\(line)" }
        if let line = line, line > 0, let column { place += ":\(column)" }
        var description = "\(place): \(severity.rawValue): \(message)"
        if let text { description += "\n    \(text)" }
        if let hint { description += "\n    hint: \(hint)" }
        return description
    }
}

/// Every problem of a file or directory, thrown together.
public struct Problems: Error, Sendable, CustomStringConvertible {
    /// Every problem, in the order of the file.
    public let problems: [Problem]

    package init(_ problems: [Problem]) {
        self.problems = problems
    }

    /// The description of each problem, one below the other.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
