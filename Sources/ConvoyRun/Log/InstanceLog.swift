public import ConvoyMigrations
public import FoundationEssentials

/// What a run has done to one of its instances.
public struct InstanceLog: Sendable, Hashable {
    /// How far the run is with an instance.
    public enum State: Sendable, Hashable {
        /// Its turn has not come; in a run that has ended, it never came.
        case notReached
        /// It is in progress, or waits for something, for example a lock.
        case running(waitingFor: String?)
        /// It has ended; the result has all that the run did to it, a rollback included.
        case finished(InstanceResult)
    }

    /// What is known of work that was begun and has not ended: the process may have committed more before it died.
    package struct Footprint: Sendable, Hashable {
        /// What the first probe found; nil if the instance was not probed.
        package internal(set) var start: InstanceStart?
        /// The migrations whose end was reported.
        package internal(set) var applied: [AppliedMigration] = []
    }

    /// The return of an instance to its version before the run.
    package struct Rollback: Sendable, Hashable {
        /// How it ended; nil while it is under way.
        package internal(set) var outcome: Outcome?

        /// Whether it has come to an end, good or bad, and is not tried again.
        package var isOver: Bool { outcome?.isSettled == true }
    }

    /// As the fleet file names it.
    public let name: String
    /// The wave of the run that it belongs to; nil if the run leaves it out.
    public internal(set) var wave: String?
    /// How far the run is with it.
    public internal(set) var state = State.notReached
    /// The newest version before the run; nil if there was no version, or if it is not known.
    public internal(set) var from: MigrationVersion?
    /// The migrations that the run found to be pending here, in the order in which it applies them; nil before the probe.
    public internal(set) var pending: [MigrationVersion]?
    /// What the run has applied or reverted here, in order.
    public internal(set) var applied: [AppliedMigration] = []
    /// How many of these came before the plan in ``pending``: a resumed run, and one that rolls an instance back, plan anew.
    package internal(set) var appliedBeforePlan = 0
    /// Whether the run rolls it back to where it started.
    package internal(set) var isReturning = false
    /// When the run first began to work on it; nil before.
    public internal(set) var startedAt: Date?
    /// When it ended in the run; nil until it has.
    public internal(set) var finishedAt: Date?
    /// When the last thing happened that brought it further: its start, its plan, a migration.
    package internal(set) var steppedAt: Date?
    /// What its server was last seen to be busy with on the present step, if that takes long.
    public internal(set) var activity: ServerActivity?
    /// How it last ended, also while it is in progress again; nil if it has not ended yet.
    public internal(set) var lastResult: InstanceResult?
    /// Nil if no work on it was begun, or if that has ended for good.
    package internal(set) var footprint: Footprint?
    /// Nil if no rollback of it was begun.
    package internal(set) var rollback: Rollback?
    /// How the run's change ended here, without the rollback; nil if it has not ended.
    package internal(set) var change: InstanceResult?
    /// Whether the change left something applied, at any of its ends.
    package internal(set) var hasChanged = false
    /// Whether an end of the change was ``Outcome/unknown``.
    package internal(set) var wasUnknown = false

    /// An instance that the run has not reached.
    package init(name: String) {
        self.name = name
    }

    /// How it ended, with all that was done; nil until it has, and while it is in progress again.
    public var result: InstanceResult? { if case .finished(let result) = state { result } else { nil } }

    /// How it last ended; `pending` if the run has not reached it.
    public var outcome: Outcome { lastResult?.outcome ?? .pending }

    /// How many migrations of ``pending`` are done.
    package var appliedOfPlan: Int { max(0, applied.count - appliedBeforePlan) }

    /// The migration that is probably in progress: the first that is pending and not done; nil if the instance is not in progress.
    public var current: MigrationVersion? {
        guard case .running = state, let pending, appliedOfPlan < pending.count else { return nil }
        return pending[appliedOfPlan]
    }

    /// Whether a rollback was begun that has not come to an end.
    package var owesRollback: Bool { rollback.map { !$0.isOver } ?? false }

    mutating func step(at now: Date) {
        steppedAt = now
        activity = nil
    }
}

extension InstanceResult {
    /// The versions that were applied and not reverted again, in the order in which they were applied.
    package var standing: [MigrationVersion] {
        var versions: [MigrationVersion] = []
        for migration in applied {
            switch migration.direction {
            case .up: versions.append(migration.version)
            case .down: versions.removeAll { $0 == migration.version }
            }
        }
        return versions
    }
}
