internal import Glibc
import Synchronization

/// A port of 127.0.0.1 that speaks just enough of PostgreSQL's protocol to let a client in, and then sends without end.
///
///     let server = try FloodingServer(.notices(bytes: 1 << 20))
///     // connect to server.port; afterwards server.bytesSent says how much the client took
public final class FloodingServer: Sendable {
    /// What it sends.
    public enum Flood: Sendable, Hashable {
        /// Parameters of the session, before the session is ready.
        case parameters
        /// Warnings of that length, before the session is ready.
        case earlyNotices(bytes: Int)
        /// Warnings of that length instead of an answer.
        case notices(bytes: Int)
        case notifications
        /// Parameters of the session instead of an answer.
        case lateParameters
        /// Rows of one column of that length.
        case rows(bytes: Int)
        /// One row of that length.
        case hugeRow(bytes: Int)
        /// One error whose message has that length.
        case hugeError(bytes: Int)
    }

    public let port: Int
    private let listener: Socket
    private let state: State

    final class State: Sendable {
        let bytesSent = Atomic(0)
        let mustEnd = Atomic(false)
    }

    public init(_ flood: Flood) throws {
        listener = try Socket.bound()
        listener.startListening()
        port = listener.port
        let state = State()
        self.state = state
        let listener = listener
        try BlockingThread.start {
            while !state.mustEnd.load(ordering: .relaxed) {
                var wait = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&wait, 1, 100) > 0, let client = listener.accepted() else { continue }
                try? BlockingThread.start {
                    FloodingSession(client: client, state: state).run(flood)
                    client.close()
                }
            }
            listener.close()
        }
    }

    deinit {
        state.mustEnd.store(true, ordering: .relaxed)
    }

    /// What the kernel has taken from it, over all its connections.
    public var bytesSent: Int { state.bytesSent.load(ordering: .relaxed) }
}

/// One connection of a ``FloodingServer``.
private struct FloodingSession {
    let client: Socket
    let state: FloodingServer.State

    func run(_ flood: FloodingServer.Flood) {
        guard readStartup(), send(Self.message("R", Self.number(0))) else { return }
        switch flood {
        case .parameters: sendParameters()
        case .earlyNotices(let bytes): repeatedly(Self.notice("N", "WARNING", String(repeating: "«", count: bytes / 2)))
        default: break
        }
        let ready = Self.message("S", Self.texts("server_version", "17.0")) + Self.message("Z", [UInt8(ascii: "I")])
        guard send(ready), receive(1) != nil else { return }
        let head = Self.message("1", []) + Self.message("2", []) + Self.message("T", Self.columns)
        switch flood {
        case .parameters, .earlyNotices: break
        case .notices(let bytes): repeatedly(Self.notice("N", "WARNING", String(repeating: "«", count: bytes / 2)))
        case .notifications: repeatedly(Self.message("A", Self.number(1) + Self.texts("channel", "payload")))
        case .lateParameters: sendParameters()
        case .rows(let bytes):
            guard send(head) else { return }
            let row = Self.message("D", [0, 1] + Self.number(bytes) + [UInt8](repeating: 0x61, count: bytes))
            // Many at once: what a system call costs is not the test's subject.
            repeatedly([[UInt8]](repeating: row, count: max(1, 60_000 / row.count)).flatMap(\.self))
        case .hugeRow(let bytes):
            guard send(head + [UInt8(ascii: "D")] + Self.number(bytes + 10) + [0, 1] + Self.number(bytes)) else { return }
            sendFiller(bytes)
        case .hugeError(let bytes):
            let fields = [UInt8]("SERROR\0VERROR\0CXX000\0M".utf8)
            guard send([UInt8(ascii: "E")] + Self.number(4 + fields.count + bytes + 2) + fields) else { return }
            sendFiller(bytes)
        }
    }

    private func sendParameters() {
        var number = 0
        while !state.mustEnd.load(ordering: .relaxed) {
            number += 1
            guard send(Self.message("S", Self.texts("parameter\(number % 1000)", "\(number)"))) else { return }
        }
    }

    private func repeatedly(_ bytes: [UInt8]) {
        while !state.mustEnd.load(ordering: .relaxed), send(bytes) {}
    }

    private func sendFiller(_ count: Int) {
        let chunk = [UInt8](repeating: 0x61, count: 64 << 10)
        var left = count
        while left > 0, send(Array(chunk.prefix(left))) { left -= chunk.count }
    }

    // MARK: Messages

    private static let columns: [UInt8] = [0, 1] + texts("value") + number(0) + [0, 0] + number(25) + [0xFF, 0xFF] + number(-1) + [0, 0]

    private static func notice(_ type: Character, _ severity: String, _ text: String) -> [UInt8] {
        message(type, texts("S\(severity)", "V\(severity)", "C01000", "M\(text)") + [0])
    }

    private static func texts(_ texts: String...) -> [UInt8] { texts.flatMap { Array($0.utf8) + [0] } }

    private static func number(_ number: Int) -> [UInt8] {
        let bits = UInt32(truncatingIfNeeded: number)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) }
    }

    private static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] {
        [type.asciiValue ?? 0] + number(body.count + 4) + body
    }

    // MARK: The socket

    /// Refuses encryption as often as it is asked for, and reads the startup message.
    private func readStartup() -> Bool {
        while let head = receive(8) {
            let length = head[..<4].reduce(0) { $0 << 8 | Int($1) }
            let code = head[4...].reduce(0) { $0 << 8 | Int($1) }
            guard code == 80_877_103 || code == 80_877_104 else { return receive(max(0, length - 8)) != nil }
            guard send([UInt8(ascii: "N")]) else { return false }
        }
        return false
    }

    /// Waits for that many bytes; nil at the end.
    private func receive(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard wait(POLLIN) else { return nil }
            var buffer = [UInt8](repeating: 0, count: count - bytes.count)
            let read = recv(client.descriptor, &buffer, buffer.count, 0)
            guard read > 0 else { return nil }
            bytes += buffer[..<read]
        }
        return bytes
    }

    private func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(client.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent > 0 {
                state.bytesSent.add(sent, ordering: .relaxed)
                rest = rest.dropFirst(sent)
            } else {
                guard sent < 0, errno == EAGAIN, wait(POLLOUT) else { return false }
            }
        }
        return true
    }

    private func wait(_ events: Int32) -> Bool {
        while !state.mustEnd.load(ordering: .relaxed) {
            var wait = pollfd(fd: client.descriptor, events: Int16(events), revents: 0)
            if poll(&wait, 1, 100) > 0 { return true }
        }
        return false
    }
}
