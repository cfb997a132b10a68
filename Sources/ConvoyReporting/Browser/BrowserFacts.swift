package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText

/// What is known of a run besides its events: from its plan, the fleet file and the migration set. Each of them may be missing.
package struct BrowserFacts: Sendable {
    /// What the plan says of an instance.
    struct Place: Sendable {
        var server: String
        var database: String
        var start: InstanceStart?
        /// Where the run brings it, as far as the plan alone says so.
        var target: MigrationVersion?
    }

    private(set) var direction = MigrationDirection.up
    private(set) var places: [String: Place] = [:]
    private(set) var labels: [String: [String: String]] = [:]
    private(set) var migrations: [MigrationVersion: Migration] = [:]
    /// The migrations whose files have changed since the plan was made.
    private(set) var edited: Set<MigrationVersion> = []

    /// - Parameters:
    ///   - instances: those that the fleet file lists, for their labels.
    ///   - set: for the names and statements of the migrations.
    package init(plan: RunPlan? = nil, instances: [Instance] = [], set: MigrationSet? = nil) {
        for instance in instances where !instance.labels.isEmpty { labels[instance.name] = instance.labels }
        for migration in set?.migrations ?? [] { migrations[migration.version] = migration }
        guard let plan else { return }
        direction = plan.change.direction
        for pinned in plan.migrations where migrations[pinned.version].map({ $0.checksum != pinned.checksum }) ?? false {
            edited.insert(pinned.version)
        }
        for instance in plan.instances {
            let target: MigrationVersion? =
                switch plan.change {
                case .up(let version): instance.start.map { $0.pending.last ?? $0.version } ?? version
                case .down(let version): version
                case .undo: instance.back?.version
                case .baseline, .repair, .correct: instance.correction?.result.last
                case .downSteps, .revert: nil
                }
            places[instance.name] = Place(server: instance.server, database: instance.database, start: instance.start, target: target)
        }
    }

    /// What the run applies or reverts on an instance, in order; nil if that is not known.
    func pending(_ log: InstanceLog) -> [MigrationVersion]? {
        log.pending ?? (log.applied.isEmpty ? places[log.name]?.start?.pending : nil)
    }

    /// The newest version of an instance now, as far as that is known.
    func version(_ log: InstanceLog) -> MigrationVersion? {
        if let result = log.result, result.to != nil || result.outcome.isGood { return result.to }
        if let last = log.applied.last, last.direction == .up { return last.version }
        return log.from ?? places[log.name]?.start?.version
    }

    /// Where the run brings an instance; nil if that is not known.
    func target(_ log: InstanceLog) -> MigrationVersion? {
        if direction == .up, let last = log.pending?.last, !log.isReturning { return last }
        return places[log.name]?.target
    }
}
