package import ConvoyRun

/// How far a reader of a run has read, so that it notices when what it has read is not there any more.
///
/// A standby that was behind when it took over lacks events that were confirmed, and the process that continues the run gives their numbers to others.
/// A reader that asked only for what comes after its last event would never see those. So it reads its last event once more, each time, and compares.
package struct EventTrail: Sendable {
    /// What came after the last event that the reader has.
    package struct Page: Sendable {
        package var events: [RecordedEvent]
        /// Whether there may be more.
        package var isFull: Bool
        /// If events that the reader has are not there any more, the last one that is; the page begins behind it.
        package var lastShared: Int64?
    }

    private struct Mark: Sendable, Hashable {
        var number: Int64
        var position: Int64

        init(_ event: RecordedEvent) { (number, position) = (event.number, event.position) }
    }

    /// The newest events that the reader has, in order.
    private var marks: [Mark] = []
    /// Before the first event that the reader reads.
    private let start: Int64

    /// How often in a row the newest of them was not there.
    private var absences = 0

    /// A reader may meet a standby that is a moment behind, and the primary the next time: only what stays away was lost.
    private static let passingAbsences = 5

    /// How many events a server that takes over may lack so that no other ones are given again.
    private static let memory = 2000

    /// - Parameter start: the last event that the reader need not read; 0 is the beginning.
    package init(after start: Int64 = 0) {
        self.start = start
    }

    /// The last event that the reader has.
    package var last: Int64 { marks.last?.number ?? start }

    /// The reader has an event, which it has read in another way.
    package mutating func note(_ event: RecordedEvent) {
        marks.append(Mark(event))
        if marks.count > 2 * Self.memory { marks.removeFirst(marks.count - Self.memory) }
    }

    /// The next events.
    ///
    /// - Throws: ``JournalError`` if the journal cannot be read; then nothing has changed.
    package mutating func next(
        of run: RunID,
        _ selection: RecordedEvents.Selection = .all,
        limit: Int,
        in journal: any RunStore
    ) async throws(JournalError) -> Page {
        var page: [RecordedEvent]
        var lastShared: Int64?
        if let known = marks.last {
            page = try await journal.events(of: run, selection, after: known.number - 1, limit: limit + 1)
            absences = page.first?.number == known.number ? 0 : absences + 1
            if page.first.map(Mark.init) == known {
                page.removeFirst()
            } else if 1..<Self.passingAbsences ~= absences {
                return Page(events: [], isFull: false)
            } else {
                absences = 0
                let shared = try await shared(of: run, selection, in: journal)
                page = try await journal.events(of: run, selection, after: shared.last?.number ?? start, limit: limit)
                marks = shared
                lastShared = last
            }
        } else {
            page = try await journal.events(of: run, selection, after: start, limit: limit)
        }
        for event in page { note(event) }
        return Page(events: page, isFull: page.count >= limit, lastShared: lastShared)
    }

    /// Those of the marks that are still there.
    private func shared(
        of run: RunID,
        _ selection: RecordedEvents.Selection,
        in journal: any RunStore
    ) async throws(JournalError) -> [Mark] {
        guard let first = marks.first else { return [] }
        let page = try await journal.events(of: run, selection, after: first.number - 1, limit: marks.count)
        let there = Set(page.map(Mark.init))
        return Array(marks.prefix { there.contains($0) })
    }
}
