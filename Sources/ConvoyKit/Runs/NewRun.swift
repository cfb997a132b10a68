package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRollout
package import ConvoyRun
internal import FoundationEssentials

/// A run that is about to start, with its record and its plan as the journal keeps them.
package struct NewRun: Sendable {
    package let record: RunRecord
    /// The plan, which knows the state that each probed instance starts in.
    package let plan: RolloutPlan
    /// The plan's form in the journal.
    let pinned: Data

    /// - Parameters:
    ///   - fleetFile: as the user named it.
    ///   - selector: chose the instances; nil chose all.
    ///   - statuses: the state of the instances that were probed.
    /// - Throws: the encoder's error, if the plan cannot be written.
    package init(_ plan: RolloutPlan, fleetFile: String, set: MigrationSet, selector: Selector?, statuses: [InstanceStatus]) throws {
        var plan = plan
        for status in statuses { plan.starts[status.name] = InstanceStart(status) }
        let startedAt = Date()
        record = RunRecord(
            id: RunID(startedAt: startedAt),
            fleet: plan.fleet,
            fleetFile: fleetFile,
            change: plan.change,
            instances: plan.instanceCount,
            startedAt: startedAt,
            startedBy: Operator.current
        )
        pinned = try PinnedPlan(plan, set: set, selector: selector, statuses: statuses, at: startedAt).data()
        self.plan = plan
    }
}
