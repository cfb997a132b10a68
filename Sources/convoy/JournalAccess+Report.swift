import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

extension JournalAccess {
    /// A run as its events tell it, and what the journal knows besides: that it goes on, was cut off or was abandoned.
    ///
    /// - Parameters:
    ///   - each: is handed every event that is not damaged, and the report with that event in it. Without it only the events that matter at the end are read.
    ///   - warn: is handed lines about events that a newer program wrote, and about damaged ones.
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
        var damage = JournalDamage()
        try await explaining { () async throws(JournalError) in
            for try await recorded in journal.events(of: run.id, each == nil ? .standing : .all) {
                if let event = recorded.event {
                    report.apply(event)
                } else if recorded.isDamaged {
                    damage.note(recorded)
                    continue
                } else {
                    unknown[recorded.type, default: 0] += 1
                }
                each?(recorded, report)
            }
        }
        report.apply(run)
        // Also of a run whose plan nobody can read any more there is something to tell.
        if let plan = try? await plan(of: run.id, in: journal) {
            let starts = plan.waves.flatMap(\.instances).compactMap { instance in instance.start.map { (instance.name, $0.start) } }
            report.apply(starts: Dictionary(starts) { first, _ in first })
        }
        for (type, count) in unknown.sorted(by: { $0.key < $1.key }) {
            warn("note: left out \(count) events of the kind \(type.visible): a newer convoy wrote them\n")
        }
        if let remark = damage.remark(run.id) { warn(remark) }
        return (report, report.status == nil || state == .abandoned ? state : nil)
    }

    /// Where newer runs have brought instances since a run ended there, a line each run; empty where it is the last to have worked on them.
    func since(_ run: RunRecord, _ report: FleetReport, in journal: SQLiteJournal) async throws -> [String] {
        guard let overtakings = try? await self.overtakings(of: run, in: journal), !overtakings.isEmpty else { return [] }
        let events = try await explaining { () async throws(JournalError) in
            try await journal.lastEndings(of: overtakings.flatMap(\.instances), fleet: run.fleet, except: run.id)
        }
        var versions: [String: String] = [:]
        for event in events.compactMap(\.event) {
            switch event.kind {
            case .instanceFinished(let name, let result), .rollbackFinished(let name, let result):
                if result.outcome.isGood || result.to != nil { versions[name] = result.to?.description ?? "no version" }
            default: break
            }
        }
        return overtakings.map { overtaking in
            let known = overtaking.instances.map { name in
                versions.removeValue(forKey: name).map { "\(name.visible) is at \($0)" } ?? name.visible
            }
            return "since then: run \(overtaking.run.id) has worked on \(Overtaking.list(known))"
        }
    }
}
