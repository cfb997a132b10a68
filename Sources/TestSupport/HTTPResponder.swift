internal import Glibc
internal import Synchronization

/// An HTTP server on 127.0.0.1 that answers each request as the test says. One answer a connection.
public final class HTTPResponder: Sendable {
    public enum Answer: Sendable, Hashable {
        case status(Int)
        /// 302 to a path, or to a whole URL.
        case redirect(String)
        /// Reads the request and never says a word.
        case silence
        case hangUp
        /// 200 and a body that never ends.
        case endless
        /// The head, and then the piece over and over.
        case forever(head: String, piece: String)
        /// 200, the beginning of a body, and then nothing, while the connection stays open.
        case unfinished
        /// What is said, word for word.
        case raw(String)
        /// 429, to be tried again after what is said.
        case later(String)
    }

    private final class Shared: Sendable {
        let requests = Mutex<[String]>([])
        let isOver = Atomic(false)
    }

    private let listener: Socket
    private let shared = Shared()
    public let port: Int

    /// Each request as it came, in order: the first line and the headers, an empty line, and the body where it has one.
    public var requests: [String] { shared.requests.withLock(\.self) }

    public init(_ answer: @escaping @Sendable (_ path: String) -> Answer) throws {
        let listener = try Socket.bound()
        listener.startListening()
        self.listener = listener
        port = listener.port
        try BlockingThread.start { [shared] in
            Self.serve(listener, shared, answer)
            listener.close()
        }
    }

    deinit {
        shared.isOver.store(true, ordering: .relaxed)
        // Wakes the thread, which closes.
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
    }

    /// Whether the headers and as much of the body as they announce are there.
    private static func isWhole(_ request: String) -> Bool {
        guard let end = request.firstRange(of: "\r\n\r\n") else { return false }
        let lengths = request[..<end.lowerBound].split(separator: "\r\n").compactMap { line in
            line.lowercased().hasPrefix("content-length:") ? Int(line.split(separator: ":")[1].drop { $0 == " " }) : nil
        }
        return request[end.upperBound...].utf8.count >= lengths.first ?? 0
    }

    private static func serve(_ listener: Socket, _ shared: Shared, _ answer: (String) -> Answer) {
        var open: [Int32: (socket: Socket, head: [UInt8], endless: [UInt8]?)] = [:]
        defer { for connection in open.values { connection.socket.close() } }
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !shared.isOver.load(ordering: .relaxed) {
            var waits = [pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)]
            waits += open.values.map { pollfd(fd: $0.socket.descriptor, events: Int16($0.endless != nil ? POLLOUT : POLLIN), revents: 0) }
            guard poll(&waits, nfds_t(waits.count), -1) > 0 else { continue }
            for wait in waits where wait.revents != 0 {
                guard wait.fd != listener.descriptor else {
                    if let socket = listener.accepted() { open[socket.descriptor] = (socket, [], nil) }
                    continue
                }
                guard var connection = open[wait.fd] else { continue }
                if let endless = connection.endless {
                    if send(wait.fd, endless, endless.count, Int32(MSG_NOSIGNAL)) > 0 { continue }
                } else {
                    let count = recv(wait.fd, &buffer, buffer.count, 0)
                    connection.head += buffer.prefix(max(0, count))
                    let head = String(decoding: connection.head, as: UTF8.self)
                    // Each method begins with a letter. Who speaks TLS says hello and waits.
                    let isHTTP = connection.head.first.map { UnicodeScalar($0).properties.isAlphabetic } ?? true
                    if count > 0, isHTTP, !isWhole(head) {
                        open[wait.fd] = connection
                        continue
                    }
                    if count > 0 {
                        shared.requests.withLock { $0.append(head) }
                        let path = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
                        let answer = answer(path)
                        let text = answer.text
                        _ = text.withCString { send(wait.fd, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
                        connection.head = []
                        connection.endless = answer.piece
                        if answer == .silence || answer == .unfinished || answer.piece != nil {
                            open[wait.fd] = connection
                            continue
                        }
                    }
                }
                connection.socket.close()
                open[wait.fd] = nil
            }
        }
    }
}

extension HTTPResponder.Answer {
    /// What is sent over and over, in pieces of a few KiB.
    fileprivate var piece: [UInt8]? {
        switch self {
        case .endless: Array(repeating: UInt8(ascii: "x"), count: 4096)
        case .forever(_, let piece): Array(String(repeating: piece, count: max(1, 4096 / max(1, piece.utf8.count))).utf8)
        default: nil
        }
    }

    fileprivate var text: String {
        switch self {
        case .status(let status): "HTTP/1.1 \(status) Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        case .redirect(let place): "HTTP/1.1 302 Found\r\nLocation: \(place)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        case .silence, .hangUp: ""
        case .later(let when):
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: \(when)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        case .forever(let head, _): head
        case .unfinished: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
        case .raw(let text): text
        case .endless: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        }
    }
}
