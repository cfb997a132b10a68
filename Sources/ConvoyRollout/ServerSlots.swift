/// How many connections a server has to give, as one of its databases tells.
public struct ServerSlots: Sendable, Hashable {
    /// `max_connections`.
    public var maximum: Int
    /// Slots that ordinary roles can't have: `superuser_reserved_connections`, and `reserved_connections` where the server has it.
    public var reserved: Int
    /// Sessions that are not this run's.
    public var others: Int

    /// Slots that a run leaves free whatever happens, so that the app and its people always find one.
    public static let spare = 3

    public init(maximum: Int, reserved: Int, others: Int) {
        self.maximum = maximum
        self.reserved = reserved
        self.others = others
    }

    /// How many the run may hold there, 0 where nothing is left.
    public var available: Int { max(0, maximum - reserved - others - Self.spare) }
}
