package import ConvoyJournal
package import ConvoyReporting
package import ConvoyRun

extension FleetReport {
    /// What a run as a whole waits for, as its journal has it: without the instances.
    package static func waits(of run: RunID, in journal: any RunStore) async throws(JournalError) -> (holds: [RunHold], texts: [String]) {
        var report = FleetReport()
        for try await event in journal.events(of: run, .waits) { if let event = event.event { report.apply(event) } }
        return (report.log.holds, report.waits)
    }
}

extension RunsReport.Entry {
    /// A run of the list, as its journal has it.
    ///
    /// - Parameters:
    ///   - state: how the run stands: only an active one waits.
    ///   - isImmediate: whether it was started with `--now`.
    package init(_ run: RunRecord, _ state: RunState, isImmediate: Bool, in journal: any RunStore) async throws(JournalError) {
        var waits: (holds: [RunHold], texts: [String]) = ([], [])
        var staff: RunStaff?
        if state == .running {
            waits = try await FleetReport.waits(of: run.id, in: journal)
            staff = try await journal.staff(of: run.id)
            if let reason = staff?.waitReason(run.id) { waits.texts.insert(reason, at: 0) }
        }
        self.init(
            run: run,
            state: state,
            outcomes: try await journal.outcomes(of: run.id),
            waits: waits.texts,
            holds: waits.holds,
            shortage: staff?.standstill,
            isImmediate: isImmediate
        )
    }
}
