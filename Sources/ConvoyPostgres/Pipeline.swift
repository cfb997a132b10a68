internal import CLibPQ

/// One statement of a pipeline.
public struct PipelineStatement: Sendable {
    public var sql: String
    /// Text parameters `$1`, `$2`, …
    public var parameters: [String?]
    /// Asks the server to send what it has so far, so that results arrive as they happen and not at the end.
    public var flushes: Bool

    public init(_ sql: String, _ parameters: [String?] = [], flushes: Bool = false) {
        self.sql = sql
        self.parameters = parameters
        self.flushes = flushes
    }
}

/// What became of one statement of a pipeline.
public enum PipelineResult: Sendable {
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
    /// - Parameters:
    ///   - timeout: how long to wait for everything; nil waits as long as the connection lives. When it passes, the session is closed.
    ///   - onResult: called with each result as it arrives, in order.
    /// - Returns: one result a statement.
    /// - Throws: `.connectionLost`, `.timedOut`, `.cancelled`, `.unexpectedResult` (for COPY; the session is closed).
    public func pipeline(
        _ statements: [PipelineStatement],
        timeout: Duration? = nil,
        onResult: (_ index: Int, _ result: PipelineResult) -> Void = { _, _ in }
    ) async throws(PostgresError) -> [PipelineResult] {
        var results: [PipelineResult] = []
        results.reserveCapacity(statements.count)
        do {
            try send(statements)
            var wait = AnswerWait(timeout: timeout)
            while true {
                if try collect(into: &results, upTo: statements.count, onResult) { break }
                try await waitForAnswer(&wait)
            }
        } catch {
            if error.code != .cancelled { close() }
            throw error
        }
        return results
    }

    /// Runs one statement with text parameters `$1`, `$2`, … and returns its result.
    ///
    /// - Parameter timeout: how long to wait for the answer; nil waits as long as the connection lives. When it passes, the session is closed.
    /// - Throws: `.server` and what ``pipeline(_:timeout:onResult:)`` throws.
    @discardableResult
    public func query(_ sql: String, _ parameters: [String?] = [], timeout: Duration? = nil) async throws(PostgresError) -> QueryResult {
        guard let result = try await pipeline([PipelineStatement(sql, parameters)], timeout: timeout).first else {
            throw PostgresError(.unexpectedResult, "the server gave no result")
        }
        switch result {
        case .success(let result): return result
        case .failure(let message): throw PostgresError(.server, message.message, server: message)
        case .skipped: throw PostgresError(.unexpectedResult, "the server skipped the statement")
        }
    }

    /// Puts everything into libpq's buffer, and as much as it takes into the socket.
    private func send(_ statements: [PipelineStatement]) throws(PostgresError) {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        guard PQpipelineStatus(handle) == PQ_PIPELINE_ON || PQenterPipelineMode(handle) == 1 else { throw lost() }
        for statement in statements {
            let sent = CStrings.withPointers(statement.parameters) { values in
                PQsendQueryParams(handle, statement.sql, Int32(statement.parameters.count), nil, values, nil, nil, 0)
            }
            guard sent == 1, !statement.flushes || PQsendFlushRequest(handle) == 1 else { throw lost() }
        }
        guard PQpipelineSync(handle) == 1 else { throw lost() }
    }

    /// Takes the results that are there.
    ///
    /// - Returns: whether the sync was reached.
    private func collect(
        into results: inout [PipelineResult],
        upTo count: Int,
        _ onResult: (Int, PipelineResult) -> Void
    ) throws(PostgresError) -> Bool {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        while PQisBusy(handle) == 0 {
            // nil ends a statement's results; the sync is what ends the pipeline.
            guard let pointer = PQgetResult(handle) else {
                guard PQstatus(handle) == CONNECTION_OK else { throw lost() }
                continue
            }
            defer { PQclear(pointer) }
            let result: PipelineResult
            switch PQresultStatus(pointer) {
            case PGRES_PIPELINE_SYNC:
                guard results.count == count else {
                    throw PostgresError(.unexpectedResult, "\(results.count) results for \(count) statements")
                }
                return true
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: result = .success(QueryResult(pointer))
            case PGRES_PIPELINE_ABORTED: result = .skipped
            case PGRES_FATAL_ERROR:
                let message = ServerMessage(pointer)
                // A FATAL error ends the session, and what libpq itself says of a broken one has no SQLSTATE.
                guard !message.sqlstate.isEmpty, !message.endsSession, PQstatus(handle) == CONNECTION_OK else { throw lost(message) }
                result = .failure(message)
            default: throw PostgresError(.unexpectedResult, "the statement asks for a COPY, which Convoy does not do")
            }
            guard results.count < count else { throw lost() }
            results.append(result)
            onResult(results.count - 1, result)
        }
        return false
    }

    /// Flushes, waits for the socket, and reads what came. On cancellation it sends cancel requests meanwhile.
    private func waitForAnswer(_ wait: inout AnswerWait) async throws(PostgresError) {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        var interest = Reactor.Interest.readable
        switch PQflush(handle) {
        case 0: break
        case 1: interest.insert(.writable)
        default: throw lost()
        }
        let wakeup = await Reactor.shared.wait(
            on: PQsocket(handle),
            for: interest,
            until: wait.deadline,
            cancellation: wait.isCancelling ? .ignored : cancellation
        )
        switch wakeup {
        case .ready:
            guard PQconsumeInput(handle) == 1 else { throw lost() }
        case .cancelled:
            wait.beginCancelling()
            await canceller?.cancel()
        case .timedOut where wait.isCancelling:
            guard !wait.isGracePassed else {
                close()
                throw PostgresError(.cancelled, "cancelled; the server did not stop in time")
            }
            // A request can get lost between two short transactions, so it is repeated.
            wait.extendCancelling()
            await canceller?.cancel()
        case .timedOut:
            throw PostgresError(.timedOut, "no answer within \(wait.timeout.map(String.init(describing:)) ?? "the deadline")")
        }
    }

    private func lost(_ message: ServerMessage? = nil) -> PostgresError {
        var text = message?.message ?? handle.flatMap(PQerrorMessage).map { String(cString: $0) } ?? ""
        text = text.split(separator: "\n").filter { !$0.hasPrefix("\t") }.joined(separator: "; ")
        if text.isEmpty { text = "the server closed the connection" }
        return PostgresError(
            .connectionLost,
            "the connection was lost: \(text)",
            server: message?.sqlstate.isEmpty == false ? message : nil
        )
    }
}

/// How long one exchange may wait, and whether it is being cancelled.
private struct AnswerWait {
    let timeout: Duration?
    private(set) var deadline: ContinuousClock.Instant?
    private var graceEnd: ContinuousClock.Instant?

    init(timeout: Duration?) {
        self.timeout = timeout
        deadline = timeout.map { .now + $0 }
    }

    static let repetition = Duration.milliseconds(50)

    var isCancelling: Bool { graceEnd != nil }
    var isGracePassed: Bool { graceEnd.map { $0 <= .now } ?? false }

    mutating func beginCancelling() {
        graceEnd = .now + PostgresConnection.cancellationGrace
        deadline = .now + Self.repetition
    }

    mutating func extendCancelling() {
        deadline = .now + Self.repetition
    }
}
