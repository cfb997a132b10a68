import ConvoyText
internal import Glibc
internal import Synchronization

/// A connection to an HTTP server on 127.0.0.1 that sends what the test says, byte for byte, and keeps what comes back.
public final class HTTPConnection: Sendable {
    private struct State: Sendable {
        var bytes: [UInt8] = []
        var isOver = false
    }

    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    private let socket: Socket
    private let shared = Shared()

    /// Connects, and begins to read.
    public init(port: Int) throws {
        socket = try Socket.connected(to: .port(port))
        try BlockingThread.start { [socket, shared] in
            Self.read(socket, shared)
            shared.state.withLock { state in
                state.isOver = true
                socket.close()
            }
        }
    }

    deinit { close() }

    /// What has come back so far.
    public var received: String { String(decoding: shared.state.withLock(\.bytes), as: UTF8.self) }

    /// Whether the server has ended the connection.
    public var isOver: Bool { shared.state.withLock(\.isOver) }

    /// Sends; what does not fit into the socket's buffer is an error.
    public func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(socket.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw TestSupportError("the server does not take what is sent to it")
        }
    }

    /// Ends the connection.
    public func close() {
        // Wakes the thread, which closes; after that the number may be another file's.
        shared.state.withLock { state in
            if !state.isOver { shutdown(socket.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Waits until the answer is whole: the server has ended the connection.
    public func answer(within limit: Duration = .seconds(20)) async throws -> HTTPAnswer {
        try await eventually("the server has answered", within: limit) { isOver }
        guard let answer = HTTPAnswer(shared.state.withLock(\.bytes)) else { throw TestSupportError("this is no answer: \(received)") }
        return answer
    }

    private static func read(_ socket: Socket, _ shared: Shared) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var wait = [pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)]
            guard poll(&wait, 1, -1) > 0 || errno == EINTR else { break }
            let count = recv(socket.descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { break }
            shared.state.withLock { $0.bytes += buffer[..<count] }
        }
    }
}

/// What an HTTP server answered.
public struct HTTPAnswer: Sendable {
    public let status: Int
    /// In order, the names in lower case.
    public let headers: [(name: String, value: String)]
    public let body: String

    /// Reads a whole answer; nil if the bytes are no whole answer.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        guard let first = lines.first, let status = Int(first.split(separator: " ").dropFirst().first ?? "") else { return nil }
        self.status = status
        headers = lines.dropFirst().compactMap { line in
            line.firstIndex(of: ":").map { (line[..<$0].lowercased(), String(line[line.index(after: $0)...].drop { $0 == " " })) }
        }
        let body = String(text[end.upperBound...])
        self.body = headers.contains { $0.name == "transfer-encoding" && $0.value == "chunked" } ? Self.unchunked(body) : body
    }

    /// The value of a header; nil if the answer does not have it.
    public func header(_ name: String) -> String? { headers.first { $0.name == name.lowercased() }?.value }

    private static func unchunked(_ text: String) -> String {
        var rest = Array(text.utf8)[...]
        var body: [UInt8] = []
        while let end = rest.firstIndex(of: 13), let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16), size > 0 {
            body += rest[(end + 2)...].prefix(size)
            rest = rest[(end + 2)...].dropFirst(size + 2)
        }
        return String(decoding: body, as: UTF8.self)
    }
}

/// Asks an HTTP server on 127.0.0.1 one thing, over a connection of its own.
///
/// - Parameters:
///   - headers: besides `Host`, `Connection` and the body's length; `Host` here replaces the usual one.
public func askHTTP(
    _ path: String,
    port: Int,
    method: String = "GET",
    headers: [String: String] = [:],
    body: String = ""
) async throws -> HTTPAnswer {
    var lines = ["\(method) \(path) HTTP/1.1"]
    if headers["Host"] == nil { lines.append("Host: 127.0.0.1:\(port)") }
    lines += headers.map { "\($0): \($1)" } + ["Connection: close"]
    if !body.isEmpty || method == "POST" { lines.append("Content-Length: \(body.utf8.count)") }
    let connection = try HTTPConnection(port: port)
    try connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    return try await connection.answer()
}
