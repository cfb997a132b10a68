/// What can go wrong between Convoy and a PostgreSQL server.
///
/// Its description never holds a password, and no row contents either: DETAIL and CONTEXT stay in ``server``.
public struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of errors.
    public enum Code: Sendable, Hashable {
        /// A connection string, keyword or value that libpq does not accept, or a statement that cannot be sent.
        case invalidParameters
        /// The host's name has no address.
        case unknownHost
        /// No session could be had; ``PostgresError/server`` has the server's own words where it gave any.
        case connectFailed
        /// A secret command gave no password, so no session was tried.
        case secretUnavailable
        /// The deadline passed: while connecting, or while waiting for an answer.
        case timedOut
        /// The session ended before the answer came. Whether the last COMMIT took effect is not known.
        case connectionLost
        /// The server answered with an error; see ``PostgresError/server``.
        case server
        /// The task was cancelled.
        case cancelled
        /// The answer has another shape than expected.
        case unexpectedResult
        /// The server sent more than a `SessionBudget` allows, and the session was closed. Whether the last COMMIT took effect is not known.
        case overBudget
    }

    /// The kind of the error.
    public let code: Code
    /// One sentence without a full stop.
    public let message: String
    /// All that the server said.
    public let server: ServerMessage?
    /// What to do about a password that a secret command gave and the server refused, in one line; nil for every other error.
    package internal(set) var passwordHint: String?

    /// An error, with the server's own message if there is one.
    public init(_ code: Code, _ message: String, server: ServerMessage? = nil) {
        self.code = code
        self.message = message
        self.server = server
    }

    /// The SQLSTATE, where the server sent one.
    public var sqlstate: String? { server?.sqlstate }

    /// The message, then the SQLSTATE in parentheses if the server sent one.
    public var description: String {
        if let sqlstate { "\(message) (SQLSTATE \(sqlstate))" } else { message }
    }
}

/// An error or notice of the server with all its fields, as in the protocol's ErrorResponse and NoticeResponse.
public struct ServerMessage: Sendable, Hashable {
    /// Not localised: `ERROR`, `FATAL`, `NOTICE`, `WARNING`, …
    public var severity: String
    /// The five characters of the SQLSTATE, for example `23505`; empty if libpq itself wrote the message.
    public var sqlstate: String
    /// The primary message, in the server's language.
    public var message: String
    /// May hold row contents for class 23.
    public var detail: String?
    /// What the server advises; nil if it advises nothing.
    public var hint: String?
    /// Characters from the statement's start, counted from 1.
    public var position: Int?
    /// The same within ``internalQuery``.
    public var internalPosition: Int?
    /// A query that the server made itself, for example within a function.
    public var internalQuery: String?
    /// May hold row contents.
    public var context: String?
    /// The schema of the object that the message is about; nil if the server names none.
    public var schema: String?
    /// The table that the message is about; nil if the server names none.
    public var table: String?
    /// The column that the message is about; nil if the server names none.
    public var column: String?
    /// The data type that the message is about; nil if the server names none.
    public var dataType: String?
    /// The constraint that the message is about; nil if the server names none.
    public var constraint: String?
    /// Place in the server's source.
    public var sourceFile: String?
    /// The line in ``sourceFile``.
    public var sourceLine: String?
    /// The function in ``sourceFile``.
    public var sourceRoutine: String?

    /// A message with the fields that every message has; the others are nil.
    public init(severity: String, sqlstate: String, message: String) {
        self.severity = severity
        self.sqlstate = sqlstate
        self.message = message
    }

    /// Whether the server closes the session after it.
    var endsSession: Bool { severity == "FATAL" || severity == "PANIC" }

    /// Whether the SQLSTATE starts with these two characters.
    public func isClass(_ sqlstateClass: String) -> Bool { sqlstate.hasPrefix(sqlstateClass) }
}
