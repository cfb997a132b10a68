internal import CLibPQ
import ConvoyIO

/// One statement of a pipeline.
package struct PipelineStatement: Sendable {
    package var sql: String
    /// Text parameters `$1`, `$2`, …, at most 65,535.
    package var parameters: [String?]
    /// Asks the server to send what it has so far, so that results arrive as they happen and not at the end.
    package var flushes: Bool
    package var preparation: Preparation
    /// Whether its rows are handed back; false reads and drops them, for a statement of whose rows nothing is wanted.
    package var keepsRows = true

    /// Whether the server parses the statement each time, or once in a session.
    package enum Preparation: Sendable, Hashable {
        /// Parsed and run.
        case none
        /// Only parsed, and kept under this name as long as the session lives.
        case prepares(String)
        /// Run as it was kept under this name; ``PipelineStatement/sql`` is not sent.
        case uses(String)
    }

    package init(_ sql: String, _ parameters: [String?] = [], flushes: Bool = false, preparation: Preparation = .none) {
        self.sql = sql
        self.parameters = parameters
        self.flushes = flushes
        self.preparation = preparation
    }
}

/// What became of one statement of a pipeline.
package enum PipelineResult: Sendable {
    case success(QueryResult)
    /// The server's error; everything after it up to the sync is skipped.
    case failure(ServerMessage)
    /// An earlier statement failed.
    case skipped
}

extension PostgresConnection {
    /// Runs the statements in one pipeline with one sync at its end: one round trip, however many they are.
    ///
    /// Statements are written without waiting, and results are read meanwhile, so neither side can block the other. A statement that
    /// fails makes the server skip the rest; what was committed before it stands. The session may be left in a transaction.
    ///
    /// When the task is cancelled meanwhile, the server is asked to stop until it does: the results then show how far it came, with a
    /// failure of SQLSTATE 57014 if it stopped, or none if it finished first. If cancel requests may still be under way, the session is
    /// closed.
    ///
    /// - Parameters:
    ///   - timeout: how long to wait for everything; nil waits as long as the connection lives. When it passes, the session is closed.
    ///   - onResult: called with each result as it arrives, in order.
    /// - Returns: one result a statement.
    /// - Throws: `.invalidParameters` and nothing is sent (a zero byte, or too many parameters); `.cancelled` when the task was cancelled before
    ///   anything was sent or before everything was, or when the server did not stop within five seconds; `.connectionLost`; `.timedOut`;
    ///   `.unexpectedResult` for COPY; `.overBudget`. After the last four, and a server that did not stop, the session is closed.
    package func pipeline(
        _ statements: [PipelineStatement],
        timeout: Duration? = nil,
        onResult: (_ index: Int, _ result: PipelineResult) -> Void = { _, _ in }
    ) async throws(PostgresError) -> [PipelineResult] {
        for statement in statements { try statement.validate() }
        guard handle != nil else { throw PostgresError(.connectionLost, "the connection is closed") }
        if cancellation == .observed, Task.isCancelled { throw PostgresError(.cancelled, "cancelled before anything was sent") }
        var exchange = PipelineExchange(statements, on: self, timeout: timeout)
        do {
            try await exchange.run(onResult)
        } catch {
            if error.code != .cancelled || !exchange.isOver { close() }
            throw error
        }
        return exchange.results
    }

    /// Runs one statement and returns its result.
    ///
    /// - Parameters:
    ///   - sql: one statement.
    ///   - parameters: the texts of `$1`, `$2`, … in it; nil is NULL.
    ///   - timeout: how long to wait for the answer; nil waits as long as the connection lives. When it passes, the session is closed.
    /// - Throws: a ``PostgresError``: what the server reports, the loss of the connection, or that the task was cancelled.
    @discardableResult
    public func query(_ sql: String, _ parameters: [String?] = [], timeout: Duration? = nil) async throws(PostgresError) -> QueryResult {
        guard let result = try await pipeline([PipelineStatement(sql, parameters)], timeout: timeout).first else {
            throw PostgresError(.unexpectedResult, "the server gave no result")
        }
        switch result {
        case .success(let result): return result
        case .failure(let message):
            let wasCancelled = cancellation == .observed && Task.isCancelled && message.sqlstate == "57014"
            throw PostgresError(wasCancelled ? .cancelled : .server, message.message, server: message)
        case .skipped: throw PostgresError(.unexpectedResult, "the server skipped the statement")
        }
    }
}

extension PipelineStatement {
    /// What it takes on the wire, with the messages around it, about.
    var size: Int { 64 + sql.utf8.count + parameters.reduce(0) { $0 + 4 + ($1?.utf8.count ?? 0) } }

    /// Whether it is a transaction's end.
    var isCommit: Bool { sql == "COMMIT" }

    /// C strings end at their first zero byte, and the protocol counts parameters in 16 bits: libpq would send something else, or fail in the
    /// middle of a pipeline.
    fileprivate func validate() throws(PostgresError) {
        guard parameters.count <= Int(UInt16.max) else {
            throw PostgresError(.invalidParameters, "a statement can have 65535 parameters, not \(parameters.count)")
        }
        guard !sql.hasZeroByte, !parameters.contains(where: { $0?.hasZeroByte ?? false }) else {
            throw PostgresError(.invalidParameters, "a statement and its parameters cannot hold a zero byte")
        }
    }
}
