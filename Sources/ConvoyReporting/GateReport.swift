package import FoundationEssentials

/// A gate that a run waits at.
package struct GateReport: Sendable, Hashable {
    /// The wave that it comes after.
    package var wave: String
    /// When this process of the run came to it.
    package var openedAt: Date
    /// What it waits for now, for example an approval; nil before that is known.
    package internal(set) var waitingFor: String?
    /// Whether it has been approved.
    package internal(set) var isApproved = false

    init(wave: String, openedAt: Date) {
        self.wave = wave
        self.openedAt = openedAt
    }
}
