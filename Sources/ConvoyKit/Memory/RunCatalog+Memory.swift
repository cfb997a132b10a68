package import ConvoyJournal
import ConvoyMigrations
package import ConvoyReporting
import ConvoyRun
import FoundationEssentials

/// What the journal remembers of the instances of a fleet.
extension RunCatalog {
    /// For how many instances the time of the first missing migration is searched for; the others have the time at which the run left them.
    private static let datedSetbacks = 30

    /// Adds to a report of the fleet without a run how each instance last ended in one, and which of them seem to be set back.
    package func remember(in report: inout FleetReport) async throws(FleetError) {
        let journal = try await openForReading()
        if let journal, let fleet {
            let names = report.instances.map(\.name)
            let endings = try await explaining { () async throws(JournalError) in
                try await journal.lastEndings(of: names, fleet: fleet, except: nil, .brief)
            }
            for ending in endings { ending.event.event.map { report.apply(elsewhere: $0, run: ending.run.description) } }
        }
        try await noteSetbacks(in: &report, journal)
    }

    /// Adds to a report, once it has probes and the endings of runs, which instances seem to be set back.
    ///
    /// What a run may have done unseen explains the same: an instance in an active run, or in one that was cut off or lost there, is left out. So is
    /// one whose name had another server or database when the run worked on it.
    package func noteSetbacks(in report: inout FleetReport, _ journal: (any RunStore)?) async throws(FleetError) {
        let suspected = report.instances.filter { $0.suspectedSetback != nil }
        guard !suspected.isEmpty else { return }
        let checked: [String: Setback]
        if let journal {
            do {
                checked = try await check(suspected, in: journal)
            } catch {
                throw FleetError(error)
            }
        } else {
            checked = Dictionary(suspected.compactMap { instance in instance.suspectedSetback.map { (instance.name, $0) } }) { first, _ in
                first
            }
        }
        report.apply(setbacks: checked)
    }

    private func check(_ suspected: [InstanceReport], in journal: any RunStore) async throws(JournalError) -> [String: Setback] {
        let fleet = fleet ?? ""
        let active = try await activeInstances(in: journal)
        // What was recorded after the end that last said the version, by the journal's order and not by clocks of machines.
        var positions = Dictionary(suspected.map { ($0.name, Int64.max) }) { first, _ in first }
        for ending in try await journal.lastEndings(of: suspected.map(\.name), fleet: fleet, except: nil, .brief) {
            guard let name = ending.event.event?.kind.instance, let known = positions[name] else { continue }
            positions[name] = min(known, ending.event.position)
        }
        let inDoubt = try await journal.instancesInDoubt(since: positions.mapValues { $0 == .max ? 0 : $0 }, fleet: fleet)
        var plans: [String: RunPlan?] = [:]
        var setbacks: [String: Setback] = [:]
        for instance in suspected where !active.contains(instance.name) && !inDoubt.contains(instance.name) {
            guard var setback = instance.suspectedSetback else { continue }
            if case .journal(let run) = setback.witness {
                if plans[run] == nil { plans[run] = .some(try? await journal.runPlan(of: RunID(run))) }
                let planned = plans[run].flatMap(\.self)?.instances.first { $0.name == instance.name }
                if let planned,
                    planned.server != instance.server ?? planned.server || planned.database != instance.database ?? planned.database
                {
                    continue
                }
                setback.backupBefore = setback.recordedAt
                if setbacks.count < Self.datedSetbacks, let date = try await firstMissing(of: instance, run, in: journal, fleet) {
                    setback.backupBefore = date
                }
            }
            setbacks[instance.name] = setback
        }
        return setbacks
    }

    /// The instances of runs that a process works on.
    private func activeInstances(in journal: any RunStore) async throws(JournalError) -> Set<String> {
        var names: Set<String> = []
        for run in try await journal.runs(limit: 100, fleet: fleet) where run.status == nil {
            guard try await journal.state(of: run) == .running, let plan = try? await journal.runPlan(of: run.id) else { continue }
            names.formUnion(plan.instances.lazy.map(\.name))
        }
        return names
    }

    /// When the first migration was committed that a database lacks: in the run that left it highest, or in the one before it that began no higher
    /// than where the database is now.
    private func firstMissing(
        of instance: InstanceReport,
        _ run: String,
        in journal: any RunStore,
        _ fleet: String
    ) async throws(JournalError) -> Date? {
        let found = instance.version
        func began(_ result: InstanceResult) -> Bool { (result.from ?? MigrationVersion(0)) <= (found ?? MigrationVersion(0)) }
        var run = RunID(run)
        if let result = instance.newestResult, !began(result) {
            let endings = try await journal.endings(of: instance.name, fleet: fleet).sorted { $0.event.position > $1.event.position }
            for ending in endings {
                guard let result = ending.event.event?.kind.ending?.result else { continue }
                guard let version = result.to else {
                    if result.outcome.learntVersion { break }
                    continue
                }
                guard version > found ?? MigrationVersion(0) else { break }
                run = ending.run.id
                if began(result) { break }
            }
        }
        return try await journal.firstApplied(above: found, to: instance.name, in: run)
    }
}
