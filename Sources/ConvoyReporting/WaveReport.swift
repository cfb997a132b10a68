import ConvoyRollout
package import ConvoyRun
package import FoundationEssentials

/// A wave of a run.
package struct WaveReport: Sendable, Hashable {
    /// As the fleet file names it.
    package var name: String
    /// How many instances it has.
    package var instances: Int
    /// How many of them are worked on.
    package internal(set) var running = 0
    /// Of the instances that have ended.
    package internal(set) var outcomes: [Outcome: Int] = [:]
    /// Nil before its turn.
    package internal(set) var startedAt: Date?
    /// When the last of its instances had ended; nil before.
    package internal(set) var finishedAt: Date?
    /// When the run first came to its gate; nil before, and where it has none.
    package internal(set) var gateOpenedAt: Date?

    init(name: String, instances: Int) {
        self.name = name
        self.instances = instances
    }

    /// How many instances have ended.
    package var finished: Int { outcomes.values.reduce(0, +) }

    /// The outcomes of all its instances; those not reached count as `pending`.
    package var allOutcomes: [Outcome: Int] {
        let left = instances - finished
        return left == 0 ? outcomes : outcomes.merging([.pending: left], uniquingKeysWith: +)
    }
}
