package import ConvoyMigrations

/// How often things happened in runs, and how long migrations took: numbers that only grow, for rates.
package struct RunTotals: Sendable, Hashable, Codable {
    /// How often a run ended, by how it did; a run that was resumed ends again.
    package private(set) var runs: [String: Int] = [:]
    /// How often the work on an instance ended, rollbacks included, by outcome.
    package private(set) var instances: [String: Int] = [:]
    /// Migrations that were recorded when they were applied or reverted, by direction.
    package private(set) var migrations: [String: Durations] = [:]

    /// Durations in a histogram.
    package struct Durations: Sendable, Hashable, Codable {
        /// How many were at most as long as each of ``RunTotals/bounds``.
        package var counts: [Int]
        /// How many there were.
        package var count: Int
        /// Together, in seconds.
        package var seconds: Double

        package init(counts: [Int] = [Int](repeating: 0, count: bounds.count), count: Int = 0, seconds: Double = 0) {
            self.counts = counts
            self.count = count
            self.seconds = seconds
        }
    }

    /// The bounds of the histogram, in seconds. They never change: what a journal keeps of removed runs has them.
    package static let bounds: [Double] = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600]

    package init() {}

    package subscript(_ ending: RunEnding) -> Int { runs[ending.rawValue] ?? 0 }
    package subscript(_ outcome: Outcome) -> Int { instances[outcome.rawValue] ?? 0 }
    package subscript(_ direction: MigrationDirection) -> Durations { migrations[direction.rawValue] ?? Durations() }

    package mutating func add(_ count: Int, _ ending: RunEnding) { runs[ending.rawValue, default: 0] += count }
    package mutating func add(_ count: Int, _ outcome: Outcome) { instances[outcome.rawValue, default: 0] += count }
    package mutating func add(_ durations: Durations, _ direction: MigrationDirection) {
        migrations[direction.rawValue, default: Durations()].merge(durations, +, +)
    }

    package mutating func add(_ other: RunTotals) { merge(other, +, +) }

    /// Makes no number smaller than another's: what was shown once never falls.
    package mutating func raise(to other: RunTotals) { merge(other, max, max) }

    private mutating func merge(_ other: RunTotals, _ counts: (Int, Int) -> Int, _ seconds: (Double, Double) -> Double) {
        runs.merge(other.runs, uniquingKeysWith: counts)
        instances.merge(other.instances, uniquingKeysWith: counts)
        for (direction, durations) in other.migrations { migrations[direction, default: Durations()].merge(durations, counts, seconds) }
    }
}

extension RunTotals.Durations {
    fileprivate mutating func merge(_ other: Self, _ whole: (Int, Int) -> Int, _ parts: (Double, Double) -> Double) {
        for index in counts.indices where index < other.counts.count { counts[index] = whole(counts[index], other.counts[index]) }
        count = whole(count, other.count)
        seconds = parts(seconds, other.seconds)
    }
}
