package import ConvoyFleet
package import ConvoyRun

extension RolloutMachine {
    /// The waves of a plan as the rules see them.
    ///
    /// - Parameters:
    ///   - hookPoints: where there are hooks; those around waves are asked for as actions.
    ///   - connections: what an instance may hold at once on its server: ``InstanceInspector/connections(for:)``.
    package static func waves(
        of plan: RunPlan,
        on targets: RunTargets,
        hookPoints: Set<HookPoint> = [],
        connections: (Instance) -> Int
    ) -> [Wave] {
        plan.waves.map { wave in
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
    }
}
