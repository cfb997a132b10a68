import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// `convoy resume`
struct Resume: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resume an interrupted or halted run.",
        usage: "convoy resume [<options>] [<run>]",
        discussion: """
            The plan, the waves and their rules are those of the run; connections, hooks,
            checks and the maintenance window are taken from the current fleet file.
            Instances that finished are skipped. Instances that were in progress are
            probed again, so that no migration is applied twice.

            A gate, a hook or a journal that halted the run is tried again. A run that a
            stop rule halted only finishes its outstanding rollbacks. For the remaining
            instances, fix the cause, then run the command that Convoy prints.

              convoy resume                      the newest run that can be resumed
              convoy resume --dry-run            show what is left, change nothing
              convoy resume 20261122T21 --yes

            If a newer run has worked on the same instances, name the run to resume it.
            Name it too if no worker takes it: it is then submitted with your files.
            """
    )

    @OptionGroup var file: FleetFileOption
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions

    @OptionGroup var changeOptions: ChangeOptions

    @Argument(help: "Run id or unique prefix (default: the newest run that can be resumed).", completion: .run)
    var run: String?

    func validate() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
    }

    func execute() async throws -> CommandExit {
        let settings = Settings(file, progress: progressOptions.progress, color: outputOptions.color)
        let (session, output) = try changeOptions.session(settings, writing: outputOptions)
        let access = RunCatalog(session.fleet)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = try await access.openExisting(for: changeOptions.dryRun ? .reading : .writing)
            let (record, basis) = try await access.resumable(run, in: journal)
            let overtakings = try await access.overtakings(of: record, in: journal)
            if changeOptions.dryRun { return try await preview(record, overtakings, session, journal, output) }
            if run == nil, !overtakings.isEmpty { throw outOfDate(record, overtakings) }
            let lock = try await access.explaining { () async throws(JournalError) in
                try await journal.lock(record.id)
            }
            return try await lock.released {
                try await carryOn(record, basis, lock, overtakings, journal, session, output, interruption)
            }
        }
    }

    /// Resumes the run, whose lock this process holds.
    ///
    /// - Parameter basis: how far it had got before it was read. No worker takes the lock, and the question may stand for long.
    private func carryOn(
        _ record: RunRecord,
        _ basis: RunBasis,
        _ lock: any RunLock,
        _ overtakings: [Overtaking],
        _ journal: any RunStore,
        _ session: FleetSession,
        _ output: ReportOutput,
        _ interruption: Interruption
    ) async throws -> CommandExit {
        let access = RunCatalog(session.fleet)
        // Another process may have resumed it first.
        try await access.checkUnchanged(record, in: journal)
        let (pinned, report) = try await access.past(of: record.id, in: journal)
        let past = report.log
        for overtaking in overtakings { StandardStreams.error.write("warning: \(overtaking.line)\n") }
        if record.status == .halted, let reason = past.finalReason { throw try await finality(record, reason, pinned, past, session) }
        let (plan, targets) = try await rebuild(record.id, pinned, past, session)
        session.tellSkipped(pinned.instances.lazy.filter { !past.isSettled($0.name) }.compactMap { targets.instances[$0.name] })
        if !changeOptions.yes {
            let left = plan.instances.count { !past.isSettled($0.name) }
            let work = plan.change.correctionKind?.rawValue ?? (plan.change.direction == .down ? "rollback" : "migration")
            try await Confirmation.ask(
                "Resume the \(work) of run \(record.id), with \(left) of \(plan.instanceCount) instances left?"
            )
        }
        try session.checkDetaching(changeOptions.detach, journal)
        let submitted = try await session.resumed(
            record.id,
            plan,
            unchangedSince: basis,
            beside: changeOptions.besideOptions.beside,
            changeOptions.detach,
            journal
        )
        // The workers have it now: `abandon`, and `resume` with other files, need not wait for this process.
        if submitted != nil { await lock.release() }
        let isSubmitting = changeOptions.detach || session.settings.environment[ResumedRun.submittingVariable] != nil
        if let submitted, await session.isDetached(submitted, isSubmitting) { return .success }
        return try await session.run(
            plan,
            on: targets,
            try request(pinned, session),
            journal,
            record.id,
            resuming: report,
            submitted: submitted,
            output,
            interruption
        )
    }

    private func outOfDate(_ record: RunRecord, _ overtakings: [Overtaking]) -> CommandFailure {
        CommandFailure(
            .usage,
            "the newest resumable run, \(record.id), is out of date; nothing was changed",
            details: overtakings.map(\.line),
            hint: "preview it with `convoy resume \(record.id) --dry-run`; then name the run to resume it, "
                + "or abandon it with `convoy abandon \(record.id)`"
        )
    }

    /// Shows what is left of a run and what it would do now; takes no lock and writes nothing.
    private func preview(
        _ record: RunRecord,
        _ overtakings: [Overtaking],
        _ session: FleetSession,
        _ journal: any RunStore,
        _ output: ReportOutput
    ) async throws -> CommandExit {
        let access = RunCatalog(session.fleet)
        let (pinned, report) = try await access.past(of: record.id, in: journal)
        let past = report.log
        if record.status == .halted, let reason = past.finalReason { throw try await finality(record, reason, pinned, past, session) }
        let (whole, targets) = try await rebuild(record.id, pinned, past, session)
        let count = whole.instanceCount
        var plan = whole.keeping { !past.isSettled($0.name) }
        plan.waves.removeAll(where: \.instances.isEmpty)
        let statuses = await session.statusesOfRest(of: plan, targets)
        try output.write(session.report(on: plan, statuses), session.settings)
        var text = "run \(record.id) has \(plan.instanceCount) of \(count) instances left\n"
        if !past.owedRollbacks.isEmpty {
            text += "it first rolls back \(Overtaking.list(past.owedRollbacks.sorted())) to the versions before the run\n"
        }
        text += overtakings.map { "warning: \($0.line)\n" }.joined()
        StandardStreams.error.write(text)
        return CommandExit(outcomes: statuses.lazy.map(\.judgedOutcome))
    }

    /// The options that the run was started with, as far as its plan contains them.
    private func request(_ pinned: RunPlan, _ session: FleetSession) throws -> NextSteps.Request {
        let names = pinned.waves.map(\.name)
        let isWhole = Set(session.fleet.rollout.waves.map(\.name)).isSubset(of: names)
        return try NextSteps.Request(session.settings, pinned.selector, waves: isWhole ? [] : names)
    }

    /// Why a run that a stop rule halted cannot be resumed, with the commands for the remaining instances.
    private func finality(
        _ record: RunRecord,
        _ reason: HaltReason,
        _ pinned: RunPlan,
        _ past: RunLog,
        _ session: FleetSession
    ) async throws -> CommandFailure {
        let known = Set(try await session.select().instances.map(\.name))
        let next = NextSteps(
            run: record.id,
            plan: pinned.keeping { known.contains($0.name) },
            request: try request(pinned, session),
            outcomes: Dictionary(past.instances.map { ($0.name, $0.outcome) }) { first, _ in first },
            set: session.set
        )
        let lines = next.lines("fix the cause, then continue with the remaining instances:").split(separator: "\n")
        return CommandFailure(.usage, "run \(record.id) was halted and cannot be resumed: \(reason)", details: lines.map(String.init))
    }

    /// The run's plan with the current connections.
    ///
    /// - Throws: an error if a server could not list its databases, or if the files or instances differ from those that the run began with.
    private func rebuild(
        _ run: RunID,
        _ pinned: RunPlan,
        _ past: RunLog,
        _ session: FleetSession
    ) async throws -> (RunPlan, RunTargets) {
        let selection = try await session.select()
        guard selection.isComplete else {
            throw CommandFailure(.unreachable, "some servers could not list their databases; nothing was changed")
        }
        let targets = RunTargets(selection.instances, of: session.fleet)
        let plan = try pinned.resumed(run, after: past, on: targets, set: session.set)
        for line in targets.gateDifferences(from: plan) { StandardStreams.error.write("warning: \(line.visible)\n") }
        return (plan, targets)
    }
}
