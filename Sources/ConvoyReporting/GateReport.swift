public import FoundationEssentials

/// A gate that a run waits at.
public struct GateReport: Sendable, Hashable {
    /// The wave that it comes after.
    public var wave: String
    /// When this process of the run came to it.
    public var openedAt: Date
    /// What it waits for now, for example an approval; nil before that is known.
    public internal(set) var waitingFor: String?
    /// Whether it has been approved.
    public internal(set) var isApproved = false

    init(wave: String, openedAt: Date) {
        self.wave = wave
        self.openedAt = openedAt
    }
}
