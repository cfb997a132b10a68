import ConvoyJournal
import ConvoyReporting
import ConvoyRun

/// What a follower has read of a run. If events that were read are not there any more, the run is read anew, into another edition: what is not there cannot
/// be taken out of what was folded.
struct RunEdition: Sendable {
    /// Rises with each edition.
    let number: Int
    /// What has happened, folded.
    private(set) var report = FleetReport()
    /// The number of the last event that is in ``report``; 0 before the first.
    private(set) var lastEvent: Int64 = 0
    private(set) var trail = EventTrail()

    /// By instance: the last event that changed it.
    private var changes: [String: Int64] = [:]
    /// The last event that may have changed every instance.
    private var generalChange: Int64 = 0
    /// The newest events since the first reading, in order and without a gap, for the clients that follow.
    private var recent: [RecordedEvent] = []

    private static let recentLimit = 2000

    init(_ number: Int) {
        self.number = number
    }

    /// How far it goes.
    var progress: RunProgress { RunProgress(edition: number, lastEvent: lastEvent) }

    /// Takes in an event of the first reading, which leaves out what is not needed to know how the run stands.
    mutating func begin(_ event: RecordedEvent) {
        fold(event)
        trail.note(event)
    }

    /// Takes in a page of what came after it.
    ///
    /// - Parameter trail: with that page.
    mutating func take(_ events: [RecordedEvent], _ trail: EventTrail) {
        self.trail = trail
        for event in events {
            fold(event)
            recent.append(event)
        }
        if recent.count > 2 * Self.recentLimit { recent.removeFirst(recent.count - Self.recentLimit) }
    }

    private mutating func fold(_ recorded: RecordedEvent) {
        lastEvent = recorded.number
        guard let event = recorded.event else { return }
        report.apply(event)
        switch event.kind {
        case .runStarted, .runResumed: generalChange = max(generalChange, recorded.number)
        default: if let name = event.kind.instance { changes[name] = recorded.number }
        }
    }

    /// The events after that one, in order, up to a limit; nil if not all of them are kept.
    func events(after number: Int64, limit: Int) -> [RecordedEvent]? {
        if number >= lastEvent { return [] }
        guard let first = recent.first, first.number <= number + 1 else { return nil }
        // The numbers are the journal's, which other runs write to as well, so they have gaps.
        let start = recent.partitioningIndex { $0.number > number }
        return Array(recent[start...].prefix(limit))
    }

    /// The instances that have changed since; nil if that may be all of them.
    func instances(changedAfter progress: RunProgress) -> Set<String>? {
        // A client may have read more before the dashboard was started anew.
        guard progress.edition == number, generalChange...max(generalChange, lastEvent) ~= progress.lastEvent else { return nil }
        return Set(changes.lazy.filter { $0.value > progress.lastEvent }.map(\.key))
    }
}

/// How far a reader of a run has read.
package struct RunProgress: Sendable, Hashable {
    /// See ``RunFollower``; the numbers of two editions do not compare.
    package var edition: Int
    /// The last event; 0 before the first.
    package var lastEvent: Int64

    package init(edition: Int, lastEvent: Int64) {
        (self.edition, self.lastEvent) = (edition, lastEvent)
    }
}

extension Array {
    /// The first index whose element fulfils the condition, where all after one that does do too; the end if none does.
    fileprivate func partitioningIndex(where condition: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
