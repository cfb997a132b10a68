package import ConvoyJournal
import ConvoyReporting
package import ConvoyRun
import ConvoyText

/// A newer run that has worked on instances of an older one, so that the older one's plan may no longer fit them.
package struct Overtaking: Sendable {
    package var run: RunRecord
    /// In the order of the older run's plan.
    package var instances: [String]

    /// One line for the operator.
    package var line: String { "run \(run.id) has worked on \(Overtaking.list(instances)) since then" }

    /// The names, of which there may be many: the first few.
    package static func list(_ names: [String]) -> String {
        let few = names.prefix(5).map(\.visible).joined(separator: ", ")
        return names.count > 5 ? "\(few) and \(names.count - 5) more" : few
    }
}

/// Conflicts between runs of one fleet.
extension RunCatalog {
    /// The newer runs that have worked on instances of a run, newest first: those that the journal recorded later. The clocks of machines may disagree.
    package func overtakings(of record: RunRecord, in journal: any RunStore) async throws(FleetError) -> [Overtaking] {
        let newer = try await explaining { () async throws(JournalError) in
            try await journal.runs(limit: 1000, fleet: record.fleet).prefix { $0.id != record.id }
        }
        guard !newer.isEmpty else { return [] }
        let names = try await plan(of: record.id, in: journal).instances.map(\.name)
        var overtakings: [Overtaking] = []
        for run in newer {
            let started = try await explaining { () async throws(JournalError) in try await journal.startedInstances(of: run.id) }
            let common = names.filter(started.contains)
            if !common.isEmpty { overtakings.append(Overtaking(run: run, instances: common)) }
        }
        return overtakings
    }

    /// Warns about resumable runs that include the same instances.
    ///
    /// - Parameter option: what names the fleet file in the commands of the advice.
    package func noteResumableRuns(_ plan: RunPlan, in journal: any RunStore, option: String = "") async throws(FleetError) {
        let names = Set(plan.instances.map(\.name))
        let runs = try await explaining { () async throws(JournalError) in try await journal.runs(limit: 20, fleet: plan.fleet) }
        for run in runs where try await state(of: run, in: journal).isUnfinished {
            guard let theirs = try? await self.plan(of: run.id, in: journal).instances.map(\.name) else { continue }
            let common = theirs.filter(names.contains)
            guard !common.isEmpty, try await overtakings(of: run, in: journal).isEmpty else { continue }
            warn(
                .note(
                    "run \(run.id) is unfinished and also includes \(Overtaking.list(common)): `convoy resume \(run.id)\(option)` continues it, "
                        + "`convoy abandon \(run.id)\(option)` abandons it"
                )
            )
        }
    }
}
