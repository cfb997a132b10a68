package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRollout
package import ConvoyRun
internal import FoundationEssentials

extension PinnedPlan {
    /// The plan of a run that is resumed, with the connections of now.
    ///
    /// - Parameters:
    ///   - log: what has happened in the run.
    ///   - instances: all instances of the fleet, discovered ones included.
    /// - Throws: ``FleetError/Code/planChanged`` if the migrations or instances are not those that the run began with.
    package func resumed(
        _ run: RunID,
        after log: RunLog,
        instances: [Instance],
        fleet: Fleet,
        set: MigrationSet
    ) throws(FleetError) -> RolloutPlan {
        let plan = plan(instances: instances, fleet: fleet)
        var differences = migrationDifferences(to: PinnedPlan(plan, set: set, at: Date()))
        let known = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        let unfinished = log.unfinished
        for instance in waves.flatMap(\.instances) {
            if let now = known[instance.name] {
                guard (now.server, now.database) != (instance.server, instance.database) else { continue }
                differences.append("instance \(instance.name) is now database \(now.database) on \(now.server), and was a different one")
            } else if !log.isSettled(instance.name) || unfinished.contains(instance.name) {
                differences.append("instance \(instance.name) is no longer in the fleet")
            }
        }
        guard differences.isEmpty else {
            throw FleetError(
                .planChanged,
                "run \(run) cannot be resumed, because its plan no longer matches; nothing was changed",
                details: differences,
                hint: "undo these changes, or abandon the run with `convoy abandon \(run)`"
            )
        }
        return plan
    }
}
