public import ConvoyMigrations
public import ConvoyRollout

/// An instance of a run.
public struct InstanceReport: Sendable, Hashable {
    /// How far the run is with it.
    public enum State: Sendable, Hashable {
        /// Its turn has not come; where the run has ended, it never came.
        case notReached
        /// It is worked on, or waits for something, for example a lock.
        case running(waitingFor: String?)
        case finished(InstanceResult)
    }

    /// As the fleet file names it.
    public var name: String
    /// The wave that it belongs to.
    public var wave: String
    /// How far the run is with it.
    public internal(set) var state: State = .notReached
    /// The newest version before the run; nil for none, or where it is not known.
    public internal(set) var from: MigrationVersion?
    /// How many migrations the run found to be due here; nil before it looked.
    public internal(set) var pending: Int?
    /// What the run has applied or reverted here, in order.
    public internal(set) var applied: [AppliedMigration] = []

    init(name: String, wave: String) {
        self.name = name
        self.wave = wave
    }

    /// How it ended, with all that was done; nil until it has.
    public var result: InstanceResult? { if case .finished(let result) = state { result } else { nil } }

    /// How it ended; `pending` until it has.
    public var outcome: Outcome { result?.outcome ?? .pending }

    /// Why it did not end well.
    public var failure: Failure? { result?.failure }

    /// The newest version now; nil for none, or where it is not known.
    public var version: MigrationVersion? { result.map(\.to) ?? from }
}
