internal import Glibc
internal import Synchronization

/// A port of 127.0.0.1 in front of a server that changes what the server says: values, rows and messages, by a seed.
///
/// Messages are changed from the client's first query on. What was answered still ends in a message that the client can wait for, unless the proxy
/// hangs up, so a client that is not misled needs no patience.
public final class LyingProxy: Sendable {
    public let port: Int
    private let ended: Ended

    /// - Parameters:
    ///   - rate: how many of a thousand values and messages are changed.
    public init(to upstream: SocketAddress, seed: UInt64, rate: Int) throws {
        let listener = try Socket.bound()
        listener.startListening()
        port = listener.port
        let ended = Ended()
        self.ended = ended
        try BlockingThread.start {
            var number: UInt64 = 0
            while !ended.value {
                var wait = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
                guard poll(&wait, 1, 100) > 0, let client = listener.accepted() else { continue }
                number += 1
                let lies = Lies(seed: seed &* 1_000_003 &+ number, rate: rate)
                try? BlockingThread.start {
                    guard let server = try? Socket.connected(to: upstream) else {
                        client.close()
                        return
                    }
                    var session = LyingSession(client: client, server: server, lies: lies, ended: ended)
                    session.run()
                    client.close()
                    server.close()
                }
            }
            listener.close()
        }
    }

    deinit {
        ended.value = true
    }

    final class Ended: Sendable {
        private let mutex = Mutex(false)

        var value: Bool {
            get { mutex.withLock { $0 } }
            set { mutex.withLock { $0 = newValue } }
        }
    }
}

/// One connection of a ``LyingProxy``.
private struct LyingSession {
    let client: Socket
    let server: Socket
    var lies: Lies
    let ended: LyingProxy.Ended
    private var fromServer: [UInt8] = []
    private var isReady = false

    init(client: Socket, server: Socket, lies: Lies, ended: LyingProxy.Ended) {
        (self.client, self.server, self.lies, self.ended) = (client, server, lies, ended)
    }

    mutating func run() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while !ended.value {
            var waits = [client, server].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            guard poll(&waits, 2, 100) > 0 else { continue }
            if waits[0].revents != 0 {
                let count = recv(client.descriptor, &buffer, buffer.count, 0)
                guard count > 0, send(buffer[..<count], to: server) else { return }
            }
            if waits[1].revents != 0 {
                let count = recv(server.descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                fromServer += buffer[..<count]
                while let message = nextMessage() {
                    guard let changed = isReady ? lies.change(message) : message, send(changed[...], to: client) else { return }
                    if message[0] == UInt8(ascii: "Z") { isReady = true }
                }
            }
        }
    }

    /// The next whole message of the server, its type and length included.
    private mutating func nextMessage() -> [UInt8]? {
        guard fromServer.count >= 5 else { return nil }
        let length = 1 + fromServer[1..<5].reduce(0) { $0 << 8 | Int($1) }
        guard length >= 5, fromServer.count >= length else { return nil }
        defer { fromServer.removeFirst(length) }
        return Array(fromServer[..<length])
    }

    private func send(_ bytes: ArraySlice<UInt8>, to socket: Socket) -> Bool {
        var rest = bytes
        while !rest.isEmpty, !ended.value {
            let sent = rest.withUnsafeBytes { Glibc.send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent > 0 {
                rest = rest.dropFirst(sent)
            } else {
                guard sent < 0, errno == EAGAIN else { return false }
                var wait = pollfd(fd: socket.descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, 100)
            }
        }
        return true
    }
}

/// What a lying server says instead of the truth.
private struct Lies {
    private var state: UInt64
    private let rate: Int

    init(seed: UInt64, rate: Int) {
        state = seed
        self.rate = rate
    }

    private mutating func below(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((mixed ^ (mixed >> 31)) % UInt64(max(1, limit)))
    }

    private mutating func isLie() -> Bool { below(1000) < rate }

    /// - Returns: what is sent instead of a message; nil hangs up.
    mutating func change(_ message: [UInt8]) -> [UInt8]? {
        var message = message
        if message[0] == UInt8(ascii: "D") {
            message = row(message)
            if isLie() {
                switch below(4) {
                case 0: return []
                case 1: return message + message
                case 2: return (0..<2000).flatMap { _ in message }
                default: break
                }
            }
        }
        guard isLie() else { return message }
        switch below(12) {
        case 0: return Self.message("N", Self.fields("WARNING", "01000", String(repeating: "«", count: 50_000))) + message
        case 1: return Self.message("S", Array("server_version\0nan\0".utf8)) + message
        case 2: return Self.message("A", [0, 0, 0, 1] + Array("c\0p\0".utf8)) + message
        case 3: return Self.message("E", Self.fields("ERROR", "XX000", "\"\"«'`" + String(repeating: "'a", count: 20_000))) + message
        case 4: return Self.message("E", Self.fields("FATAL", "57P01", "no more")) + message
        case 5: return Self.message("?", [1, 2, 3]) + message
        case 6: return Self.message("C", Array("COMMIT\0".utf8)) + message
        case 7: return message + Self.message("Z", [UInt8(ascii: "E")])
        case 8: return nil
        case 9: return Array(message.prefix(3)) + [0xFF, 0xFF] + message.dropFirst(5)
        case 10: return Self.message("E", Self.fields("ERROR", "", "")) + message
        default: return Self.message("T", [0, 1] + Array("x\0".utf8) + [UInt8](repeating: 0, count: 18)) + message
        }
    }

    /// Replaces values of a row, or changes how many it has.
    private mutating func row(_ message: [UInt8]) -> [UInt8] {
        var values: [[UInt8]?] = []
        var rest = message[7...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            rest = rest.dropFirst(4)
            if length == .max {
                values.append(nil)
            } else {
                values.append(Array(rest.prefix(Int(length))))
                rest = rest.dropFirst(Int(length))
            }
        }
        for index in values.indices where isLie() { values[index] = value() }
        if isLie(), isLie() { values = below(2) == 0 ? Array(values.dropLast()) : values + [value()] }
        var body: [UInt8] = [UInt8(truncatingIfNeeded: values.count >> 8), UInt8(truncatingIfNeeded: values.count)]
        for value in values { body += Self.number(value?.count ?? -1) + (value ?? []) }
        return Self.message("D", body)
    }

    private static let texts = [
        "", "inf", "-inf", "nan", "1e300", "-1e300", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-1", "0", "1",
        "t", "f",
        "true", "20200101000000,20200101000000,-5,0,9223372036854775807", "infinity", "x", "{}", "\u{1B}[2J", "2026-13-45", "0.1",
        "'; DROP TABLE cars --",
    ]

    private mutating func value() -> [UInt8]? {
        switch below(Self.texts.count + 5) {
        case 0, 1: nil
        case 2: [UInt8](repeating: 0xFF, count: 300)
        case 3: Array(String(repeating: "1,", count: 50_000).utf8)
        case 4: Array(String(repeating: "«", count: 50_000).utf8)
        case let choice: Array(Self.texts[choice - 5].utf8)
        }
    }

    private static func fields(_ severity: String, _ code: String, _ text: String) -> [UInt8] {
        Array("S\(severity)\0V\(severity)\0C\(code)\0M\(text)\0P-5\0\0".utf8)
    }

    private static func number(_ number: Int) -> [UInt8] {
        let bits = UInt32(truncatingIfNeeded: number)
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) }
    }

    private static func message(_ type: Character, _ body: [UInt8]) -> [UInt8] { [type.asciiValue ?? 0] + number(body.count + 4) + body }
}
