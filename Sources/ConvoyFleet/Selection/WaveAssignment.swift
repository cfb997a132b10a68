internal import ConvoyMigrations
import ConvoyText

/// Which instances each wave of a rollout takes.
public struct WaveAssignment: Sendable {
    /// Every wave in order, those that take nothing too.
    public var waves: [Members]
    /// Instances that no wave takes: they stay `pending`.
    public var unassigned: [Instance]

    /// A wave and its instances, these in the order in which they were given.
    public struct Members: Sendable {
        /// The wave.
        public var wave: Wave
        /// The instances that it takes; empty if it takes none.
        public var instances: [Instance]
    }
}

extension Rollout {
    /// Gives each instance to the first wave that takes it. The same instances give the same
    /// answer in every run, in whatever order they are given.
    ///
    /// - Parameters:
    ///   - instances: the instances of the run.
    ///   - cohorts: each instance's cohort by its name, needed where ``needsCohorts`` says so. A wave of one instance per cohort takes none that
    ///     has no cohort here, for example one that could not be reached.
    public func assign(_ instances: [Instance], cohorts: [String: String] = [:]) -> WaveAssignment {
        let choice = WaveChoice(waves: waves, instances: instances, cohorts: cohorts)
        var members = waves.map { WaveAssignment.Members(wave: $0, instances: []) }
        var unassigned: [Instance] = []
        for (index, instance) in instances.enumerated() {
            if let wave = choice.waveOfInstance[index] {
                members[wave].instances.append(instance)
            } else {
                unassigned.append(instance)
            }
        }
        return WaveAssignment(waves: members, unassigned: unassigned)
    }
}

/// The decision itself, by index, with what validation reports about it.
struct WaveChoice {
    /// For each instance the wave that takes it.
    private(set) var waveOfInstance: [Int?]
    /// For each wave the instances that its selector or names mean although an earlier wave took them.
    private(set) var takenBefore: [[Int]]
    /// For each wave what its selection means of what earlier waves left; `one_per` takes only some of it.
    private(set) var leftFor: [[Int]] = []

    init(waves: [Wave], instances: [Instance], cohorts: [String: String]) {
        waveOfInstance = Array(repeating: nil, count: instances.count)
        takenBefore = Array(repeating: [], count: waves.count)
        let ranking = waves.contains(where: \.choosesByHash) ? Self.ranking(instances) : []
        var takenByPercent = 0

        for (number, wave) in waves.enumerated() {
            let meant: [Int]
            switch wave.selection {
            case .selector(let selector):
                meant = instances.indices.filter { selector.matches(instances[$0]) }
            case .names(let names):
                let names = Set(names)
                meant = instances.indices.filter { names.contains(instances[$0].name) }
            case .count(let count):
                meant = Array(ranking.lazy.filter { [waveOfInstance] in waveOfInstance[$0] == nil }.prefix(count))
            case .percent(let percent):
                // The subtrahend keeps 1000 × 7.1 % at 71 although the product of the two doubles is a little more.
                let share = Int(clamping: (Double(instances.count) * percent / 100 - 1e-9).rounded(.up))
                meant = Array(ranking.lazy.filter { [waveOfInstance] in waveOfInstance[$0] == nil }.prefix(max(0, share - takenByPercent)))
                takenByPercent += meant.count
            case .rest:
                meant = instances.indices.filter { waveOfInstance[$0] == nil }
            }
            takenBefore[number] = meant.filter { waveOfInstance[$0] != nil }
            let left = meant.filter { waveOfInstance[$0] == nil }
            leftFor.append(left)
            let chosen = wave.onePer.map { Self.one(of: left, for: $0, instances, cohorts, ranking) } ?? left
            for index in chosen { waveOfInstance[index] = number }
        }
    }

    /// Every instance, sorted by hash, and by name where two hashes are equal.
    private static func ranking(_ instances: [Instance]) -> [Int] {
        instances.indices.map { (stableHash(instances[$0].name), instances[$0].name, $0) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    /// Of each kind the one with the smallest hash: one that joins the fleet changes the choice for its own kind at most.
    private static func one(
        of candidates: [Int],
        for kind: Wave.OnePer,
        _ instances: [Instance],
        _ cohorts: [String: String],
        _ ranking: [Int]
    ) -> [Int] {
        let candidates = Set(candidates)
        // The value that is absent is a kind of label, and no cohort.
        var seen: Set<ExactText?> = []
        return ranking.filter { index in
            guard candidates.contains(index) else { return false }
            switch kind {
            case .label(let key): return seen.insert(instances[index].labels[key].map(ExactText.init)).inserted
            case .cohort: return cohorts[instances[index].name].map { seen.insert(ExactText($0)).inserted } ?? false
            }
        }
    }
}

extension Wave {
    fileprivate var choosesByHash: Bool {
        switch selection {
        case .percent, .count: true
        case .selector, .names, .rest: onePer != nil
        }
    }
}
