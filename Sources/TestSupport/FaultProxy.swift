internal import Synchronization

/// A TCP port of 127.0.0.1 in front of a server: it makes the way there longer, and breaks it on demand.
///
///     let proxy = try FaultProxy(to: .port(server.port), delay: .milliseconds(10))
///     let far = database.ownerOverTCP(port: proxy.port)
///     proxy.cutAll()
///
/// A delay is a delay, not a speed: each chunk of bytes is passed on that long after it came, however many are under way. Only TCP's own
/// handshake is not delayed. All the work is done on a thread that ends with the proxy, and its connections with it.
public final class FaultProxy: Sendable {
    /// What happens to connections.
    public enum Mode: Sendable, Hashable {
        /// Bytes are passed on.
        case forward
        /// Connections stay open, new ones are accepted, and nothing is passed on; it all comes when the mode is `forward` again.
        case blackHole
        /// New connections are refused; open ones go on.
        case refuse
    }

    /// Which way bytes go.
    public enum Direction: Sendable, Hashable {
        case toServer, toClient
    }

    /// What has passed since the proxy was made.
    public struct Counts: Sendable, Hashable {
        /// Connections accepted.
        public var connections = 0
        public var bytesToServer = 0
        public var bytesToClient = 0
        /// How often a client began to speak after the server had. One that sends while answers arrive makes more of these than it waits for.
        public var roundTrips = 0
    }

    /// The port to connect to.
    public let port: Int
    private let controls: Controls

    /// - Parameter delay: of every byte, each way.
    public init(to upstream: SocketAddress, delay: Duration = .zero) throws {
        let controls = try Controls(delay: delay)
        let listener = try Socket.bound()
        port = listener.port
        listener.startListening()
        self.controls = controls
        try BlockingThread.start {
            var relay = Relay(listener: listener, upstream: upstream, controls: controls)
            relay.run()
        }
    }

    deinit {
        controls.set { $0.mustEnd = true }
    }

    /// What has passed so far.
    public var counts: Counts { controls.counts.withLock { $0 } }

    /// Sets what happens to connections from now on.
    public func set(mode: Mode) {
        controls.set { $0.mode = mode }
    }

    /// Sets the delay of what comes from now on.
    public func set(delay: Duration) {
        controls.set { $0.delay = delay }
    }

    /// Cuts all connections: both sides get a reset, what was under way is lost.
    public func cutAll() {
        controls.set { $0.mustCut = true }
    }

    /// Cuts all connections as soon as so many more bytes were passed on in that direction, counted over all of them.
    public func cut(after bytes: Int, _ direction: Direction) {
        controls.set { $0.allowance[direction] = bytes }
    }
}

/// What a proxy's owner tells its thread, and what the thread tells back.
final class Controls: Sendable {
    struct Settings: Sendable {
        var mode = FaultProxy.Mode.forward
        var delay: Duration
        var allowance: [FaultProxy.Direction: Int] = [:]
        var mustCut = false
        var mustEnd = false
    }

    let counts = Mutex(FaultProxy.Counts())
    /// Becomes readable when a setting has changed.
    let alarm: Pipe
    private let settings: Mutex<Settings>

    init(delay: Duration) throws(TestSupportError) {
        settings = Mutex(Settings(delay: delay))
        alarm = try Descriptors.exclusively { () throws(TestSupportError) in try Pipe() }
        alarm.makeNonBlocking()
    }

    deinit {
        alarm.close()
    }

    func set(_ change: (inout Settings) -> Void) {
        settings.withLock { change(&$0) }
        alarm.signal()
    }

    /// The settings; the order to cut is given once.
    func take() -> Settings {
        settings.withLock { settings in
            defer { settings.mustCut = false }
            return settings
        }
    }

    func count(_ change: (inout FaultProxy.Counts) -> Void) {
        counts.withLock { change(&$0) }
    }

    /// Bytes that may pass now.
    struct Permit {
        var bytes: Int
        /// Whether a cut waits for them.
        var isCounted: Bool
    }

    /// How many of the bytes may pass. They are booked before they are sent, because the one who receives them may order a cut after what comes next.
    func permit(_ bytes: Int, _ direction: FaultProxy.Direction) -> Permit {
        let permit = settings.withLock { settings in
            guard let allowance = settings.allowance[direction] else { return Permit(bytes: bytes, isCounted: false) }
            let permitted = min(allowance, bytes)
            settings.allowance[direction] = allowance - permitted
            return Permit(bytes: permitted, isCounted: true)
        }
        book(permit.bytes, direction)
        return permit
    }

    private func book(_ bytes: Int, _ direction: FaultProxy.Direction) {
        count { direction == .toServer ? ($0.bytesToServer += bytes) : ($0.bytesToClient += bytes) }
    }

    /// Gives back what was permitted and has not passed.
    ///
    /// - Returns: whether that was the last one that may.
    func passed(_ bytes: Int, of permit: Permit, _ direction: FaultProxy.Direction) -> Bool {
        book(bytes - permit.bytes, direction)
        guard permit.isCounted else { return false }
        return settings.withLock { settings in
            let left = (settings.allowance[direction] ?? 0) + permit.bytes - bytes
            settings.allowance[direction] = left > 0 ? left : nil
            return left <= 0
        }
    }
}
