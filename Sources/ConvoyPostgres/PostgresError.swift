/// What can go wrong between Convoy and a PostgreSQL server.
///
/// Its description never holds a password, and no row contents either: DETAIL and CONTEXT stay in ``server``.
public struct PostgresError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// A connection string, keyword or value that libpq does not accept, or a statement that cannot be sent.
        case invalidParameters
        /// The host's name has no address.
        case unknownHost
        /// No session could be had; ``PostgresError/server`` has the server's own words where it gave any.
        case connectFailed
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
        /// The server sent more than a ``SessionBudget`` allows, and the session was closed. Whether the last COMMIT took effect is not known.
        case overBudget
    }

    public let code: Code
    /// One sentence without a full stop.
    public let message: String
    /// All that the server said.
    public let server: ServerMessage?

    public init(_ code: Code, _ message: String, server: ServerMessage? = nil) {
        self.code = code
        self.message = message
        self.server = server
    }

    /// The SQLSTATE, where the server sent one.
    public var sqlstate: String? { server?.sqlstate }

    public var description: String {
        if let sqlstate { "\(message) (SQLSTATE \(sqlstate))" } else { message }
    }
}

/// An error or notice of the server with all its fields, as in the protocol's ErrorResponse and NoticeResponse.
public struct ServerMessage: Sendable, Hashable {
    /// Not localised: `ERROR`, `FATAL`, `NOTICE`, `WARNING`, …
    public var severity: String
    public var sqlstate: String
    public var message: String
    /// May hold row contents for class 23.
    public var detail: String?
    public var hint: String?
    /// Characters from the statement's start, counted from 1.
    public var position: Int?
    /// The same within ``internalQuery``.
    public var internalPosition: Int?
    /// A query that the server made itself, for example within a function.
    public var internalQuery: String?
    /// May hold row contents.
    public var context: String?
    public var schema: String?
    public var table: String?
    public var column: String?
    public var dataType: String?
    public var constraint: String?
    /// Place in the server's source.
    public var sourceFile: String?
    public var sourceLine: String?
    public var sourceRoutine: String?

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
