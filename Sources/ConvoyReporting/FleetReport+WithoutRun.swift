internal import ConvoyFleet
import ConvoyMigrations
package import ConvoyRun
package import FoundationEssentials

extension FleetReport {
    /// The result of a run over a plan, where probes found nothing pending and no run was started: its id is empty.
    package init(withoutRun plan: RunPlan, statuses: [InstanceStatus], at now: Date) {
        self.init()
        apply(Event(at: now, .runStarted(run: "", fleet: plan.fleet, waves: plan.plannedWaves)))
        for status in statuses {
            let result = InstanceResult(outcome: status.outcome, from: status.version, to: status.version, failure: status.failure)
            apply(Event(at: now, .instanceFinished(instance: status.name, result: result)))
        }
        let isWell = statuses.allSatisfy(\.judgedOutcome.isGood)
        apply(Event(at: now, .runFinished(status: isWell ? .succeeded : .failed)))
        // The first event begins a new report.
        correction = plan.change.correctionKind
    }
}
