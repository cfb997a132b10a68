/// A gate that a run waits at.
public struct GateReport: Sendable, Hashable {
    /// The wave that it comes after.
    public var wave: String
    /// What it waits for now, for example somebody's approval; nil before that is known.
    public internal(set) var waitingFor: String?

    init(wave: String, waitingFor: String? = nil) {
        self.wave = wave
        self.waitingFor = waitingFor
    }
}
