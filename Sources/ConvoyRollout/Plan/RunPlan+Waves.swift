package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension RunPlan {
    /// Plans a run over the selected instances, which are not probed yet.
    ///
    /// Each instance gets its wave first, as if all waves were to run; only then are the waves that were not asked for left out. So
    /// `--wave canary` and then `--wave rest` touch together what one run without `--wave` touches. Waves that got no instance are left out too.
    ///
    /// - Parameters:
    ///   - instances: the selection, discovered instances included.
    ///   - selector: chose them; nil chose all.
    ///   - cohorts: each instance's cohort by its name; needed if ``ConvoyFleet/Rollout/needsCohorts`` says so.
    ///   - waves: names of the waves to run; empty means all.
    ///   - concurrency: maximum number of instances at a time in any wave. It lowers a wave's `max_parallel` and never raises it, so that a
    ///     canary stays as careful as the fleet file says.
    ///   - isImmediate: whether the run waits for no gate and for no maintenance window.
    /// - Returns: the plan, and the selected instances that it does not touch: no wave takes them, or their wave was not asked for.
    /// - Throws: ``UnknownWave`` for a name that the fleet file does not have.
    package static func assigning(
        _ instances: [Instance],
        of fleet: Fleet,
        _ set: MigrationSet,
        _ change: Change,
        selector: Selector? = nil,
        cohorts: [String: String] = [:],
        waves wanted: [String] = [],
        concurrency: Int? = nil,
        isImmediate: Bool = false,
        at date: Date = Date()
    ) throws(UnknownWave) -> (plan: RunPlan, leftOut: [Instance]) {
        let known = fleet.rollout.waves.map(\.name)
        if let name = wanted.first(where: { !known.contains($0) }) { throw UnknownWave(name: name, known: known) }

        let assignment = fleet.rollout.assign(instances, cohorts: cohorts)
        var waves: [Wave] = []
        var leftOut = assignment.unassigned
        for members in assignment.waves {
            guard wanted.isEmpty || wanted.contains(members.wave.name) else {
                leftOut += members.instances
                continue
            }
            guard !members.instances.isEmpty else { continue }
            waves.append(
                Wave(
                    name: members.wave.name,
                    instances: members.instances.map(PlannedInstance.init),
                    maxParallel: [members.wave.maxParallel, concurrency].compactMap(\.self).min(),
                    stop: members.wave.stop,
                    onFailure: members.wave.onFailure,
                    gate: isImmediate ? nil : members.wave.gate.map(GateTerms.init)
                )
            )
        }
        let plan = RunPlan(
            fleet: fleet.name,
            generatedAt: date,
            change: change,
            select: selector?.text,
            isImmediate: isImmediate,
            selectedWaves: wanted,
            migrations: set.migrations.map(PinnedMigration.init),
            waves: waves
        )
        return (plan, leftOut)
    }
}

/// A wave was asked for that the fleet file does not have.
package struct UnknownWave: Error, Sendable, Hashable, CustomStringConvertible {
    package let name: String
    /// The waves that there are.
    package let known: [String]

    package var description: String {
        let meant = nearestWord(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
        return "unknown wave “\(name)”\(meant.isEmpty ? "; the fleet file has \(known.joined(separator: ", "))" : meant)"
    }
}
