package import ConvoyJournal
package import ConvoyReporting
package import ConvoyRun

extension FleetReport {
    /// What a run as a whole waits for, as its journal has it: without the instances.
    package static func waits(of run: RunID, in journal: SQLiteJournal) async throws(JournalError) -> (holds: [RunHold], texts: [String]) {
        var report = FleetReport()
        for try await event in journal.events(of: run, .waits) { if let event = event.event { report.apply(event) } }
        return (report.log.holds, report.waits)
    }
}
