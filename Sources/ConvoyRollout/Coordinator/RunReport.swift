public import ConvoyRun
public import FoundationEssentials

/// How a run ended: as a whole, and each of its instances.
public struct RunReport: Sendable {
    /// An instance of the run.
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var wave: String
        /// ``Outcome/pending`` for one that the run did not reach.
        public var result: InstanceResult
    }

    public var run: RunID
    public var fleet: String
    public var status: RunStatus
    public var startedAt: Date
    public var finishedAt: Date
    /// Why a stop rule halted the fleet; nil where none did.
    public var haltReason: HaltReason?
    /// Every instance of the plan, in the order of the waves.
    public var instances: [Entry]
}
