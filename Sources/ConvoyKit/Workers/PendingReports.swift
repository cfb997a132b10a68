import ConvoyJournal
import ConvoyRollout

/// What the tasks of a worker have to say of a run, in order, until a committed decision has it.
///
/// Each report has a number, because while a decision is under way, or while it is not known whether it was committed, reports come in and others are
/// found to be no longer the worker's own.
struct PendingReports {
    struct Report {
        /// Ascending from 1.
        let number: Int
        let key: Assignment.Key
        let attempt: Int64
        let fact: RunDecider.Fact
    }

    private(set) var all: [Report] = []
    /// The number of the last report that came in.
    private(set) var last = 0

    var isEmpty: Bool { all.isEmpty }

    mutating func add(_ fact: RunDecider.Fact, of key: Assignment.Key, attempt: Int64) {
        last += 1
        all.append(Report(number: last, key: key, attempt: attempt, fact: fact))
    }

    /// Forgets what is said of assignments that are no longer the worker's own.
    mutating func remove(_ keys: Set<Assignment.Key>) {
        all.removeAll { keys.contains($0.key) }
    }

    mutating func removeAll() { all = [] }

    /// Forgets those up to a number: they are recorded.
    ///
    /// - Returns: the assignments that have ended with them.
    mutating func recorded(through number: Int) -> Set<Assignment.Key> {
        let endings = Set(all.filter { $0.number <= number && $0.fact.isEnding }.map(\.key))
        all.removeAll { $0.number <= number }
        return endings
    }
}
