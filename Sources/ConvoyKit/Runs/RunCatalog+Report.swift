package import ConvoyJournal
import ConvoyMigrations
package import ConvoyReporting
package import ConvoyRun
import ConvoyText

extension RunCatalog {
    /// What a process needs that resumes a run: its plan, and what has happened in it. The plan announces the instances, also if the event that does
    /// is damaged.
    package func past(of run: RunID, in journal: any RunStore) async throws(FleetError) -> (plan: RunPlan, report: FleetReport) {
        let plan = try await plan(of: run, in: journal)
        var report = FleetReport(announcing: plan.plannedWaves)
        try await events(of: run, in: journal) { report.apply($0) }
        return (plan, report)
    }

    /// The report on a run from its events, and its state from the journal, such as running, cut off or abandoned.
    ///
    /// - Parameters:
    ///   - each: is called for every undamaged event, with the report that includes it. Without it only the events that a final report needs are
    ///     read.
    package func report(
        on run: RunRecord,
        in journal: any RunStore,
        _ each: ((RecordedEvent, FleetReport) -> Void)? = nil
    ) async throws(FleetError) -> (report: FleetReport, state: RunState?) {
        // Read before the events: a run that ends meanwhile must not seem cut off.
        let state = try await state(of: run, in: journal)
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
        // A run whose plan cannot be read is reported all the same.
        if let plan = try? await plan(of: run.id, in: journal) {
            report.apply(plan)
        }
        // Where that cannot be read, the rest is reported all the same.
        if state == .running { report.shortage = (try? await journal.staff(of: run.id))?.waitReason(run.id) }
        for (type, count) in unknown.sorted(by: { $0.key < $1.key }) {
            warn(.note("skipped \(count) events of type \(type.visible), which a newer version of convoy wrote"))
        }
        if let remark = damage.remark(run.id) { warn(.warning(remark)) }
        return (report, report.status == nil || state == .ended(.abandoned) ? state : nil)
    }

    /// What newer runs did to the instances of a run, a line for each newer run; empty if this run was the last to work on them.
    package func since(_ run: RunRecord, _ report: FleetReport, in journal: any RunStore) async throws(FleetError) -> [String] {
        guard let overtakings = try? await self.overtakings(of: run, in: journal), !overtakings.isEmpty else { return [] }
        let endings = try await explaining { () async throws(JournalError) in
            try await journal.lastEndings(of: overtakings.flatMap(\.instances), fleet: run.fleet, except: run.id)
        }
        var versions: [String: String] = [:]
        for event in endings.compactMap(\.event.event) {
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
