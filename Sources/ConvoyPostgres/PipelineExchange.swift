internal import CLibPQ
import ConvoyIO
import ConvoyText

/// One pipeline on its way: hands the statements to libpq, takes the results, and stops the server when the task is cancelled.
struct PipelineExchange {
    /// How many bytes the server may have that it has not answered yet. More would fill its socket behind a statement that takes long: the window
    /// closes, and TCP's own time-out (`tcp_user_timeout`) takes the busy server for one that is gone.
    private static let ahead = 32 << 10
    /// How long a COMMIT may still take when the task was cancelled. A cancel request would only end its wait for a standby, and the server
    /// would continue with the next transaction.
    private static let commitGrace = Duration.milliseconds(500)
    /// How often a cancel request is repeated: one gets lost between two short transactions.
    private static let repetition = Duration.milliseconds(50)

    private let connection: PostgresConnection
    private let statements: [PipelineStatement]
    private let timeout: Duration?
    private let deadline: ContinuousClock.Instant?

    private(set) var results: [PipelineResult] = []
    /// Whether the sync has come back: the session is ready for the next pipeline.
    private(set) var isOver = false
    /// How many statements libpq has, and how many bytes of them are not answered.
    private var handedOver = 0
    private var unanswered = 0
    /// Whether more is handed over only when the half of what the server may have is answered: by one statement at a time, each answer would be
    /// followed by a packet of its own.
    private var isFull = false
    /// Where the server was last asked to send what it has, because nothing more is handed over before that.
    private var askedAt = 0
    private var hasSync = false
    /// A statement failed, so the server skips what follows.
    private var hasFailed = false
    /// Nothing more can be sent or read; what was read before must still be processed.
    private var isBroken = false
    private var cancelling: Cancelling?
    /// A COMMIT was answered after the task was cancelled, and the server has the next transaction already.
    private var isPastCommit = false
    /// Whether libpq hands over the rows of the statement whose result is next one by one, and not when it has them all.
    private var readsByRow = false
    /// The rows of that statement so far.
    private var collector = RowCollector()
    /// Of the statements before it.
    private var keptRows = 0
    private var keptBytes = 0
    /// Rows that are not needed.
    private var droppedBytes = 0

    /// What is known once the task was cancelled.
    private struct Cancelling {
        /// Since when only a COMMIT is waited for.
        var commitSince: ContinuousClock.Instant?
        let end = ContinuousClock.now + PostgresConnection.cancellationGrace
        var nextRequest = ContinuousClock.now
        var request: BlockingCall<Int32>?
    }

    init(_ statements: [PipelineStatement], on connection: PostgresConnection, timeout: Duration?) {
        self.statements = statements
        self.connection = connection
        self.timeout = timeout
        deadline = timeout.map { .now + $0 }
        results.reserveCapacity(statements.count)
    }

    /// Runs until the sync has come back.
    mutating func run(_ onResult: (Int, PipelineResult) -> Void) async throws(PostgresError) {
        guard let handle = connection.handle else { throw lost() }
        connection.watch?.note(0)
        defer { connection.watch?.note(nil) }
        while true {
            let hasMoreToSend = send(handle)
            try collect(handle, onResult)
            connection.watch?.note(results.count)
            if isOver { break }
            // The server has the next transaction already, which must not be applied: the session is closed, and the caller finds out what holds.
            if isPastCommit, !hasFailed { throw PostgresError(.cancelled, "cancelled; the session was closed after a COMMIT") }
            if isBroken { throw lost() }
            // The server has answered all that it has: nothing comes before the next statements, for which there is room now.
            if !hasSync, results.count == handedOver { continue }
            try await wait(handle, toSend: hasMoreToSend)
        }
        // A late cancel request would hit the next statement.
        if let cancelling, let request = cancelling.request, await request.value(until: cancelling.end, cancellation: .ignored) == nil {
            connection.close()
        }
        guard results.count < statements.count else { return }
        guard hasFailed else { throw PostgresError(.cancelled, "cancelled before everything was sent") }
        while results.count < statements.count { take(.skipped, onResult) }
    }

    /// Hands libpq what it has room for. After a failure, and when the task was cancelled, only the sync is left to send.
    ///
    /// - Returns: whether there is more to send.
    private mutating func send(_ handle: OpaquePointer) -> Bool {
        guard PQpipelineStatus(handle) == PQ_PIPELINE_ON || PQenterPipelineMode(handle) == 1 else { return breakOff() }
        if !hasSync {
            if unanswered <= Self.ahead / 2 { isFull = false }
            while handedOver < statements.count, !hasFailed, cancelling == nil, !isFull {
                let statement = statements[handedOver]
                isFull = unanswered > 0 && unanswered + statement.size > Self.ahead
                guard !isFull else { break }
                // Where the socket takes nothing, libpq reads to make room.
                let isSent = connection.inflow.reading {
                    Self.send(statement, handle) == 1 && (!statement.flushes || PQsendFlushRequest(handle) == 1)
                }
                guard isSent else { return breakOff() }
                handedOver += 1
                unanswered += statement.size
            }
            if handedOver == statements.count || hasFailed || cancelling != nil {
                guard connection.inflow.reading({ PQpipelineSync(handle) }) == 1 else { return breakOff() }
                hasSync = true
            } else if askedAt < handedOver, !statements[handedOver - 1].flushes {
                // The answers that make room would stay in the server's buffer.
                guard connection.inflow.reading({ PQsendFlushRequest(handle) }) == 1 else { return breakOff() }
                askedAt = handedOver
            }
        }
        switch connection.inflow.reading({ PQflush(handle) }) {
        case 0: return false
        case 1: return true
        default: return breakOff()
        }
    }

    private static func send(_ statement: PipelineStatement, _ handle: OpaquePointer) -> Int32 {
        let count = Int32(clamping: statement.parameters.count)
        return CStrings.withPointers(statement.parameters) { values in
            switch statement.preparation {
            case .none: PQsendQueryParams(handle, statement.sql, count, nil, values, nil, nil, 0)
            case .prepares(let name): PQsendPrepare(handle, name, statement.sql, 0, nil)
            case .uses(let name): PQsendQueryPrepared(handle, name, count, values, nil, nil, 0)
            }
        }
    }

    /// The server may have said why before it went, so that is read first.
    private mutating func breakOff() -> Bool {
        isBroken = true
        _ = connection.inflow.reading { connection.handle.map(PQconsumeInput) }
        return false
    }

    /// Takes the results that are there.
    private mutating func collect(_ handle: OpaquePointer, _ onResult: (Int, PipelineResult) -> Void) throws(PostgresError) {
        var isAtEnd = false
        while !isOver, results.count < handedOver || hasSync {
            // Before libpq reads the first row. It refuses while nothing is on its way, and where the sync is next.
            if !readsByRow { readsByRow = PQsetSingleRowMode(handle) == 1 }
            guard PQisBusy(handle) == 0 else { break }
            // nil ends a statement's results; the sync is what ends the pipeline.
            guard let pointer = PQgetResult(handle) else {
                guard !isAtEnd else { throw lost() }
                isAtEnd = true
                readsByRow = false
                continue
            }
            isAtEnd = false
            connection.inflow.receivedResult()
            defer { PQclear(pointer) }
            try take(pointer, onResult)
        }
        // libpq parses what is there when asked for them, which it must not do before the mode is set.
        if isOver || results.count < handedOver || hasSync { connection.dropNotifications() }
    }

    private mutating func take(_ pointer: OpaquePointer, _ onResult: (Int, PipelineResult) -> Void) throws(PostgresError) {
        let status = PQresultStatus(pointer)
        if status == PGRES_PIPELINE_SYNC {
            guard results.count == handedOver else {
                throw PostgresError(.unexpectedResult, "\(results.count) results for \(handedOver) statements")
            }
            isOver = true
            return
        }
        guard results.count < handedOver else {
            // Where the sync was to come, libpq says that the connection is lost.
            if status == PGRES_FATAL_ERROR { throw lost(ServerMessage(pointer)) }
            throw PostgresError(.unexpectedResult, "more results than the \(handedOver) statements have")
        }
        switch status {
        case PGRES_SINGLE_TUPLE: try addRows(pointer)
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            try addRows(pointer)
            let result = collector.result(pointer)
            keptRows += collector.rows.count
            keptBytes += collector.bytes
            collector = RowCollector()
            take(.success(result), onResult)
        case PGRES_PIPELINE_ABORTED: take(.skipped, onResult)
        case PGRES_FATAL_ERROR:
            let message = ServerMessage(pointer)
            // A FATAL error ends the session, and what libpq itself says of a broken one has no SQLSTATE.
            guard !message.sqlstate.isEmpty, !message.endsSession else { throw lost(message) }
            hasFailed = true
            collector = RowCollector()
            take(.failure(message), onResult)
        default: throw PostgresError(.unexpectedResult, "the statement asks for a COPY, which Convoy does not do")
        }
    }

    /// Keeps rows, or drops them, within the budget.
    private mutating func addRows(_ pointer: OpaquePointer) throws(PostgresError) {
        let budget = connection.budget
        guard statements[results.count].keepsRows else {
            droppedBytes += RowCollector.size(of: pointer)
            guard droppedBytes <= budget.droppedBytes else { throw Self.overBudget("\(budget.droppedBytes >> 20) MiB of rows") }
            return
        }
        collector.add(pointer)
        guard keptRows + collector.rows.count <= budget.rows else { throw Self.overBudget("\(budget.rows) rows") }
        guard keptBytes + collector.bytes <= budget.resultBytes else { throw Self.overBudget("\(budget.resultBytes >> 20) MiB of rows") }
    }

    private static func overBudget(_ what: String) -> PostgresError {
        PostgresError(.overBudget, "the server sent more than \(what), and the connection was closed")
    }

    private mutating func take(_ result: PipelineResult, _ onResult: (Int, PipelineResult) -> Void) {
        let statement = statements.indices.contains(results.count) ? statements[results.count] : nil
        unanswered -= statement?.size ?? 0
        results.append(result)
        onResult(results.count - 1, result)
        guard case .success = result, cancelling != nil, !hasFailed else { return }
        if statement?.isCommit == true, results.count < handedOver { isPastCommit = true }
    }

    /// Waits until the socket can be used, and reads what came. Also asks the server to stop, when it is time to.
    private mutating func wait(_ handle: OpaquePointer, toSend: Bool) async throws(PostgresError) {
        // Also while data keep coming: they must not put off a deadline.
        let alarm = try cancelling == nil ? alarm() : alarmWhileCancelling()
        let limit = connection.budget.bytesWithoutResult
        guard connection.inflow.bytes <= limit else { throw Self.overBudget("\(limit >> 20) MiB without a result") }
        let socket = PQsocket(handle)
        guard socket >= 0 else { throw lost() }
        let wakeup = await Reactor.shared.wait(
            on: socket,
            for: toSend ? [.readable, .writable] : .readable,
            until: alarm,
            cancellation: cancelling == nil ? connection.cancellation : .ignored
        )
        switch wakeup {
        // What the server said before it hung up is still there to be collected.
        case .ready:
            if connection.inflow.reading({ PQconsumeInput(handle) }) != 1 { isBroken = true }
        case .cancelled: cancelling = Cancelling()
        case .timedOut: break
        }
    }

    /// When to check again: at the deadline, at the end of the present answer's limit, and now and then in case the caller gives up.
    private func alarm() throws(PostgresError) -> ContinuousClock.Instant? {
        if let deadline, let timeout, deadline <= .now { throw PostgresError(.timedOut, "no answer within \(timeout)") }
        guard let watch = connection.watch else { return deadline }
        if let reason = watch.reasonToGiveUp { throw PostgresError(.timedOut, reason) }
        var alarm = ContinuousClock.now + PipelineWatch.glance
        if let deadline { alarm = min(alarm, deadline) }
        guard let since = watch.progress?.since, let limit = watch.limit(at: results.count, of: statements) else { return alarm }
        guard .now < since + limit else { throw PostgresError(.timedOut, "no answer within \(limit)") }
        return min(alarm, since + limit)
    }

    /// The same for a task that was cancelled; asks the server to stop, when it is time to.
    private mutating func alarmWhileCancelling() throws(PostgresError) -> ContinuousClock.Instant? {
        guard var cancelling else { return nil }
        guard .now < cancelling.end else {
            throw PostgresError(.cancelled, "cancelled; the server did not stop within \(PostgresConnection.cancellationGrace)")
        }
        if hasFailed { return cancelling.end }
        guard results.count < handedOver, statements[results.count].isCommit else {
            self.cancelling?.commitSince = nil
            if cancelling.nextRequest <= .now { requestCancel() }
            return self.cancelling?.nextRequest
        }
        cancelling.commitSince = cancelling.commitSince ?? .now
        self.cancelling = cancelling
        let end = (cancelling.commitSince ?? .now) + Self.commitGrace
        guard .now < end else { throw PostgresError(.cancelled, "cancelled while COMMIT waited") }
        return min(end, cancelling.end)
    }

    /// The answers are read meanwhile: a server process that waits for us to read them overhears the request.
    private mutating func requestCancel() {
        guard var cancelling else { return }
        cancelling.nextRequest = .now + Self.repetition
        if cancelling.request == nil || cancelling.request?.value != nil { cancelling.request = connection.canceller?.cancel() }
        self.cancelling = cancelling
    }

    private func lost(_ message: ServerMessage? = nil) -> PostgresError { connection.lost(message) }
}
