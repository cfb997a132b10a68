public import FoundationEssentials

/// A wave of a run, and how far the run is with it.
public struct WaveLog: Sendable, Hashable {
    /// What is behind a wave.
    package struct Milestones: OptionSet, Sendable, Hashable {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// The wave began.
        package static let started = Milestones(rawValue: 1)
        /// Its `before_wave` hook succeeded.
        package static let prepared = Milestones(rawValue: 2)
        /// Its `after_wave` hook succeeded.
        package static let closed = Milestones(rawValue: 4)
        /// The wave ended, possibly before all was done.
        package static let finished = Milestones(rawValue: 8)
        /// Its gate passed.
        package static let gatePassed = Milestones(rawValue: 16)
    }

    /// As the fleet file names it.
    public let name: String
    /// How many instances it has.
    public let instances: Int
    /// How many of them are in progress.
    public internal(set) var running = 0
    /// How many of its instances ended with each outcome; those that have not ended are missing.
    public internal(set) var outcomes: [Outcome: Int] = [:]
    /// Nil before its turn.
    public internal(set) var startedAt: Date?
    /// When the last of its instances had ended; nil before that.
    public internal(set) var finishedAt: Date?
    /// When the run first came to its gate; nil before that, and if the wave has no gate.
    public internal(set) var gateOpenedAt: Date?
    package internal(set) var milestones: Milestones = []
    /// The person who approved its gate, as `user@host`; nil if it was not approved, or if the gate failed since.
    package internal(set) var approvedBy: String?
    /// When the present process of the run came to its gate; nil if it has not.
    var gateWatchedSince: Date?
    /// How long earlier processes of the run watched the soak of its gate, in seconds.
    var soaked = 0.0

    init(_ wave: PlannedWave) {
        name = wave.name
        instances = wave.instances.count
    }

    /// How many instances have ended.
    public var finished: Int { outcomes.values.reduce(0, +) }

    /// The outcomes of all its instances; those that have not ended count as `pending`.
    public var allOutcomes: [Outcome: Int] {
        let left = instances - finished
        return left == 0 ? outcomes : outcomes.merging([.pending: left], uniquingKeysWith: +)
    }
}
