package import ConvoyJournal
package import ConvoyReporting
package import ConvoyRun

/// A run as far as the journal has it, kept up to date for all readers: the journal is read once for all of them.
///
/// If events that were read are not there any more, because a server that was behind has taken over, the run is read anew. Its report is then another
/// edition, which takes the place of the one before at once, when it is there.
package actor RunFollower {
    /// The run, as it was recorded when it was first followed.
    package nonisolated let record: RunRecord
    /// Where its events are.
    package nonisolated let journal: any RunStore
    /// Begins anywhere: a page compares it also with that of another follower, or of another process.
    private var present = RunEdition(Int.random(in: 0..<1 << 40))
    /// For each of the newest editions that were given up: the last event that it has in common with all after it.
    private var shared: [RunProgress] = []
    private var reading: Task<Void, any Error>?
    private var readAt: ContinuousClock.Instant?

    private static let pageSize = 1000
    private static let sharedLimit = 100

    /// Follows a run; nothing is read yet.
    package init(_ record: RunRecord, in journal: any RunStore) {
        self.record = record
        self.journal = journal
    }

    // MARK: Reading

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
        // A run of a large fleet has far more events than it takes to know how it stands; who wants all of them gets them from the journal.
        if present.lastEvent == 0 { for try await event in journal.events(of: record.id, .standing) { present.begin(event) } }
        var isAnew = false
        while true {
            var trail = present.trail
            let page = try await trail.next(of: record.id, limit: Self.pageSize, in: journal)
            if let lastShared = page.lastShared {
                // Where that changes again at once, the next refresh begins anew.
                if isAnew { break }
                isAnew = true
                try await readAnew(lastShared)
                continue
            }
            present.take(page.events, trail)
            guard page.isFull else { break }
        }
        readAt = .now
    }

    private func readAnew(_ lastShared: Int64) async throws {
        var next = RunEdition(present.number + 1)
        for try await event in journal.events(of: record.id, .standing) { next.begin(event) }
        shared = (shared + [present.progress]).suffix(Self.sharedLimit).map { old in
            RunProgress(edition: old.edition, lastEvent: min(old.lastEvent, lastShared))
        }
        present = next
    }

    // MARK: What was read

    /// What has happened, folded.
    package var report: FleetReport { present.report }

    /// How far it was read.
    package var progress: RunProgress { present.progress }

    /// The events after that one, in order: as many as there are, up to a limit.
    ///
    /// - Throws: ``JournalError`` if the journal cannot be read.
    package func events(after number: Int64, limit: Int) async throws(JournalError) -> [RecordedEvent] {
        if let events = present.events(after: number, limit: limit) { return events }
        return try await journal.events(of: record.id, after: number, limit: limit)
    }

    /// The same for a client that has read up to there: from where the present edition differs from what the client has.
    ///
    /// - Returns: the events, and what they come after.
    package func events(after progress: RunProgress, limit: Int) async throws(JournalError) -> (events: [RecordedEvent], start: RunProgress)
    {
        var start = RunProgress(edition: present.number, lastEvent: progress.lastEvent)
        if progress.edition != present.number {
            start.lastEvent = min(progress.lastEvent, shared.first { $0.edition == progress.edition }?.lastEvent ?? 0)
        }
        return (try await events(after: start.lastEvent, limit: limit), start)
    }

    /// Whether the run has ended, and a client that has that event has all of them.
    package func isOver(after number: Int64) -> Bool { present.report.status != nil && present.lastEvent <= number }

    /// The same for a client of an edition.
    package func isOver(after progress: RunProgress) -> Bool { progress.edition == present.number && isOver(after: progress.lastEvent) }

    /// Why a halted run cannot be resumed; nil if it can.
    package var finalReason: HaltReason? { present.report.finalReason }

    /// The report, and how far it was read.
    package var current: (report: FleetReport, progress: RunProgress) { (present.report, present.progress) }

    /// The same, with the instances that have changed since; nil if that may be all of them.
    package func current(changedAfter progress: RunProgress?) -> (report: FleetReport, progress: RunProgress, changed: Set<String>?) {
        (present.report, present.progress, instances(changedAfter: progress))
    }

    /// What a body takes from the report, and how far that was read. A copy of the whole report would make the next event copy every instance.
    ///
    /// - Parameter progress: the body is also given the instances that have changed since; nil if that may be all of them.
    package func read<Value: Sendable>(
        changedAfter progress: RunProgress?,
        _ body: @Sendable (_ report: FleetReport, _ changed: Set<String>?) -> Value
    ) -> (value: Value, progress: RunProgress) {
        (body(present.report, instances(changedAfter: progress)), present.progress)
    }

    /// The instances that have changed since; nil if that may be all of them.
    package func instances(changedAfter progress: RunProgress?) -> Set<String>? { progress.flatMap(present.instances) }
}
