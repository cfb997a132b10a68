import ConvoyText
internal import Glibc

/// The thread of a ``FaultProxy``: one loop around `poll(2)` over its listener and all connections.
struct Relay {
    /// Bytes on their way in one direction of a connection.
    struct Channel {
        let direction: FaultProxy.Direction
        let source: Socket
        let sink: Socket
        /// In the order in which they came; an empty one is the end of the stream.
        var chunks: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
        var size = 0
        var sourceEnded = false
        var sinkEnded = false
        /// The sink's buffer was full at the last attempt.
        var isBlocked = false

        /// Without a bound a test that reads nothing would fill the memory.
        static let capacity = 16 << 20

        var wantsBytes: Bool { !sourceEnded && size < Self.capacity }
    }

    struct Connection {
        var channels: [Channel]
        var lastToSpeak: FaultProxy.Direction?
        var isBroken = false

        var isOver: Bool { channels.allSatisfy(\.sinkEnded) }

        init(client: Socket, server: Socket) {
            channels = [
                Channel(direction: .toServer, source: client, sink: server),
                Channel(direction: .toClient, source: server, sink: client),
            ]
        }

        func reset() {
            for channel in channels { channel.source.reset() }
        }
    }

    private let clock = ContinuousClock()
    private let upstream: SocketAddress
    private let controls: Controls
    private let port: Int
    private var listener: Socket
    private var isListening = true
    private var connections: [Connection] = []
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    init(listener: Socket, upstream: SocketAddress, controls: Controls) {
        self.listener = listener
        self.upstream = upstream
        self.controls = controls
        port = listener.port
    }

    /// Works until the owner says that it must end.
    mutating func run() {
        while true {
            let settings = controls.take()
            if settings.mustEnd || settings.mustCut { cutAll() }
            if settings.mustEnd { break }
            listen(settings.mode != .refuse)
            let isForwarding = settings.mode != .blackHole
            if isForwarding { passOn() }
            for ready in waitForSockets(isForwarding) {
                switch ready {
                case .alarm: controls.alarm.drain()
                case .listener: acceptAll()
                case .channel(let connection, let channel): receive(connection, channel, settings.delay)
                }
            }
            removeFinished()
        }
        listener.close()
    }

    private enum Ready {
        case alarm, listener
        case channel(connection: Int, channel: Int)
    }

    private func waitForSockets(_ isForwarding: Bool) -> [Ready] {
        var waits = [pollfd(fd: controls.alarm.reading, events: Int16(POLLIN), revents: 0)]
        var meanings: [Ready?] = [.alarm]
        if isListening {
            waits.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
            meanings.append(.listener)
        }
        var next: ContinuousClock.Instant?
        if isForwarding {
            for (index, connection) in connections.enumerated() {
                for (number, channel) in connection.channels.enumerated() {
                    if channel.wantsBytes {
                        waits.append(pollfd(fd: channel.source.descriptor, events: Int16(POLLIN), revents: 0))
                        meanings.append(.channel(connection: index, channel: number))
                    }
                    if channel.isBlocked {
                        waits.append(pollfd(fd: channel.sink.descriptor, events: Int16(POLLOUT), revents: 0))
                        meanings.append(nil)
                    } else if let due = channel.chunks.first?.due {
                        next = min(next ?? due, due)
                    }
                }
            }
        }
        var timeout: Int32 = -1
        if let next {
            let left = max(.zero, next - clock.now)
            timeout = Int32(left / .milliseconds(1))
            if timeout == 0, left > .zero {
                // poll counts whole milliseconds; a shorter rest is slept, in slices so that what arrives meanwhile gets its true time.
                var slice = timespec(tv_sec: 0, tv_nsec: min(100_000, Int(left / .nanoseconds(1))))
                nanosleep(&slice, nil)
            }
        }
        guard poll(&waits, nfds_t(waits.count), timeout) > 0 else { return [] }
        return zip(waits, meanings).compactMap { $0.revents == 0 ? nil : $1 }
    }

    /// Sends what is due.
    private mutating func passOn() {
        let now = clock.now
        for index in connections.indices {
            for number in connections[index].channels.indices where !connections[index].isBroken {
                if send(index, number, now) {
                    cutAll()
                    return
                }
            }
        }
    }

    /// Sends what is due in one channel.
    ///
    /// - Returns: whether the last byte that may pass has passed.
    private mutating func send(_ index: Int, _ number: Int, _ now: ContinuousClock.Instant) -> Bool {
        let direction = connections[index].channels[number].direction
        let sink = connections[index].channels[number].sink
        connections[index].channels[number].isBlocked = false
        while let (due, bytes) = connections[index].channels[number].chunks.first, due <= now {
            if bytes.isEmpty {
                sink.endSending()
                connections[index].channels[number].sinkEnded = true
                connections[index].channels[number].chunks.removeFirst()
                continue
            }
            let permit = controls.permit(bytes.count, direction)
            let sent = bytes.prefix(permit.bytes).withUnsafeBytes {
                Glibc.send(sink.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent >= 0 else {
                if errno == EAGAIN || errno == EINTR {
                    connections[index].channels[number].isBlocked = true
                } else {
                    connections[index].isBroken = true
                }
                return controls.passed(0, of: permit, direction)
            }
            connections[index].channels[number].size -= sent
            if sent == bytes.count {
                connections[index].channels[number].chunks.removeFirst()
            } else {
                connections[index].channels[number].chunks[0].bytes = bytes.dropFirst(sent)
            }
            if controls.passed(sent, of: permit, direction) { return true }
        }
        return false
    }

    private mutating func receive(_ index: Int, _ number: Int, _ delay: Duration) {
        guard !connections[index].isBroken else { return }
        let channel = connections[index].channels[number]
        let count = recv(channel.source.descriptor, &buffer, buffer.count, 0)
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { connections[index].isBroken = true }
            return
        }
        if count == 0 {
            connections[index].channels[number].sourceEnded = true
        } else {
            if channel.direction == .toServer, connections[index].lastToSpeak != .toServer { controls.count { $0.roundTrips += 1 } }
            connections[index].lastToSpeak = channel.direction
            connections[index].channels[number].size += count
        }
        connections[index].channels[number].chunks.append((clock.now + delay, ArraySlice(Array(buffer[..<count]))))
    }

    private mutating func acceptAll() {
        while let client = listener.accepted() {
            controls.count { $0.connections += 1 }
            guard let server = try? Socket.connected(to: upstream) else {
                client.reset()
                continue
            }
            connections.append(Connection(client: client, server: server))
        }
    }

    /// A port is only refused by the kernel while nobody listens on it, and listening cannot be taken back: the socket is replaced.
    private mutating func listen(_ mustListen: Bool) {
        guard mustListen != isListening else { return }
        if mustListen {
            listener.startListening()
        } else {
            listener.close()
            guard let holder = try? Socket.bound(port: port) else { return }
            listener = holder
        }
        isListening = mustListen
    }

    private mutating func removeFinished() {
        for connection in connections where connection.isBroken { connection.reset() }
        for connection in connections where connection.isOver && !connection.isBroken {
            for channel in connection.channels { channel.source.close() }
        }
        connections.removeAll { $0.isBroken || $0.isOver }
    }

    private mutating func cutAll() {
        for connection in connections { connection.reset() }
        connections = []
    }
}
