/// How many connections the run may hold on each server now: the configured number, lowered or paused during the run.
struct ServerBudgets: Sendable {
    let limits: ConnectionLimits
    private var lowered: [String: Int] = [:]
    private var paused: Set<String> = []

    init(_ limits: ConnectionLimits) {
        self.limits = limits
    }

    /// The most connections for anything that starts now; 0 starts nothing.
    func current(of server: String) -> Int {
        paused.contains(server) ? 0 : min(limits.budget(of: server), lowered[server] ?? .max)
    }

    /// - Parameter connections: never raises the budget above the configured one; nil is that one.
    mutating func set(_ server: String, to connections: Int?) {
        lowered[server] = connections.map { max(0, $0) }
    }

    mutating func pause(_ server: String) {
        paused.insert(server)
    }

    mutating func resume(_ server: String) {
        paused.remove(server)
    }
}
