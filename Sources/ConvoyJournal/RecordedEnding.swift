package import ConvoyRun

/// The end of an instance in a run.
package struct RecordedEnding: Sendable {
    package var run: RunID
    package var event: RecordedEvent
    /// Whether it is the last end of the instance; false for one before it that learnt the version, where the last one did not.
    package var isLast: Bool
}

/// How much of an end is read.
package enum EndingDetail: Sendable {
    case whole
    /// Of the applied migrations only the last one is needed: a store may leave the others out, which is a fraction of the text.
    case brief
}

/// Finds how instances last ended, and which end last learnt their version, while a store reads run after run, the one with the newest event first.
struct NewestEndings {
    /// Where an event is.
    struct Place: Hashable, Comparable {
        var run: RunID
        var number: Int64
        /// See ``RecordedEvent/position``.
        var position: Int64

        static func < (left: Place, right: Place) -> Bool {
            (left.position, left.run, left.number) < (right.position, right.run, right.number)
        }
    }

    private let wanted: Set<String>
    private var last: [String: Place] = [:]
    private var learnt: [String: Place] = [:]

    init(of instances: [String]) {
        wanted = Set(instances)
    }

    /// Whether all is found, where no event is newer than that position.
    func isComplete(before position: Int64) -> Bool { wanted.allSatisfy { learnt[$0].map { $0.position > position } ?? false } }

    /// Takes what a run says of an instance.
    mutating func add(_ instance: String, last newest: Place?, learnt newestLearnt: Place?) {
        guard wanted.contains(instance) else { return }
        if let newest { last[instance] = last[instance].map { max($0, newest) } ?? newest }
        if let newestLearnt { learnt[instance] = learnt[instance].map { max($0, newestLearnt) } ?? newestLearnt }
    }

    /// What was found, in the order in which it happened.
    var found: [(place: Place, isLast: Bool)] {
        let all = last.values.map { ($0, true) } + learnt.filter { last[$0] != $1 }.values.map { ($0, false) }
        return all.sorted { $0.0 < $1.0 }
    }
}

/// Finds the instances that a run has begun to work on and not ended, from its events in order.
struct OpenInstances {
    private let positions: [String: Int64]
    private(set) var names: Set<String> = []

    init(since positions: [String: Int64]) {
        self.positions = positions
    }

    /// Takes a beginning or an end.
    ///
    /// - Parameters:
    ///   - position: see ``RecordedEvent/position``.
    ///   - outcome: of an end; nil for a beginning.
    mutating func add(_ instance: String, at position: Int64, outcome: String?) {
        guard let first = positions[instance], position > first else { return }
        let outcome = outcome.map(Outcome.init(rawValue:))
        if let outcome, outcome != .unknown { names.remove(instance) } else { names.insert(instance) }
    }
}
