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
        /// If events that the reader has are not there any more, the last one that is. Then the page is empty, and the trail begins anew, as the
        /// reader has to: what is not there cannot be taken out of what was folded.
        package var lastShared: Int64?
    }

    private struct Mark: Sendable, Hashable {
        var number: Int64
        var position: Int64

        init(_ event: RecordedEvent) { (number, position) = (event.number, event.position) }
    }

    /// The newest events that the reader has, in order.
    private var marks: [Mark] = []
    /// How often in a row the newest of them was not there.
    private var absences = 0

    /// A reader may meet a standby that is a moment behind, and the primary the next time: only what stays away was lost.
    private static let passingAbsences = 5

    /// How many events a server that takes over may lack so that no other ones are given again.
    private static let memory = 2000

    /// Of a reader that has read nothing.
    package init() {}

    /// The last event that the reader has; 0 before the first.
    package var last: Int64 { marks.last?.number ?? 0 }

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
        if let known = marks.last {
            page = try await journal.events(of: run, selection, after: max(known.number, 1) - 1, limit: limit + 1)
            let isThere = page.first?.number == known.number
            guard page.first.map(Mark.init) == known else {
                if !isThere, absences + 1 < Self.passingAbsences {
                    absences += 1
                    return Page(events: [], isFull: false)
                }
                let lastShared = try await lastShared(of: run, selection, in: journal)
                self = EventTrail()
                return Page(events: [], isFull: true, lastShared: lastShared)
            }
            absences = 0
            page.removeFirst()
        } else {
            page = try await journal.events(of: run, selection, after: 0, limit: limit)
        }
        for event in page { note(event) }
        return Page(events: page, isFull: page.count >= limit)
    }

    /// The last of the marks that is still there; 0 if none is. Those before a mark that is there are there, too.
    private func lastShared(
        of run: RunID,
        _ selection: RecordedEvents.Selection,
        in journal: any RunStore
    ) async throws(JournalError) -> Int64 {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = low + (high - low) / 2
            let found = try await journal.events(of: run, selection, after: marks[middle].number - 1, limit: 1).first
            if found.map(Mark.init) == marks[middle] { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : marks[low - 1].number
    }
}
