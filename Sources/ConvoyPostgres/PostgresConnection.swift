/// One session of a PostgreSQL server. It belongs to one task: the class is not Sendable, and calls never overlap.
///
/// No call blocks the cooperative pool: sockets are waited for by the reactor's thread, names are resolved and cancel requests sent on threads of their own.
public final class PostgresConnection {
    init() {}

    /// Opens a session.
    ///
    /// - Parameter timeout: for all of it, name resolution and TLS included.
    /// - Throws: `.invalidParameters`, `.unknownHost`, `.connectFailed`, `.timedOut`, `.cancelled`.
    public static func connect(
        _ parameters: ConnectionParameters,
        applicationName: String = "convoy",
        timeout: Duration = .seconds(5)
    ) async throws(PostgresError) -> PostgresConnection {
        throw PostgresError(.connectFailed, "to be written")
    }

    /// Runs one statement with text parameters `$1`, `$2`, … and returns its result.
    ///
    /// - Parameter timeout: how long to wait for the answer; nil waits as long as the connection lives. When it passes, the session is closed.
    public func query(_ sql: String, _ parameters: [String?] = [], timeout: Duration? = nil) async throws(PostgresError) -> QueryResult {
        throw PostgresError(.connectFailed, "to be written")
    }

    /// Ends the session at once. The server rolls back what is open. Also done when the last reference goes.
    public func close() {}
}
