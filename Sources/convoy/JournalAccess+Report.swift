import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout

extension JournalAccess {
    /// A run as its events tell it, and what the journal knows besides: that it goes on, was cut off or was abandoned.
    ///
    /// - Parameters:
    ///   - each: is handed every event, and the report with that event in it. Without it only the events that matter at the end are read.
    ///   - warn: is handed a line about events that a newer program wrote.
    func report(
        on run: RunRecord,
        in journal: SQLiteJournal,
        _ each: ((RecordedEvent, FleetReport) -> Void)? = nil,
        warn: (String) -> Void = StandardStreams.error.write
    ) async throws -> (report: FleetReport, state: RunState?) {
        // Before the events: a run that ends meanwhile must not look cut off.
        let state = try await state(of: run)
        var report = FleetReport()
        var unknown: [String: Int] = [:]
        try await explaining { () async throws(JournalError) in
            for try await recorded in journal.events(of: run.id, each == nil ? .standing : .all) {
                if let event = recorded.event { report.apply(event) } else { unknown[recorded.type, default: 0] += 1 }
                each?(recorded, report)
            }
        }
        for (type, count) in unknown.sorted(by: { $0.key < $1.key }) {
            warn("note: left out \(count) events of the kind \(type.visible): a newer convoy wrote them\n")
        }
        return (report, report.status == nil || state == .abandoned ? state : nil)
    }
}
