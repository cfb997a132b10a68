package import ConvoyFleet
package import ConvoyRun
import ConvoyText

/// What it takes to carry out a plan and is not in it, because it has secrets or may have to be fixed before a run is resumed: connections, gates and
/// limits, from the fleet file of now.
package struct RunTargets: Sendable {
    /// By their names.
    package var instances: [String: Instance]
    /// The gates of the fleet file, by the names of the waves; a wave without a gate is missing.
    package var gates: [String: Gate]
    package var limits: ConnectionLimits

    package init(_ instances: [Instance], gates: [String: Gate] = [:], limits: ConnectionLimits) {
        self.instances = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        self.gates = gates
        self.limits = limits
    }

    /// - Parameter instances: of the fleet, discovered ones included.
    package init(_ instances: [Instance], of fleet: Fleet) {
        let gates = fleet.rollout.waves.compactMap { wave in wave.gate.map { (wave.name, $0) } }
        self.init(instances, gates: Dictionary(gates) { first, _ in first }, limits: ConnectionLimits(fleet))
    }

    /// The gate of a wave: the terms are the plan's, what it checks and runs is the fleet file's of now. Nil if the plan has no gate there.
    package func gate(of wave: RunPlan.Wave) -> Gate? {
        wave.gate.map { terms in
            let now = gates[wave.name]
            return Gate(
                soak: Duration(clampingSeconds: terms.soak),
                every: Duration(clampingSeconds: terms.every),
                approve: terms.approve,
                approveWithin: terms.approveWithin.map { Duration(clampingSeconds: $0) },
                checks: now?.checks ?? [],
                command: now?.command ?? [],
                http: now?.http
            )
        }
    }

    /// What the gates of the fleet file would no longer check, or not yet, because a plan has other gates: one line each.
    package func gateDifferences(from plan: RunPlan) -> [String] {
        plan.waves.compactMap { wave in
            switch (wave.gate, gates[wave.name]) {
            case (nil, nil): return nil
            case (nil, _?) where plan.isImmediate: return nil
            case (nil, _?): return "the gate of wave \(wave.name) is not in the plan of this run: the next wave does not wait for it"
            case (_?, nil): return "wave \(wave.name) has no gate in the fleet file any more: its gate waits as planned, and checks nothing"
            case (let terms?, let gate?):
                let missing = terms.checks.filter { name in !gate.checks.contains { $0.name == name } }
                return missing.isEmpty ? nil : "the gate of wave \(wave.name) no longer has the checks \(missing.joined(separator: ", "))"
            }
        }
    }

    /// The instances of a plan, in the order of its waves; those that the fleet no longer has are left out.
    package func instances(of plan: RunPlan) -> [Instance] { instances(in: plan.waves) }

    /// The instances of waves, in their order; those that the fleet no longer has are left out.
    package func instances(in waves: [RunPlan.Wave]) -> [Instance] {
        waves.flatMap(\.instances).compactMap { instances[$0.name] }
    }
}
