/// How a run goes over the fleet.
public struct Rollout: Sendable, Hashable {
    /// In order. Never empty: without `rollout` it is one wave `all` of everything.
    public var waves: [Wave]

    public init(waves: [Wave] = [Wave(name: "all", selection: .rest)]) {
        self.waves = waves
    }
}

/// Instances that are upgraded together.
public struct Wave: Sendable, Hashable {
    public var name: String
    public var selection: Selection
    /// The most instances at a time; nil leaves it to the limits.
    public var maxParallel: Int?
    public var stop: StopRules

    public init(name: String, selection: Selection, maxParallel: Int? = nil, stop: StopRules = StopRules()) {
        self.name = name
        self.selection = selection
        self.maxParallel = maxParallel
        self.stop = stop
    }

    /// Which of the instances that no earlier wave took belong to this one.
    public enum Selection: Sendable, Hashable {
        case selector(Selector)
        case names([String])
        /// This many, chosen by a stable hash of the name.
        case count(Int)
        /// This share of the whole selection in percent, rounded up, chosen by a stable hash of the name. It counts what earlier `percent` waves
        /// took, so that a later, bigger percent contains an earlier one.
        case percent(Double)
        case rest
    }
}

/// What halts the fleet: nothing new starts, what runs finishes.
public struct StopRules: Sendable, Hashable {
    /// `failures`: halt when this many instances of the wave did not end well; one that cannot be reached is counted apart. Nil never halts.
    public var failures: Int?

    public init(failures: Int? = nil) {
        self.failures = failures
    }
}
