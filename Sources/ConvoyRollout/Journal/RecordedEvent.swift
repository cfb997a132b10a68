/// An event as it stands in a journal.
public struct RecordedEvent: Sendable {
    /// Ascending in a journal, from 1.
    public var number: Int64
    /// Nil for a type that this program does not know: a newer one wrote it.
    public var event: Event?
    /// What the type is called, for example `instance_finished`.
    public var type: String
    /// Its JSON form, on one line.
    public var json: String
}

/// The events of a run in order, read from the journal in pages.
///
///     for try await recorded in journal.events(of: run) {
///         guard let event = recorded.event else { … }
///         report.apply(event)
///     }
///
/// Of a run that goes on it gives what is there when it gets there, and ends.
public struct RecordedEvents: AsyncSequence, Sendable {
    public typealias Element = RecordedEvent
    public typealias Failure = JournalError

    let journal: SQLiteJournal
    let run: RunID
    let pageSize: Int

    public func makeAsyncIterator() -> Iterator { Iterator(events: self) }

    /// Reads a page whenever the one before is used up.
    public struct Iterator: AsyncIteratorProtocol {
        let events: RecordedEvents
        private var page: ArraySlice<RecordedEvent> = []
        private var last: Int64? = 0

        init(events: RecordedEvents) {
            self.events = events
        }

        /// - Throws: ``JournalError`` where the journal cannot be read, or where an event in it cannot be understood.
        public mutating func next() async throws(JournalError) -> RecordedEvent? {
            try await next(isolation: #isolation)
        }

        /// - Throws: ``JournalError`` where the journal cannot be read, or where an event in it cannot be understood.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(JournalError) -> RecordedEvent? {
            if page.isEmpty, let last {
                page = try await events.journal.events(of: events.run, after: last, limit: events.pageSize)[...]
                self.last = page.count < events.pageSize ? nil : page.last?.number
            }
            return page.popFirst()
        }
    }
}
