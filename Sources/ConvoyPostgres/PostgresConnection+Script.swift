internal import CLibPQ
import ConvoyIO
import ConvoyText

/// What became of one statement of a script.
package enum ScriptResult: Sendable {
    case rows(QueryResult)
    /// The lines of a `COPY … TO STDOUT`, each split into its columns; nil is NULL.
    case lines([[String?]])
    /// The server's error; nothing after it was run.
    case failure(ServerMessage)
}

extension PostgresConnection {
    /// Runs statements separated by semicolons in one round trip, without parameters; the only way in which `COPY … TO STDOUT` can be asked for.
    ///
    /// COPY of a plain table opens it, locks it and looks at its kind in one step, and neither plans nor evaluates anything: no view, rule, policy or
    /// expression of the table's owner runs in the session that reads.
    ///
    /// - Parameters:
    ///   - byteLimit: how much may be copied in all. What is more closes the session.
    ///   - timeout: how long to wait for everything; nil waits as long as the connection lives. When it passes, the session is closed.
    /// - Throws: `.cancelled`, `.connectionLost`, `.timedOut`, `.unexpectedResult`, `.overBudget`: then the session is closed.
    package func script(_ sql: String, byteLimit: Int, timeout: Duration?) async throws(PostgresError) -> [ScriptResult] {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        guard !sql.hasZeroByte else { throw PostgresError(.invalidParameters, "a statement cannot hold a zero byte") }
        if cancellation == .observed, Task.isCancelled { throw PostgresError(.cancelled, "cancelled before anything was sent") }
        do throws(PostgresError) {
            if PQpipelineStatus(handle) != PQ_PIPELINE_OFF, PQexitPipelineMode(handle) != 1 { throw lost() }
            guard PQsendQuery(handle, sql) == 1 else { throw lost() }
            let deadline = timeout.map { ContinuousClock.now + $0 }
            var results: [ScriptResult] = []
            var bytesLeft = byteLimit
            while let pointer = try await scriptResult(handle, deadline) {
                defer { PQclear(pointer) }
                switch PQresultStatus(pointer) {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                    // A COPY that is over says so once more.
                    var collector = RowCollector()
                    collector.add(pointer)
                    let result = collector.result(pointer)
                    if case .lines? = results.last, result.commandTag.hasPrefix("COPY") { continue }
                    bytesLeft -= collector.bytes
                    guard bytesLeft >= 0 else { throw Self.tooMuch }
                    results.append(.rows(result))
                case PGRES_COPY_OUT: results.append(.lines(try await copiedLines(handle, &bytesLeft, deadline)))
                case PGRES_FATAL_ERROR:
                    let message = ServerMessage(pointer)
                    guard !message.sqlstate.isEmpty, !message.endsSession else { throw lost(message) }
                    results.append(.failure(message))
                default: throw PostgresError(.unexpectedResult, "the server answered what was not asked")
                }
            }
            return results
        } catch {
            close()
            throw error
        }
    }

    /// The next result; nil after the last one.
    private func scriptResult(_ handle: OpaquePointer, _ deadline: ContinuousClock.Instant?) async throws(PostgresError) -> OpaquePointer? {
        while PQisBusy(handle) == 1 { try await waitForScript(handle, deadline) }
        inflow.receivedResult()
        dropNotifications()
        return PQgetResult(handle)
    }

    private func copiedLines(_ handle: OpaquePointer, _ bytesLeft: inout Int, _ deadline: ContinuousClock.Instant?)
        async throws(PostgresError) -> [[String?]]
    {
        var lines: [[String?]] = []
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(handle, &buffer, 1)
            defer { if let buffer { PQfreemem(buffer) } }
            switch count {
            case 0: try await waitForScript(handle, deadline)
            // The result that follows says how it ended.
            case ..<0: return lines
            default:
                inflow.receivedResult()
                let length = Int(clamping: count)
                guard let buffer else { continue }
                let bytes = UnsafeRawBufferPointer(start: buffer, count: length)
                // Each column is a value in memory, and each line an array of them.
                let columns = 1 + bytes.count { $0 == UInt8(ascii: "\t") }
                bytesLeft -= length + 64 + 32 * columns
                guard bytesLeft >= 0 else { throw Self.tooMuch }
                lines.append(Self.columns(bytes, count: columns))
            }
        }
    }

    /// The columns of a line in COPY's text format, with or without the newline that ends it.
    static func columns(_ line: UnsafeRawBufferPointer, count: Int) -> [String?] {
        let end = line.last == UInt8(ascii: "\n") ? line.count - 1 : line.count
        var columns: [String?] = []
        columns.reserveCapacity(count)
        var start = 0
        var isEscaped = false
        for index in 0...end {
            guard index == end || line[index] == UInt8(ascii: "\t") else {
                isEscaped = isEscaped || line[index] == UInt8(ascii: "\\")
                continue
            }
            let field = UnsafeRawBufferPointer(rebasing: line[start..<index])
            columns.append(isEscaped ? unescaped(field) : String(decoding: field, as: UTF8.self))
            start = index + 1
            isEscaped = false
        }
        return columns
    }

    private static func unescaped(_ field: UnsafeRawBufferPointer) -> String? {
        if field.elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: "N")]) { return nil }
        var plain: [UInt8] = []
        var isEscaped = false
        for byte in field {
            if !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            }
            plain.append(isEscaped ? escaped[byte] ?? byte : byte)
            isEscaped = false
        }
        return String(decoding: plain, as: UTF8.self)
    }

    private static let escaped: [UInt8: UInt8] = [
        UInt8(ascii: "b"): 8, UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10, UInt8(ascii: "v"): 11, UInt8(ascii: "f"): 12,
        UInt8(ascii: "r"): 13,
    ]

    private static let tooMuch = PostgresError(.overBudget, "the table holds more than Convoy reads, and the connection was closed")

    private func waitForScript(_ handle: OpaquePointer, _ deadline: ContinuousClock.Instant?) async throws(PostgresError) {
        // Also while data keep coming.
        if let deadline, deadline <= .now { throw PostgresError(.timedOut, "no answer in time") }
        // A result is handed over as a whole, so its rows count here too.
        guard inflow.bytes <= budget.bytesWithoutResult else {
            throw PostgresError(
                .overBudget,
                "the server sent more than \(budget.bytesWithoutResult >> 20) MiB without a result, and the connection was closed"
            )
        }
        let socket = PQsocket(handle)
        guard socket >= 0 else { throw lost() }
        let hasMoreToSend = inflow.reading { PQflush(handle) }
        guard hasMoreToSend >= 0 else { throw lost() }
        let interest: Reactor.Interest = hasMoreToSend == 1 ? [.readable, .writable] : .readable
        switch await Reactor.shared.wait(on: socket, for: interest, until: deadline, cancellation: cancellation) {
        case .ready:
            guard inflow.reading({ PQconsumeInput(handle) }) == 1 else { throw lost() }
        case .cancelled: throw PostgresError(.cancelled, "cancelled")
        case .timedOut: throw PostgresError(.timedOut, "no answer in time")
        }
    }
}
