import ConvoyFleet
public import ConvoyMigrations

/// What a run does on each instance.
extension RunPlan {
    /// The way back of an instance: what another run did there, and where it found the instance.
    public struct WayBack: Sendable, Hashable, Codable {
        /// The newest version that the other run found; nil if there was no version.
        public var version: MigrationVersion?
        /// What the other run applied, or may have applied before it was cut off, oldest first. As much of it as stands is reverted.
        public var applied: [MigrationVersion]

        /// A way back from its parts.
        package init(version: MigrationVersion?, applied: [MigrationVersion]) {
            self.version = version
            self.applied = applied
        }
    }

    /// The change of one instance. A rollback by steps is counted once, from where the instance stood: what was reverted already must not make
    /// room for more. An instance that was not probed has only the change of the whole plan.
    package func change(of instance: PlannedInstance) -> Change {
        switch change {
        case .up, .down, .revert: change
        case .downSteps: instance.start.map { .revert($0.pending, start: $0.version) } ?? change
        case .undo: instance.back.map { .revert($0.applied, start: $0.version) } ?? .revert([], start: nil)
        case .baseline, .repair, .correct: instance.correction.map { .correct($0) } ?? change
        }
    }

    /// The same plan with the ways back of its instances, by name.
    package func returning(_ ways: [String: WayBack]) -> RunPlan {
        var plan = self
        for wave in plan.waves.indices {
            for index in plan.waves[wave].instances.indices {
                plan.waves[wave].instances[index].back = ways[plan.waves[wave].instances[index].name]
            }
        }
        return plan
    }

    /// The same plan with the corrections of its instances, by name. Nothing of it could be rolled back by a migration's way down, so a wave that would
    /// be rolled back on failure halts the run instead, and an instance that would be is left as it is.
    package func correcting(_ corrections: [String: Correction]) -> RunPlan {
        var plan = self
        for wave in plan.waves.indices {
            switch plan.waves[wave].onFailure {
            case .rollbackWave: plan.waves[wave].onFailure = .halt
            case .rollbackInstance: plan.waves[wave].onFailure = .proceed
            case .halt, .proceed: break
            }
            for index in plan.waves[wave].instances.indices {
                plan.waves[wave].instances[index].correction = corrections[plan.waves[wave].instances[index].name]
            }
        }
        return plan
    }
}
