import ConvoyJournal
import ConvoyReporting
import ConvoyRun

/// What one run does to one instance as far as the journal has it, kept up to date for all readers of its page.
actor VisitFollower {
    nonisolated let record: RunRecord
    nonisolated let instance: String
    nonisolated let journal: any RunStore
    /// Of the run, as its follower counts: what it has is no other one's; see ``RunProgress/edition``.
    nonisolated let edition: Int
    private(set) var report: VisitReport
    /// The newest events of the instance, in order.
    private(set) var newest: [RecordedEvent] = []
    private var lastEvent: Int64 = 0
    private var reading: Task<Void, any Error>?
    private var readAt: ContinuousClock.Instant?

    private static let pageSize = 1000
    private static let shownEvents = 40

    init(_ record: RunRecord, _ instance: String, in journal: any RunStore, edition: Int) {
        self.record = record
        self.edition = edition
        self.instance = instance
        self.journal = journal
        report = VisitReport(instance: instance)
    }

    /// Takes in what the journal has got since.
    ///
    /// - Parameters:
    ///   - age: what is not older than that will do.
    ///   - end: an event that is recorded. Those about other instances up to it do not have to be read again.
    /// - Throws: ``JournalError`` if the journal cannot be read.
    func refresh(within age: Duration, upTo end: Int64) async throws {
        if let reading { return try await reading.value }
        if let readAt, .now - readAt < age { return }
        // Not a child of this task: others wait for it too, and one who goes away must not take it from them.
        let task = Task { try await read(upTo: end) }
        reading = task
        defer { reading = nil }
        try await task.value
    }

    private func read(upTo end: Int64) async throws {
        while true {
            let page = try await journal.events(of: record.id, about: instance, after: lastEvent, limit: Self.pageSize)
            for recorded in page {
                lastEvent = max(lastEvent, recorded.number)
                if let event = recorded.event { report.apply(event) }
            }
            newest = (newest + page.filter { $0.event?.kind.instance != nil }).suffix(Self.shownEvents)
            guard page.count == Self.pageSize else { break }
        }
        lastEvent = max(lastEvent, end)
        readAt = .now
    }
}
