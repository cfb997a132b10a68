package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// An instance of the fleet: its state, and what a run has done to it. What the run has done can be read as if it were the report's own.
@dynamicMemberLookup
package struct InstanceReport: Sendable, Hashable {
    /// The state that the last probe found.
    package struct Probe: Sendable, Hashable {
        package var status: InstanceStatus
        package var at: Date
    }

    /// How it ended in a run, and when.
    struct Ending: Sendable, Hashable {
        var run: String
        var result: InstanceResult
        var at: Date

        /// Nil if the run did not learn its version.
        var knowledge: VersionKnowledge? { VersionKnowledge(result, run: run, at: at) }
    }

    /// What is known besides the run.
    package struct Facts: Sendable, Hashable {
        /// The server's name; nil if only the journal was read.
        package internal(set) var server: String?
        package internal(set) var database: String?
        package internal(set) var labels: [String: String] = [:]
        /// Nil if it was not probed.
        package internal(set) var probe: Probe?
        /// Why the fleet file skips it; nil if it does not.
        package internal(set) var skip: String?
        /// The cohort that the last probe found.
        var foundCohort: String?
        /// How it last ended in another run than the one that is reported on.
        var elsewhere: Ending?
        /// The run of its last ending, where the run that is reported on leaves it out.
        var endingRun: String?
        /// Its state when the run began, as the run's plan has it, and when that was read.
        var start: InstanceStart?
        var startKnownAt: Date?
        /// Why its database seems to have been set back, as far as the last probe and the journal say.
        var setback: Setback?
    }

    /// What the run has done.
    package let log: InstanceLog
    package let facts: Facts
    /// The run that is reported on; empty if the report is about no run.
    let run: String
    /// When the report's instances were last probed; nil if they were not.
    let lookedAt: Date?
    /// The releases of the migration set.
    let releases: ReleaseList

    package subscript<Value>(dynamicMember keyPath: KeyPath<InstanceLog, Value>) -> Value { log[keyPath: keyPath] }
    package subscript<Value>(dynamicMember keyPath: KeyPath<Facts, Value>) -> Value { facts[keyPath: keyPath] }

    /// Its state when the run began, for an instance that the run has not reached.
    var start: InstanceStart? { log.state == .notReached && log.pending == nil ? facts.start : nil }

    /// The newest version before the run; nil if there was no version, or if it is not known.
    package var from: MigrationVersion? { start.map(\.version) ?? log.from }

    /// The migrations that are or were pending when the run began; nil before that is known.
    package var pending: [MigrationVersion]? { start?.pending ?? log.pending }

    /// How it ended in the run.
    private var ownEnding: Ending? {
        guard let result = log.result, let finishedAt = log.finishedAt else { return nil }
        return Ending(run: facts.endingRun ?? run, result: result, at: finishedAt)
    }

    /// How it ended in the runs that are known.
    var endings: [Ending] { [ownEnding, facts.elsewhere].compactMap(\.self) }

    /// How it last ended in any run that is known.
    private var lastEnding: Ending? {
        guard let own = ownEnding, let elsewhere = facts.elsewhere else { return ownEnding ?? facts.elsewhere }
        return own.at >= elsewhere.at ? own : elsewhere
    }

    /// The ending that decides its outcome: an instance that the run has not reached is pending, however another run ended.
    private var decidingResult: InstanceResult? { log.result == nil ? nil : lastEnding?.result ?? log.result }

    /// When the state that is shown of it was read; nil if nothing is known.
    package var knownAt: Date? { [facts.probe?.at, lastEnding?.at].compactMap(\.self).max() }

    /// What the probe found, unless a run ended here later.
    var newerProbe: InstanceStatus? {
        guard let probe = facts.probe else { return nil }
        guard let lastEnding else { return probe.status }
        return probe.at > lastEnding.at ? probe.status : nil
    }

    /// The same where it changes how the run ended: an instance that failed and is still pending where it stood is a failed one, and one that was
    /// migrated and is up to date a migrated one.
    private var contradiction: InstanceStatus? {
        guard let status = newerProbe, let result = decidingResult else { return newerProbe }
        switch status.outcome {
        case .upToDate where result.outcome.isGood: return nil
        case .pending where !result.outcome.isGood && ![.unreachable, .unprovisioned, .unknown].contains(result.outcome):
            return result.to == nil || result.to == status.version ? nil : status
        default: return status
        }
    }

    /// How it ended; or its state, if it did not end in the run or a later probe found another state; `pending` if neither is known. What the fleet
    /// file skips is ``Outcome/skipped``, however a run ended there.
    package var outcome: Outcome { facts.skip == nil ? contradiction?.outcome ?? decidingResult?.outcome ?? .pending : .skipped }

    /// Why its outcome is bad.
    package var failure: Failure? { facts.skip == nil ? contradiction.map(\.failure) ?? decidingResult?.failure : nil }

    /// The outcome as exit codes and summaries count it.
    package var judgedOutcome: Outcome { outcome.judged(by: failure) }

    /// Whether it is ahead, and the fleet file accepts that.
    package var isAccepted: Bool { outcome != judgedOutcome }

    /// How its outcome is shown.
    var emphasis: Emphasis { isAccepted ? .notable : outcome.emphasis }

    /// The newest version now; nil if there is no version, or if it is not known.
    package var version: MigrationVersion? { known?.version }

    /// Where it stands among the releases of the app; nil if that is not known.
    package var release: ReleaseList.Place? { version.flatMap { releases.place(of: $0, missing: missing ?? []) } }

    /// What it lacks of the set; nil if that is not known. A run plans nothing for an instance that is ahead, but the probe before it knows.
    private var missing: [MigrationVersion]? {
        if let due { return due }
        guard decidingResult?.outcome == .ahead, let start = facts.start, start.version == version else { return nil }
        return start.pending
    }

    /// Whether it is known what its ledger holds, be it no version at all.
    var isVersionKnown: Bool { known != nil }

    /// The newest version and the schema's fingerprint; nil if they were not read, or if the run has changed the schema since.
    package var cohort: String? { isChangedSinceProbe ? nil : facts.foundCohort }

    private var isChangedSinceProbe: Bool { newerProbe == nil && !log.applied.isEmpty }

    /// What is still pending here, in order: as a probe found it, or what is left of the run's plan if that is newer; nil if neither is
    /// known.
    package var due: [MigrationVersion]? {
        if let status = newerProbe { return status.serverVersion == nil && status.pending.isEmpty ? nil : status.pending }
        // What a way down has left to do is not what is due.
        if log.isReturning || log.applied.last?.direction == .down { return nil }
        return pending.map { Array($0.dropFirst(log.appliedOfPlan)) }
    }

    /// How long the run's migrations took here; nil if the run applied no migration here.
    var workTime: Duration? { log.applied.isEmpty ? nil : log.applied.reduce(.zero) { $0 + $1.duration } }
}
