import ConvoyFleet
import ConvoyMigrations
import ConvoyRun

extension RunLog {
    /// What the rules need to continue. They decide for themselves whether a stop rule is still broken, now that `unknown` outcomes have
    /// become facts; only a wave that was to be rolled back stays halted for its first reason.
    func past(in plan: RunPlan) -> RolloutMachine.Past {
        let isUp = plan.change.canBeReverted
        let wave = standingReason?.badWave.flatMap { name in plan.waves.first { $0.name == name } }
        var finishes = ended.compactMap { name in
            instance(name).flatMap { instance in
                instance.change.map { result in
                    var finish = RolloutMachine.Finish(name, result)
                    // More may have been applied there than was reported.
                    finish.isChanged = instance.hasChanged || isUp && instance.wasUnknown
                    return finish
                }
            }
        }
        if isUp {
            let begun = instances.lazy.filter { $0.footprint != nil }.map(\.name).sorted()
            finishes += begun.map { RolloutMachine.Finish($0, .interrupted, isChanged: true) }
        }
        return RolloutMachine.Past(
            waves: Dictionary(waves.lazy.filter { !$0.milestones.isEmpty }.map { ($0.name, $0.milestones) }) { first, _ in first },
            finishes: finishes,
            rollbacks: Dictionary(instances.lazy.compactMap { log in log.rollback?.outcome.map { (log.name, $0) } }) { first, _ in first },
            haltReason: wave?.onFailure == .rollbackWave ? standingReason : nil
        )
    }
}

extension RolloutMachine.Finish {
    init(_ instance: String, _ result: InstanceResult) {
        self.init(instance, result.judgedOutcome, fingerprint: result.failure?.fingerprint, isChanged: !result.standing.isEmpty)
    }
}
