import ConvoyMigrations
import ConvoyRun

extension InstanceResult {
    static let cancelledBeforeStart = InstanceResult(
        outcome: .interrupted,
        failure: Failure(.interrupted, "cancelled before it began; nothing was touched", hint: "continue the run with `convoy resume`")
    )

    /// Of an assignment that no worker had begun when the run was halted or asked to stop.
    static let stoppedBeforeStart = InstanceResult(
        outcome: .interrupted,
        failure: Failure(
            .interrupted,
            "the run was halted or stopped before it began; nothing was touched",
            hint: "continue the run with `convoy resume`"
        )
    )

    static let unknownSteps = InstanceResult(
        outcome: .blocked,
        failure: Failure(
            .blocked,
            "how many of the steps are done is not known: the instance was not probed when the run began",
            hint: "check the version with `convoy status`, then name the target with `convoy rollback --to`"
        )
    )

    /// The end of the message about a check or hook that failed after the change.
    static let wasMigrated = "; the database was migrated"

    /// This ending, after the instance was to be rolled back to where it started. What went wrong first is not forgotten.
    func rolledBack(by rollback: InstanceResult, _ work: RunWork?) -> InstanceResult {
        var result = self
        result.applied = work?.applied ?? applied + rollback.applied
        result.to = rollback.to
        if rollback.outcome.isGood {
            if outcome.isGood || !outcome.isSettled {
                (result.outcome, result.failure) = (.rolledBack, nil)
            } else if !rollback.applied.isEmpty, let message = failure?.message {
                // What holds at the end comes first, then what led to it.
                let end = rollback.to.map { "rolled back to \($0)" } ?? "rolled back to before the first migration"
                let after = message.hasSuffix(Self.wasMigrated) ? String(message.dropLast(Self.wasMigrated.count)) : message
                result.failure?.message = "\(end), after: \(after)"
            }
            return result
        }
        result.outcome = rollback.outcome
        result.failure = rollback.failure
        result.failure?.message = "rolling back: " + (rollback.failure?.message ?? rollback.outcome.rawValue)
        if let first = failure { result.failure?.detail = "first failure: \(first.message)" }
        return result
    }

    /// The same ending of a correction that an earlier process of the run began: where nothing is left to write, that one has written it.
    func corrected(_ kind: Correction.Kind) -> InstanceResult {
        var result = self
        if outcome == .upToDate { result.outcome = Outcome(kind) }
        return result
    }

    /// The same ending with what earlier processes of the run did before it.
    ///
    /// - Parameters:
    ///   - work: what the audit log has of the whole run; nil if there is no audit log.
    ///   - footprint: what the journal has of the time before.
    ///   - direction: the run's.
    ///   - planned: what this process found pending; nil where it did not get so far, or where nothing was.
    func completed(
        by work: RunWork?,
        _ footprint: InstanceLog.Footprint,
        _ direction: MigrationDirection,
        planned: [MigrationVersion]?
    ) -> InstanceResult {
        var result = self
        if let work {
            result.applied = work.applied
            result.from = work.from
            result.to = work.ledger.max()
        } else {
            let reported = Set((footprint.applied + applied).map(\.version))
            // Migrations that were committed and never reported: no longer pending, although the run meant to apply them. Their duration is
            // unknown.
            let unreported = outcome == .upToDate || planned != nil ? (footprint.start?.pending ?? []) : []
            let lost = unreported.filter { !reported.contains($0) && planned?.contains($0) != true }
            result.applied =
                footprint.applied + lost.map { AppliedMigration(version: $0, direction: direction, duration: .zero) }
                + applied
            if let start = footprint.start { result.from = start.version }
        }
        if outcome == .upToDate, !result.applied.isEmpty { result.outcome = direction == .up ? .migrated : .rolledBack }
        return result
    }
}
