package import ConvoyFleet

/// How many connections a run may hold at once: over the whole fleet and on each server.
package struct ConnectionLimits: Sendable, Hashable {
    /// `limits.total`.
    package let total: Int
    /// `limits.per_server`.
    package let perServer: Int
    /// `max_connections` of the servers that have one, by server name.
    package let servers: [String: Int]

    package init(total: Int, perServer: Int, servers: [String: Int] = [:]) {
        self.total = total
        self.perServer = perServer
        self.servers = servers
    }

    /// What the fleet file allows.
    package init(_ fleet: Fleet) {
        var servers: [String: Int] = [:]
        for server in fleet.servers { servers[server.name] = server.maxConnections }
        self.init(total: fleet.limits.total, perServer: fleet.limits.perServer, servers: servers)
    }

    /// The most connections to one server: the smallest of the three limits, and at least one, since a budget of none could never end a run.
    package func budget(of server: String) -> Int {
        max(1, min(total, perServer, servers[server] ?? perServer))
    }
}
