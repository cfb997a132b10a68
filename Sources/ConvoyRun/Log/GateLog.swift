public import FoundationEssentials

/// The gate that a run waits at.
public struct GateLog: Sendable, Hashable {
    /// The wave that it comes after.
    public let wave: String
    /// When this process of the run came to it.
    public let openedAt: Date
    /// What it waits for now, for example an approval; nil before that is known.
    public internal(set) var waitingFor: String?
    /// Whether it has been approved.
    public internal(set) var isApproved = false
}
