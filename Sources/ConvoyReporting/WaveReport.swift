import ConvoyRollout
public import ConvoyRun
public import FoundationEssentials

/// A wave of a run.
public struct WaveReport: Sendable, Hashable {
    /// As the fleet file names it.
    public var name: String
    /// How many instances it has.
    public var instances: Int
    /// How many of them are worked on.
    public internal(set) var running = 0
    /// Of the instances that have ended.
    public internal(set) var outcomes: [Outcome: Int] = [:]
    /// Nil before its turn.
    public internal(set) var startedAt: Date?
    /// When the last of its instances had ended; nil before.
    public internal(set) var finishedAt: Date?
    /// When the run first came to its gate; nil before, and where it has none.
    public internal(set) var gateOpenedAt: Date?

    init(name: String, instances: Int) {
        self.name = name
        self.instances = instances
    }

    /// How many instances have ended.
    public var finished: Int { outcomes.values.reduce(0, +) }

    /// The outcomes of all its instances; those not reached count as `pending`.
    public var allOutcomes: [Outcome: Int] {
        let left = instances - finished
        return left == 0 ? outcomes : outcomes.merging([.pending: left], uniquingKeysWith: +)
    }
}
