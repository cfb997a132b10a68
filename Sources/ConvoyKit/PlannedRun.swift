package import ConvoyFleet
public import ConvoyMigrations
package import ConvoyRollout
public import ConvoyRun

/// What a run would do, on which instance and in which wave. ``FleetClient/plan(_:select:waves:concurrency:)`` makes it, and
/// ``FleetClient/run(_:)`` carries it out.
public struct RunPlan: Sendable {
    package var rollout: RolloutPlan
    package var selector: Selector?
    /// Every instance of the plan as it was probed, in the order of the waves: its version, and in `InstanceStatus.pending` what would run.
    public internal(set) var instances: [InstanceStatus]

    /// The waves in their order, with the names of their instances.
    public var waves: [PlannedWave] { rollout.plannedWaves }

    /// The target of the plan.
    public var change: Change { rollout.change }

    /// Whether nothing is pending on any instance, so that no run is needed. An instance that could not be probed needs a run.
    public var isNothingDue: Bool { instances.isNothingDue }
}

extension [InstanceStatus] {
    /// Whether nothing is pending on any instance, so that no run is needed. An instance that could not be probed needs a run.
    package var isNothingDue: Bool {
        allSatisfy { $0.pending.isEmpty && [.upToDate, .ahead, .edited].contains($0.outcome) }
    }
}
