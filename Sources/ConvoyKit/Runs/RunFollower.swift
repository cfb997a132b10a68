package import ConvoyJournal
package import ConvoyReporting
package import ConvoyRun

/// A run as far as the journal has it, kept up to date for all readers: the journal is read once for all of them.
package actor RunFollower {
    /// The run, as it was recorded when it was first followed.
    package nonisolated let record: RunRecord
    /// Where its events are.
    package nonisolated let journal: any RunStore
    /// What has happened, folded.
    package private(set) var report = FleetReport()
    /// The number of the last event that is in ``report``; 0 before the first.
    package private(set) var lastEvent: Int64 = 0
    /// Rises when events that were read are not there any more, and the journal was read from the beginning.
    package private(set) var edition = 0
    /// The last event that the present edition has in common with the one before.
    private var lastShared: Int64 = 0
    private var trail = EventTrail()

    /// By instance: the last event that changed it.
    private var changes: [String: Int64] = [:]
    /// The last event that may have changed every instance.
    private var generalChange: Int64 = 0
    /// The newest events since the first reading, in order and without a gap, for the clients that follow.
    private var recent: [RecordedEvent] = []
    private var reading: Task<Void, any Error>?
    private var readAt: ContinuousClock.Instant?

    private static let pageSize = 1000
    private static let recentLimit = 2000

    /// Follows a run; nothing is read yet.
    package init(_ record: RunRecord, in journal: any RunStore) {
        self.record = record
        self.journal = journal
    }

    /// Takes in what the journal has got since.
    ///
    /// - Parameter age: what is not older than that will do.
    /// - Throws: ``JournalError`` if the journal cannot be read.
    package func refresh(within age: Duration) async throws {
        if let reading { return try await reading.value }
        if let readAt, .now - readAt < age { return }
        // Not a child of this task: others wait for it too, and one who goes away must not take it from them.
        let task = Task { try await read() }
        reading = task
        defer { reading = nil }
        try await task.value
    }

    private func read() async throws {
        if lastEvent == 0 {
            // A run of a large fleet has far more events than it takes to know how it stands; who wants all of them gets them from the journal.
            for try await event in journal.events(of: record.id, .standing) {
                fold(event)
                trail.note(event)
            }
        }
        while true {
            var next = trail
            let page = try await next.next(of: record.id, limit: Self.pageSize, in: journal)
            if let shared = page.lastShared {
                beginAnew(shared)
                return try await read()
            }
            trail = next
            for event in page.events {
                fold(event)
                recent.append(event)
            }
            if recent.count > 2 * Self.recentLimit { recent.removeFirst(recent.count - Self.recentLimit) }
            guard page.isFull else { break }
        }
        readAt = .now
    }

    /// What is not there any more cannot be taken out of what was folded.
    private func beginAnew(_ shared: Int64) {
        // Who has any of the numbers that were given until now gets all instances.
        generalChange = max(generalChange, lastEvent == .max ? .max : lastEvent + 1)
        (edition, lastShared) = (edition + 1, shared)
        (report, lastEvent, trail, changes, recent) = (FleetReport(), 0, EventTrail(), [:], [])
    }

    private func fold(_ recorded: RecordedEvent) {
        lastEvent = recorded.number
        guard let event = recorded.event else { return }
        report.apply(event)
        switch event.kind {
        case .runStarted, .runResumed: generalChange = max(generalChange, recorded.number)
        default: if let name = event.kind.instance { changes[name] = recorded.number }
        }
    }

    /// The events after that one, in order: as many as there are, up to a limit.
    ///
    /// - Throws: ``JournalError`` if the journal cannot be read.
    package func events(after number: Int64, limit: Int) async throws(JournalError) -> [RecordedEvent] {
        if number >= lastEvent { return [] }
        guard let first = recent.first, first.number <= number + 1 else {
            return try await journal.events(of: record.id, after: number, limit: limit)
        }
        // The numbers are the journal's, which other runs write to as well, so they have gaps.
        let start = recent.partitioningIndex { $0.number > number }
        return Array(recent[start...].prefix(limit))
    }

    /// The same for a client that has read an edition: from where the present one differs.
    package func events(
        after number: Int64,
        of edition: Int,
        limit: Int
    ) async throws(JournalError) -> (events: [RecordedEvent], start: Int64, edition: Int) {
        let present = self.edition
        let start = edition == present ? number : min(number, lastShared)
        return (try await events(after: start, limit: limit), start, present)
    }

    /// Whether the run has ended, and a client that has that event has all of them.
    package func isOver(after number: Int64) -> Bool { report.status != nil && lastEvent <= number }

    /// Why a halted run cannot be resumed; nil if it can.
    package var finalReason: HaltReason? { report.finalReason }

    /// The report with the last event that is in it.
    package var current: (FleetReport, Int64) { (report, lastEvent) }

    /// The same, with the instances that events after that one have changed; nil if that may be all of them.
    package func current(changedAfter number: Int64?) -> (report: FleetReport, lastEvent: Int64, changed: Set<String>?) {
        (report, lastEvent, number.flatMap { instances(changedAfter: $0) })
    }

    /// What a body takes from the report, and the last event that is in it. A copy of the whole report would make the next event copy every instance.
    ///
    /// - Parameter number: the body is also given the instances that events after that one have changed; nil if that may be all of them.
    package func read<Value: Sendable>(
        changedAfter number: Int64?,
        _ body: @Sendable (_ report: FleetReport, _ changed: Set<String>?) -> Value
    ) -> (value: Value, lastEvent: Int64) {
        (body(report, number.flatMap { instances(changedAfter: $0) }), lastEvent)
    }

    /// The instances that events after that one have changed; nil if that may be all of them.
    package func instances(changedAfter number: Int64) -> Set<String>? {
        guard number >= generalChange else { return nil }
        return Set(changes.lazy.filter { $0.value > number }.map(\.key))
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
