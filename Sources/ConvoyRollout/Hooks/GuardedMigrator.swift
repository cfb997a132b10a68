package import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
package import ConvoyRun

/// Changes an instance between its hooks, and checks it afterwards: `before_instance`, the migration by another migrator, the fleet's checks,
/// `after_instance`.
///
/// - An instance without pending migrations is skipped together with its hooks, so that no app is restarted needlessly. This costs one more
///   probe, only where there are such hooks.
/// - Once `before_instance` has run, `after_instance` runs exactly once, whatever happened in between, so that the app is there again; also
///   when `before_instance` was stopped halfway because it was late or the run was cancelled. The exception: when `before_instance` fails by
///   itself, `after_instance` does not run and the database is not touched. Cancelled before that, neither runs.
/// - Once the task's `WorkPermit` is withdrawn, no hook and no check begins: the process that has the instance now does its own.
/// - Checks run when migrations were applied, not after a way down: they are written for the newer version.
package struct GuardedMigrator: InstanceMigrator {
    private let inner: any InstanceMigrator
    private let inspector: any InstanceInspector
    private let hooks: HookRunner
    private let checkFailure: @Sendable (Instance) async -> Failure?
    private let waves: [String: String]
    private let unfinished: Set<String>

    /// - Parameters:
    ///   - inner: does the migration.
    ///   - inspector: probes an instance before its hooks run.
    ///   - checks: `rollout.checks`.
    ///   - waves: the wave of each instance, by names.
    ///   - unfinished: instances that an earlier process of the same run began and did not finish. Their app may be down and their checks not
    ///     run, so their hooks and checks run even if nothing is pending.
    ///   - healthChecks: runs the checks.
    package init(
        _ inner: any InstanceMigrator,
        inspector: any InstanceInspector,
        hooks: HookRunner,
        checks: [Check],
        waves: [String: String],
        unfinished: Set<String> = [],
        healthChecks: @escaping HealthCheckRunner
    ) {
        self.init(inner, inspector: inspector, hooks: hooks, waves: waves, unfinished: unfinished) { instance in
            guard !checks.isEmpty else { return nil }
            return await healthChecks(checks, instance)?.masked(hooks.serverMask)
        }
    }

    init(
        _ inner: any InstanceMigrator,
        inspector: any InstanceInspector,
        hooks: HookRunner,
        waves: [String: String],
        unfinished: Set<String>,
        checkFailure: @escaping @Sendable (Instance) async -> Failure?
    ) {
        self.inner = inner
        self.inspector = inspector
        self.hooks = hooks
        self.waves = waves
        self.unfinished = unfinished
        self.checkFailure = checkFailure
    }

    package func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        guard hooks.has(.beforeInstance) || hooks.has(.afterInstance) else {
            return await migrateAndCheck(job, report: report)
        }
        var found: InstanceStatus?
        if !isUnfinished(job) {
            let status = await inspector.probe(job.instance, for: job.change)
            guard status.outcome == .pending else { return result(of: status, job, report: report) }
            found = status
        }
        guard !Task.isCancelled else { return .cancelledBeforeStart }

        var untouched: InstanceResult?
        if let (hook, ending) = await hooks.perform(
            .beforeInstance,
            for: occasion(of: job, from: found?.version, to: found.flatMap { $0.end(of: job.change) })
        ) {
            report(.hookFinished(hook))
            switch ending {
            case .exited(0): break
            case .cancelled(ran: false): return .cancelledBeforeStart
            case .cancelled(ran: true): untouched = interruptedInHook()
            case .timedOut, .wroteTooMuch: untouched = failed(before: hook)
            case .exited, .killed, .notStarted: return failed(before: hook)
            }
        }
        let result: InstanceResult
        if let untouched { result = untouched } else { result = await migrateAndCheck(job, report: report) }
        return await runAfterHook(job, result, report: report)
    }

    private func isUnfinished(_ job: InstanceJob) -> Bool { job.isTakenOver || unfinished.contains(job.instance.name) }

    /// The result of an instance on which nothing is pending.
    private func result(of status: InstanceStatus, _ job: InstanceJob, report: @Sendable (Event.Kind) -> Void) -> InstanceResult {
        for warning in status.warnings { report(.instanceWarned(instance: job.instance.name, message: warning)) }
        return InstanceResult(outcome: status.outcome, from: status.version, to: status.version, failure: status.failure)
    }

    private func migrateAndCheck(
        _ job: InstanceJob,
        report: @escaping @Sendable (Event.Kind) -> Void
    ) async -> InstanceResult {
        var result = await inner.migrate(job, report: report)
        let isNew = result.outcome == .migrated || result.outcome == .upToDate && isUnfinished(job)
        guard isNew, job.change.direction == .up, !WorkPermit.isWithdrawn, var failure = await checkFailure(job.instance) else {
            return result
        }
        failure.message += result.whatWasDone
        result.outcome = failure.kind
        result.failure = failure
        return result
    }

    /// Runs `after_instance`.
    ///
    /// - Parameter result: of what came before it.
    /// - Returns: the same, or that the hook failed, if everything before it went well.
    private func runAfterHook(
        _ job: InstanceJob,
        _ result: InstanceResult,
        report: @Sendable (Event.Kind) -> Void
    ) async -> InstanceResult {
        guard !WorkPermit.isWithdrawn,
            let hook = await hooks.run(.afterInstance, for: occasion(of: job, from: result.from, to: result.to, outcome: result.outcome))
        else { return result }
        report(.hookFinished(hook))
        guard let problem = hook.problem else { return result }
        let message = "\(hooks.name(of: .afterInstance)): \(problem)"
        guard result.judgedOutcome.isGood else {
            // What went wrong first is what counts.
            report(.instanceWarned(instance: job.instance.name, message: message))
            return result
        }
        var failed = result
        failed.outcome = .failed
        failed.failure = Failure(
            .failed,
            "\(message)\(result.whatWasDone)",
            detail: hook.lastLines,
            hint: "check the app of this instance; its database needs no action"
        )
        return failed
    }

    private func occasion(
        of job: InstanceJob,
        from: MigrationVersion?,
        to: MigrationVersion?,
        outcome: Outcome? = nil
    ) -> HookOccasion {
        HookOccasion(
            run: job.run,
            direction: job.change.direction,
            wave: waves[job.instance.name],
            instance: job.instance,
            from: from,
            to: to,
            outcome: outcome?.rawValue
        )
    }

    private func failed(before hook: HookResult) -> InstanceResult {
        let failure = Failure(
            .failed,
            "\(hooks.name(of: .beforeInstance)): \(hook.problem ?? ""); the database was not touched",
            detail: hook.lastLines,
            hint: "correct the hook in the fleet file, or what it needs"
        )
        return InstanceResult(outcome: .failed, failure: failure)
    }

    private func interruptedInHook() -> InstanceResult {
        let failure = Failure(
            .interrupted,
            "interrupted while \(hooks.name(of: .beforeInstance)) ran; the database was not touched",
            hint: "continue the run with `convoy resume`"
        )
        return InstanceResult(outcome: .interrupted, failure: failure)
    }
}

extension InstanceResult {
    /// What the change itself did, for the end of a message about what came after it.
    fileprivate var whatWasDone: String {
        switch outcome {
        case .rolledBack: "; the database was rolled back"
        case .adopted: "; the ledger was written"
        case .repaired: "; the database was repaired"
        case .upToDate: "; the database was up to date"
        default: Self.wasMigrated
        }
    }
}

extension HookResult {
    /// The end of what it wrote, which is where programs say why they failed; nil where it wrote nothing.
    var lastLines: String? {
        let lines = output.suffix(1000).split(separator: "\n").suffix(5)
        return lines.isEmpty ? nil : String(lines.joined(separator: "\n").suffix(500))
    }
}

extension InstanceStatus {
    /// The version on which an instance is after what is pending; nil for an empty ledger, or if only the database can say it.
    fileprivate func end(of change: Change) -> MigrationVersion? {
        switch change {
        case .up: pending.last
        case .down(let version): version
        // A rollback by steps starts on the version that it reverts first; that of a wave ends where the run found the instance.
        case .revert(let versions, let start): start.flatMap { versions.contains($0) ? nil : $0 }
        case .correct(let correction): correction.result.last
        case .downSteps, .undo, .baseline, .repair: nil
        }
    }
}
