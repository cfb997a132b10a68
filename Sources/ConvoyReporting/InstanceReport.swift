package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// An instance of the fleet: where it stands, and what a run has done to it.
package struct InstanceReport: Sendable, Hashable {
    /// How far the run is with it.
    package enum State: Sendable, Hashable {
        /// Its turn has not come; where the run has ended, it never came.
        case notReached
        /// It is worked on, or waits for something, for example a lock.
        case running(waitingFor: String?)
        case finished(InstanceResult)
    }

    /// The state that the last probe found.
    package struct Probe: Sendable, Hashable {
        package var status: InstanceStatus
        package var at: Date

        /// How long before that it last took a migration; nil where that is not known. A clock that is behind counts as zero.
        var age: Duration? { status.lastMigratedAt.map { Duration(clampingSeconds: at.timeIntervalSince($0)) } }
    }

    /// How it ended in a run, and when.
    struct Ending: Sendable, Hashable {
        var result: InstanceResult
        var at: Date
    }

    /// As the fleet file names it.
    package var name: String
    /// The wave of the run that it belongs to; nil if the run leaves it out, or if there is no run.
    package internal(set) var wave: String?
    /// The server's name; nil where only the journal was read.
    package internal(set) var server: String?
    package internal(set) var database: String?
    package internal(set) var labels: [String: String] = [:]
    /// The cohort that the last probe found.
    var foundCohort: String?
    /// Nil if it was not probed.
    package internal(set) var probe: Probe?
    /// How far the run is with it.
    package internal(set) var state: State = .notReached
    /// The newest version before the run; nil for none, or where it is not known.
    package internal(set) var from: MigrationVersion?
    /// The migrations that the run found to be pending here, in the order in which it applies them; nil before the probe.
    package internal(set) var pending: [MigrationVersion]?
    /// What the run has applied or reverted here, in order.
    package internal(set) var applied: [AppliedMigration] = []
    /// How many of these came before the plan in ``pending``: a resumed run, and one that returns an instance, plan anew.
    var appliedBeforePlan = 0
    /// Whether the run takes it back to where it started.
    var isReturning = false
    /// When the run first began to work on it; nil before.
    package internal(set) var startedAt: Date?
    /// When it ended in the run; nil until it has.
    package internal(set) var finishedAt: Date?
    /// How it last ended in another run than the one that is reported on.
    var elsewhere: Ending?
    /// When the last thing happened that brought it further: its start, its plan, a migration.
    package internal(set) var steppedAt: Date?
    /// What its server was last seen to be busy with on the present step, where that takes long.
    package internal(set) var activity: ServerActivity?

    init(name: String) {
        self.name = name
    }

    /// How it ended in the run, with all that was done; nil until it has.
    package var result: InstanceResult? { if case .finished(let result) = state { result } else { nil } }

    /// How it ended in the run.
    private var ownEnding: Ending? {
        guard let result, let finishedAt else { return nil }
        return Ending(result: result, at: finishedAt)
    }

    /// How it last ended in any run that is known.
    private var lastEnding: Ending? {
        guard let own = ownEnding, let elsewhere else { return ownEnding ?? elsewhere }
        return own.at >= elsewhere.at ? own : elsewhere
    }

    /// The ending that decides its outcome: an instance that the run has not reached is pending, however another run ended.
    private var lastResult: InstanceResult? { result == nil ? nil : lastEnding?.result ?? result }

    /// When that was learnt which is shown of it; nil where nothing is known.
    package var knownAt: Date? { [probe?.at, lastEnding?.at].compactMap(\.self).max() }

    /// What the probe found, unless a run ended here later.
    private var newerProbe: InstanceStatus? {
        guard let probe else { return nil }
        guard let lastEnding else { return probe.status }
        return probe.at > lastEnding.at ? probe.status : nil
    }

    /// The same where it changes how the run ended: an instance that failed and is still pending where it stood is a failed one, and one that was
    /// migrated and is up to date a migrated one.
    private var contradiction: InstanceStatus? {
        guard let status = newerProbe, let result = lastResult else { return newerProbe }
        switch status.outcome {
        case .upToDate where result.outcome.isGood: return nil
        case .pending where !result.outcome.isGood && ![.unreachable, .unprovisioned, .unknown].contains(result.outcome):
            return result.to == nil || result.to == status.version ? nil : status
        default: return status
        }
    }

    /// How it ended; or its state, if it did not end in the run or a later probe found another state; `pending` if neither is known.
    package var outcome: Outcome { contradiction?.outcome ?? lastResult?.outcome ?? .pending }

    /// Why its outcome is bad.
    package var failure: Failure? { contradiction.map(\.failure) ?? lastResult?.failure }

    /// The newest version now; nil for none, or where it is not known.
    package var version: MigrationVersion? { newerProbe.map(\.version) ?? (lastEnding?.result ?? result).map(\.to) ?? from }

    /// Whether it is known what its ledger holds, be it no version at all.
    var isVersionKnown: Bool {
        if version != nil { return true }
        if let status = newerProbe { return status.serverVersion != nil && status.outcome != .unprovisioned }
        return (lastEnding?.result ?? result)?.outcome.isGood ?? (pending != nil)
    }

    mutating func step(at now: Date) {
        steppedAt = now
        activity = nil
    }

    /// The newest version and the schema's fingerprint; nil if they were not read, or if the run has changed the schema since.
    package var cohort: String? { isChangedSinceProbe ? nil : foundCohort }

    private var isChangedSinceProbe: Bool { newerProbe == nil && !applied.isEmpty }

    /// What is still pending here, in order: as a probe found it, or what is left of the run's plan if that is newer; nil if neither is
    /// known.
    package var due: [MigrationVersion]? {
        if let status = newerProbe { return status.serverVersion == nil && status.pending.isEmpty ? nil : status.pending }
        // What a way down has left to do is not what is due.
        if isReturning || applied.last?.direction == .down { return nil }
        return pending.map { Array($0.dropFirst(appliedOfPlan)) }
    }

    /// How many migrations of ``pending`` are done.
    var appliedOfPlan: Int { max(0, applied.count - appliedBeforePlan) }

    /// How long the run's migrations took here; nil where it has none.
    var workTime: Duration? { applied.isEmpty ? nil : applied.reduce(.zero) { $0 + $1.duration } }

    /// The migration that is probably worked on now: the first that is due and not done.
    package var current: MigrationVersion? {
        guard case .running = state, let pending, appliedOfPlan < pending.count else { return nil }
        return pending[appliedOfPlan]
    }
}
