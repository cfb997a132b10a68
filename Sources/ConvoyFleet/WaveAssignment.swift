/// Which instances each wave of a rollout takes.
public struct WaveAssignment: Sendable {
    /// Every wave in order, those that take nothing too.
    public var waves: [Members]
    /// Instances that no wave takes: they stay `pending`.
    public var unassigned: [Instance]

    /// A wave and its instances, these in the order in which they were given.
    public struct Members: Sendable {
        public var wave: Wave
        public var instances: [Instance]
    }
}

extension Rollout {
    /// Gives each instance to the first wave that takes it. The same instances give the same
    /// answer in every run, in whatever order they are given.
    public func assign(_ instances: [Instance]) -> WaveAssignment {
        let choice = WaveChoice(waves: waves, instances: instances)
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

/// The decision itself, by index, with what validation wants to tell about it.
struct WaveChoice {
    /// For each instance the wave that takes it.
    private(set) var waveOfInstance: [Int?]
    /// For each wave the instances that its selector or names mean although an earlier wave took them.
    private(set) var takenBefore: [[Int]]

    init(waves: [Wave], instances: [Instance]) {
        waveOfInstance = Array(repeating: nil, count: instances.count)
        takenBefore = Array(repeating: [], count: waves.count)
        // Sorted by hash, and by name where two hashes are equal; made only where a wave needs it.
        let ranking: [Int] =
            waves.contains { if case .percent = $0.selection { true } else if case .count = $0.selection { true } else { false } }
            ? instances.indices.map { (stableHash(instances[$0].name), instances[$0].name, $0) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(
                \.2
            ) : []
        var takenByPercent = 0

        for (number, wave) in waves.enumerated() {
            switch wave.selection {
            case .selector(let selector):
                take(instances.indices.filter { selector.matches(instances[$0]) }, number)
            case .names(let names):
                let names = Set(names)
                take(instances.indices.filter { names.contains(instances[$0].name) }, number)
            case .count(let count):
                take(ranking.lazy.filter { [waveOfInstance] in waveOfInstance[$0] == nil }.prefix(count), number)
            case .percent(let percent):
                // The subtrahend keeps 1000 × 7.1 % at 71 although the product of the two doubles is a little more.
                let share = Int((Double(instances.count) * percent / 100 - 1e-9).rounded(.up))
                let chosen = ranking.lazy.filter { [waveOfInstance] in waveOfInstance[$0] == nil }.prefix(max(0, share - takenByPercent))
                takenByPercent += take(chosen, number)
            case .rest:
                take(instances.indices.filter { waveOfInstance[$0] == nil }, number)
            }
        }
    }

    @discardableResult
    private mutating func take(_ chosen: some Sequence<Int>, _ wave: Int) -> Int {
        var count = 0
        for index in chosen {
            if waveOfInstance[index] == nil {
                waveOfInstance[index] = wave
                count += 1
            } else {
                takenBefore[wave].append(index)
            }
        }
        return count
    }
}
