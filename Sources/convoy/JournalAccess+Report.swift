import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout

extension JournalAccess {
    /// A run as its events tell it, and what the journal knows besides: that it goes on, was cut off or was abandoned.
    func report(on run: RunRecord, in journal: SQLiteJournal) async throws -> (report: FleetReport, state: RunState?) {
        // Before the events: a run that ends meanwhile must not look cut off.
        let state = try await state(of: run)
        var report = FleetReport()
        try await eachEvent(of: run.id, in: journal) { recorded in
            if let event = recorded.event { report.apply(event) }
        }
        return (report, report.status == nil || state == .abandoned ? state : nil)
    }

    /// Hands over every event of a run, in order, and tells how many a newer program wrote.
    func eachEvent(of run: RunID, in journal: SQLiteJournal, _ body: (RecordedEvent) -> Void) async throws {
        var unknown: [String: Int] = [:]
        try await explaining { () async throws(JournalError) in
            for try await recorded in journal.events(of: run) {
                if recorded.event == nil { unknown[recorded.type, default: 0] += 1 }
                body(recorded)
            }
        }
        for (type, count) in unknown.sorted(by: { $0.key < $1.key }) {
            StandardStreams.error.write("note: left out \(count) events of the kind \(type.visible): a newer convoy wrote them\n")
        }
    }
}
