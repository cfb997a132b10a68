package import ConvoyRun
internal import FoundationEssentials

/// A run that is about to start, with its record and its plan as the journal keeps them.
package struct NewRun: Sendable {
    package let record: RunRecord
    package let plan: RunPlan
    /// The plan as the journal keeps it.
    let recordedPlan: Data

    /// - Parameters:
    ///   - plan: with the states of the instances that were probed.
    ///   - fleetFile: as the user named it.
    /// - Throws: the encoder's error, if the plan cannot be written.
    package init(_ plan: RunPlan, fleetFile: String) throws {
        let startedAt = Date()
        var plan = plan
        plan.generatedAt = startedAt
        record = RunRecord(
            id: RunID(startedAt: startedAt),
            fleet: plan.fleet,
            fleetFile: fleetFile,
            change: plan.change,
            instances: plan.instanceCount,
            startedAt: startedAt,
            startedBy: Operator.current
        )
        recordedPlan = try plan.data()
        self.plan = plan
    }
}
