package import ConvoyFleet
package import ConvoyRun

extension RolloutMachine {
    /// The rules of a run that carries out a plan.
    ///
    /// - Parameters:
    ///   - hookPoints: where there are hooks; those around waves are asked for as actions.
    ///   - past: what an earlier process recorded of the run.
    ///   - connections: what an instance may hold at once on its server: ``InstanceInspector/connections(for:)``.
    package init(
        _ plan: RunPlan,
        on targets: RunTargets,
        hookPoints: Set<HookPoint> = [],
        resuming past: Past = Past(),
        connections: (Instance) -> Int
    ) {
        let waves = plan.waves.map { wave in
            Wave(
                name: wave.name,
                maxParallel: wave.maxParallel,
                stop: wave.stop,
                onFailure: wave.onFailure,
                hasGate: wave.gate != nil,
                needsPreparation: hookPoints.contains(.beforeWave),
                needsClosing: hookPoints.contains(.afterWave),
                instances: wave.instances.compactMap { planned in
                    targets.instances[planned.name].map { instance in
                        let mayBeDue = planned.start.map { !$0.pending.isEmpty } ?? true
                        return Member(name: instance.name, server: instance.server, connections: connections(instance), mayBeDue: mayBeDue)
                    }
                }
            )
        }
        self.init(waves: waves, limits: targets.limits, resuming: past)
    }
}
