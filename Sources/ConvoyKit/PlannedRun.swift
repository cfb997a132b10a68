package import ConvoyFleet
package import ConvoyRollout
public import ConvoyRun

/// A run that was planned and has not begun. ``FleetClient/plan(_:select:waves:concurrency:isImmediate:earlier:)`` makes it, and ``FleetClient/run(_:)`` carries it out.
public struct PlannedRun: Sendable {
    /// What the run would do, on which instance and in which wave.
    public let plan: RunPlan
    /// Every instance of the plan as it was probed, in the order of the waves: its version, and in `InstanceStatus.pending` what would run.
    public let instances: [InstanceStatus]
    /// What an earlier run chose; nil if the instances were not chosen by a run.
    public let chosen: ChosenInstances?
    /// How many of the selected instances that are.
    package let chosenCount: Int
    package let targets: RunTargets
    /// The selected instances that the fleet file skips, with the reasons in `InstanceStatus.skip`: the run does not touch them.
    public let skipped: [InstanceStatus]
    /// Other selected instances that the run does not touch.
    package let leftOut: [Instance]

    /// Whether nothing is pending on any instance, so that no run is needed. An instance that could not be probed needs a run.
    public var isNothingDue: Bool {
        instances.allSatisfy { $0.pending.isEmpty && [.upToDate, .ahead, .edited].contains($0.outcome) }
    }
}
