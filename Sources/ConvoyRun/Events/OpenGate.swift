/// The gate that a run waits at, read from the run's events.
///
///     var gate = OpenGate()
///     for event in events { gate.apply(event.kind) }
///     print(gate.wave ?? "no gate is open")
///
/// A halt and a stop request close the gate: the run no longer watches it, and an approval would have no effect.
public struct OpenGate: Sendable, Hashable {
    /// The wave that the gate follows; nil when no gate is open.
    public private(set) var wave: String?

    /// The state before the first event: no gate is open.
    public init() {}

    /// Takes the next event of the run.
    public mutating func apply(_ event: Event.Kind) {
        switch event {
        case .gateOpened(let wave): self.wave = wave
        case .gatePassed, .gateFailed, .halted, .stopRequested, .cancelRequested, .runResumed, .runFinished: wave = nil
        default: break
        }
    }
}
