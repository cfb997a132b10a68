package import ConvoyRun
package import FoundationEssentials

/// How a run ended: as a whole, and each of its instances.
package struct RunReport: Sendable {
    /// An instance of the run.
    package struct Entry: Sendable, Hashable {
        package var name: String
        package var wave: String
        /// ``Outcome/pending`` for one that the run did not reach.
        package var result: InstanceResult
    }

    package var run: RunID
    package var fleet: String
    package var status: RunStatus
    package var startedAt: Date
    package var finishedAt: Date
    /// Why a stop rule halted the fleet; nil where none did.
    package var haltReason: HaltReason?
    /// Every instance of the plan, in the order of the waves.
    package var instances: [Entry]
}
