package import ConvoyMigrations
package import ConvoyRollout
package import ConvoyRun

extension RunPlan {
    /// The plan of a run that is resumed, without the finished instances that the fleet no longer has, and without those that it skips now.
    ///
    /// - Parameters:
    ///   - log: what has happened in the run.
    ///   - targets: all instances of the fleet as it is now, discovered ones included.
    ///   - set: the migrations as they are now.
    /// - Throws: ``FleetError/Code/planChanged`` if the migrations or instances are not those that the run began with, or if a checkpoint
    ///   of the set was edited or is stale.
    package func resumed(_ run: RunID, after log: RunLog, on targets: RunTargets, set: MigrationSet) throws(FleetError) -> RunPlan {
        if change.direction == .up, !set.checkpointProblems.isEmpty {
            throw FleetError(
                .planChanged,
                "run \(run) cannot be resumed, because a checkpoint of the migration set cannot be used; nothing was changed",
                details: set.checkpointProblems.map(\.description)
            )
        }
        var differences = migrationDifferences(to: set.migrations.map(PinnedMigration.init))
        let unfinished = log.unfinished
        for instance in instances {
            if targets.instances[instance.name]?.skip != nil { continue }
            if let now = targets.instances[instance.name] {
                guard (now.server, now.database) != (instance.server, instance.database) else { continue }
                differences.append(
                    "instance \(instance.name) is now database \(now.database) on \(now.server), and was \(instance.database) on \(instance.server)"
                )
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
        return keeping { targets.instances[$0.name].map { $0.skip == nil } == true }
    }
}
