/// How many connections a server can offer, read from one of its databases.
package struct ServerSlots: Sendable, Hashable {
    /// `max_connections`.
    package let maximum: Int
    /// Slots that ordinary roles can't have: `superuser_reserved_connections`, and `reserved_connections` where the server has it.
    package let reserved: Int
    /// Sessions that are not this run's.
    package let others: Int

    /// How many sessions the role of the run may have there at once, this run's included: its CONNECTION LIMIT less the sessions that are not the
    /// run's. Nil if the role has no limit.
    package let forRole: Int?
    /// The most connections that the run may hold there on account of ``forRole``; nil if that is not counted.
    package var mostForRole: Int?

    /// Slots that a run leaves free whatever happens, so that the app and its people always find one.
    package static let spare = 3

    /// More than PostgreSQL allows in `max_connections`.
    private static let possible = 0...1_000_000

    /// Takes the nearest number that is possible for each.
    package init(maximum: Int, reserved: Int, others: Int, forRole: Int? = nil) {
        func possible(_ count: Int) -> Int { min(max(count, Self.possible.lowerBound), Self.possible.upperBound) }
        self.maximum = possible(maximum)
        self.reserved = possible(reserved)
        self.others = possible(others)
        self.forRole = forRole.map { min(max($0, -Self.possible.upperBound), Self.possible.upperBound) }
    }

    /// How many the run may hold there, 0 if nothing is left.
    package var available: Int { max(0, min(maximum - reserved - others - Self.spare, mostForRole ?? .max)) }

    /// Counts the role's limit, where all instances of the server log in as that role.
    ///
    /// One session is reserved for what an instance needs briefly in addition to its own: to probe the server, or to hold the ledger's
    /// lock.
    ///
    /// - Parameter connections: what the budget counts for one instance.
    package mutating func countRole(connections: Int) {
        guard let forRole else { return }
        let instances = forRole > 1 ? forRole - 1 : max(0, forRole)
        let (most, overflows) = instances.multipliedReportingOverflow(by: max(1, connections))
        mostForRole = overflows ? nil : most
    }
}
