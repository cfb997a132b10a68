import ConvoyRun
import ConvoyText

/// Which connections may stay open, and which are closed so that others get in. A value: it knows neither clocks nor sockets.
///
/// A connection is proven once it has shown the token, or follows a run. All other connections (slow, idle or from strangers) make room for
/// newer ones: a client that opens hundreds of them shuts out only itself, and a reader or a request for `/healthz` always finds room.
struct DoorRules<ID: Hashable & Sendable, Instant: InstantProtocol & Sendable>: Sendable where Instant.Duration == Duration {
    /// Connections of one address that have not shown the token.
    static var perAddress: Int { 64 }
    /// The same of all addresses together, well below the number of connections at which no more are accepted.
    static var unproven: Int { 256 }
    /// From the connection's begin until the head of its first request is whole.
    static var headLimit: Duration { .seconds(10) }
    /// From one request of an unproven connection until the next.
    static var restLimit: Duration { .seconds(30) }
    /// Wrong tokens on one connection; after them it is closed.
    static var wrongTokens: Int { 3 }

    private struct Connection: Sendable {
        var address: String
        var number: Int
        var isProven = false
        var due: Instant
        var wrongTokens = 0
    }

    private var connections: [ID: Connection] = [:]
    private var opened = 0

    /// How many are open.
    var count: Int { connections.count }

    /// Takes in a new connection.
    ///
    /// - Returns: one that has to be closed for it; nil if there is room.
    mutating func open(_ id: ID, from address: String, at now: Instant) -> ID? {
        opened += 1
        connections[id] = Connection(address: address, number: opened, due: now.advanced(by: Self.headLimit))
        let unproven = connections.filter { !$0.value.isProven }
        let ofAddress = unproven.filter { $0.value.address == address }
        let crowd = ofAddress.count > Self.perAddress ? ofAddress : unproven.count > Self.unproven ? unproven : [:]
        guard let oldest = crowd.min(by: { $0.value.number < $1.value.number })?.key else { return nil }
        connections[oldest] = nil
        return oldest
    }

    mutating func close(_ id: ID) {
        connections[id] = nil
    }

    /// The head of a request has come in.
    mutating func request(_ id: ID, at now: Instant) {
        connections[id]?.due = now.advanced(by: Self.restLimit)
    }

    /// The connection has shown the token.
    mutating func prove(_ id: ID) {
        connections[id]?.isProven = true
    }

    /// The connection has shown a wrong token.
    mutating func fail(_ id: ID) {
        connections[id]?.wrongTokens += 1
    }

    /// Whether it has shown too many wrong tokens, so that no more are checked.
    func isRefused(_ id: ID) -> Bool { (connections[id]?.wrongTokens ?? 0) >= Self.wrongTokens }

    /// When to check the connection again; nil if its time is over, or if it is not ours any more.
    func nextLook(_ id: ID, at now: Instant) -> Duration? {
        guard let connection = connections[id] else { return nil }
        if connection.isProven { return Self.restLimit }
        return connection.due > now ? now.duration(to: connection.due) : nil
    }
}
