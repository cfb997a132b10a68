/// How many connections a server has to give, as one of its databases tells.
public struct ServerSlots: Sendable, Hashable {
    /// `max_connections`.
    public let maximum: Int
    /// Slots that ordinary roles can't have: `superuser_reserved_connections`, and `reserved_connections` where the server has it.
    public let reserved: Int
    /// Sessions that are not this run's.
    public let others: Int

    /// Slots that a run leaves free whatever happens, so that the app and its people always find one.
    public static let spare = 3

    /// More than PostgreSQL allows in `max_connections`.
    private static let possible = 0...1_000_000

    /// Takes the nearest number that is possible for each.
    public init(maximum: Int, reserved: Int, others: Int) {
        func possible(_ count: Int) -> Int { min(max(count, Self.possible.lowerBound), Self.possible.upperBound) }
        self.maximum = possible(maximum)
        self.reserved = possible(reserved)
        self.others = possible(others)
    }

    /// How many the run may hold there, 0 where nothing is left.
    public var available: Int { max(0, maximum - reserved - others - Self.spare) }
}
