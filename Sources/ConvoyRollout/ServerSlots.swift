/// How many connections a server has to give, as one of its databases tells.
public struct ServerSlots: Sendable, Hashable {
    /// `max_connections`.
    public var maximum: Int
    /// Slots that ordinary roles can't have: `superuser_reserved_connections`, and `reserved_connections` where the server has it.
    public var reserved: Int
    /// Sessions that are not this run's.
    public var others: Int

    /// How many sessions the role of the run may have there at once, this run's included: its CONNECTION LIMIT less the sessions that are not the
    /// run's. Nil where it has no limit.
    public var forRole: Int?
    /// The most connections that the run may hold there on account of ``forRole``; nil where that is not counted.
    var mostForRole: Int?

    /// Slots that a run leaves free whatever happens, so that the app and its people always find one.
    public static let spare = 3

    public init(maximum: Int, reserved: Int, others: Int, forRole: Int? = nil) {
        self.maximum = maximum
        self.reserved = reserved
        self.others = others
        self.forRole = forRole
    }

    /// How many the run may hold there, 0 where nothing is left.
    public var available: Int { max(0, min(maximum - reserved - others - Self.spare, mostForRole ?? .max)) }

    /// Counts the role's limit, where all instances of the server log in as that role.
    ///
    /// One session is left to what an instance needs for a moment besides its own: to look at the server, or to hold the ledger's lock.
    ///
    /// - Parameter connections: what the budget counts for one instance.
    mutating func countRole(connections: Int) {
        guard let forRole else { return }
        let instances = forRole > 1 ? forRole - 1 : max(0, forRole)
        mostForRole = instances.multipliedReportingOverflow(by: max(1, connections)).overflow ? nil : instances * max(1, connections)
    }
}
