import ConvoyJournal
import ConvoyRun

/// What happened in the runs of a fleet, counted for metrics: the journal is read once, and then only what is new in it.
actor RunCounters {
    private let reader: JournalReader
    private let fleet: String
    private var journal: (any RunStore)?
    private var cursor: TotalsCursor?
    private var byRun: [RunID: RunTotals] = [:]
    /// What was said last. An older Convoy removes runs without a note of what they count, and the numbers wait until they are higher again.
    private var shown = RunTotals()
    private var reading: Task<RunTotals, any Error>?

    init(_ reader: JournalReader, fleet: String) {
        self.reader = reader
        self.fleet = fleet
    }

    /// The numbers of now; they never fall while the journal stays the same file.
    ///
    /// - Throws: ``JournalError`` if the journal cannot be read.
    func totals() async throws -> RunTotals {
        if let reading { return try await reading.value }
        // Not a child of this task: others wait for it too, and one who goes away must not take it from them.
        let task = Task { try await read() }
        reading = task
        defer { reading = nil }
        return try await task.value
    }

    private func read() async throws -> RunTotals {
        guard let journal = try await reader.journal() else { return shown }
        if journal !== self.journal {
            (self.journal, cursor, byRun, shown) = (journal, nil, [:], RunTotals())
        }
        let totals = try await journal.totals(of: fleet, after: cursor)
        cursor = totals.cursor
        for (run, news) in totals.news { byRun[run, default: RunTotals()].add(news) }
        byRun = byRun.filter { totals.runs.contains($0.key) }
        var all = totals.removed
        for counted in byRun.values { all.add(counted) }
        shown.raise(to: all)
        return shown
    }
}
