import ConvoyMigrations
package import ConvoyRun

/// What a journal has to count, from a moment on.
package struct JournalTotals: Sendable {
    /// What is counted; for the next time.
    package var cursor: TotalsCursor
    /// The runs that the journal has now.
    package var runs: Set<RunID>
    /// What happened in them since the moment that the caller had.
    package var news: [RunID: RunTotals]
    /// What happened in the runs that were removed.
    package var removed: RunTotals
}

/// How far events were counted. Only the store that made it understands it.
package struct TotalsCursor: Sendable, Hashable {
    /// The last event, where numbers ascend over all runs.
    var lastEvent: Int64 = 0
    /// The last event of each run, where each has numbers of its own.
    var lastEvents: [String: Int64] = [:]
}

extension RunTotals {
    /// Which bound a duration is the first to be within, in the words of SQL; one more than the last for longer ones.
    ///
    /// - Parameter seconds: the column that has it.
    static func bucket(of seconds: String) -> String {
        let cases = bounds.enumerated().map { "WHEN \(seconds) <= \($1) THEN \($0)" }
        return "CASE \(cases.joined(separator: " ")) WHEN \(seconds) IS NOT NULL THEN \(bounds.count) END"
    }

    /// Adds a group of equal events, as a store counts them.
    ///
    /// - Parameters:
    ///   - type: the type of the events.
    ///   - word: of a migration its direction, of the end of a run how it ended, of the end of an instance its outcome.
    ///   - bucket: of a migration which bound its duration is the first to be within; without a duration the first.
    ///   - count: how many there are.
    ///   - seconds: how long they took together.
    mutating func add(type: String?, word: String?, bucket: Int?, count: Int, seconds: Double) {
        guard let type = type.flatMap(EventType.init(rawValue:)), let word else { return }
        switch type {
        case .migrationApplied:
            guard let direction = MigrationDirection(rawValue: word) else { return }
            let counts = Self.bounds.indices.map { $0 >= bucket ?? 0 ? count : 0 }
            add(Durations(counts: counts, count: count, seconds: seconds), direction)
        case .runFinished: if let ending = RunEnding(rawValue: word) { add(count, ending) }
        default: if let outcome = Outcome(rawValue: word) { add(count, outcome) }
        }
    }
}
