import ConvoyDashboard
import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

extension FleetSession {
    /// Begins a run: records its plan in the journal, migrates the fleet, shows the progress, and writes the report.
    ///
    /// - Parameters:
    ///   - request: the options that the run was started with.
    ///   - beside: other runs that may be active at the same time.
    ///   - output: where the report goes.
    func run(
        _ planned: PlannedRun,
        _ request: NextSteps.Request,
        beside: [String] = [],
        detached: Bool = false,
        _ journal: any RunStore,
        _ output: ReportOutput,
        _ interruption: Interruption
    ) async throws -> CommandExit {
        try checkDetaching(detached, journal)
        let new = try NewRun(planned.plan, fleetFile: settings.fleetFile)
        let access = RunCatalog(fleet)
        let option = request.isDefaultFleetFile ? "" : " " + ShellCommand(["--fleet", request.fleetFile]).description
        try await access.noteResumableRuns(new.plan, in: journal, option: option)
        if let submission = await self.submission(in: journal, detached) {
            do throws(RunConflict) {
                try await submission.submit(new, beside: beside)
            } catch {
                throw CommandFailure(error, journal: access.path)
            }
            let submitted = SubmittedRun(id: new.record.id, submission: submission)
            if await isDetached(submitted, detached) { return .success }
            return try await run(new.plan, on: planned.targets, request, journal, new.record.id, submitted: submitted, output, interruption)
        }
        let lock: any RunLock
        do throws(RunConflict) {
            lock = try await RunStart(in: journal).begin(new, beside: beside)
        } catch {
            throw CommandFailure(error, journal: access.path)
        }
        return try await lock.released {
            try await run(new.plan, on: planned.targets, request, journal, new.record.id, output, interruption)
        }
    }

    /// Carries out a plan that is recorded in the journal. The caller holds the run's lock.
    ///
    /// - Parameters:
    ///   - request: the options that the run was started with; the advice at its end repeats them.
    ///   - earlier: what an earlier process did in this run.
    ///   - submitted: the run, if workers carry it out and this process only follows it.
    ///   - output: where the report goes.
    func run(
        _ plan: RunPlan,
        on targets: RunTargets,
        _ request: NextSteps.Request,
        _ journal: any RunStore,
        _ id: RunID,
        resuming earlier: FleetReport? = nil,
        submitted: SubmittedRun? = nil,
        _ output: ReportOutput,
        _ interruption: Interruption
    ) async throws -> CommandExit {
        // The run is in the journal: from here on an interruption stops it instead of ending the process.
        interruption.changesBegin(erasure: settings.progressMode == .live ? ProgressReporter.erasure : "")
        let reporter = ProgressReporter(
            settings.progressMode,
            for: StandardStreams.error.isJournald(settings.environment["JOURNAL_STREAM"]) ? .journald : .text,
            style: { [settings] in settings.style(of: StandardStreams.error) },
            report: earlier ?? FleetReport(),
            outlook: await outlook(on: plan, targets, resuming: earlier, journal),
            write: StandardStreams.error.writeAsIs
        )
        let notifier = RunNotifier(
            // Those of a run for workers come from the workers, and so does its trace.
            submitted == nil ? fleet.notifications : [],
            file: fleet.file,
            dashboard: fleet.dashboard,
            resuming: earlier,
            report: { reporter.report },
            warn: reporter.warn
        )
        let tracing = RunTracing(
            plan,
            on: targets,
            id,
            resuming: earlier?.log,
            journal: journal,
            secrets: secrets,
            environment: submitted == nil ? settings.environment : [:],
            warn: reporter.warn
        )
        let events = EventFanOut([reporter, notifier] + tracing.sinks)
        let person = Operator.current(onBehalfOf: settings.environment[ResumedRun.personVariable])
        let answers = settings.canAsk ? Keyboard.approvals(plan) : AsyncStream { $0.finish() }
        let loss = OneShot<JournalError>()
        let unrecorded = OneShot<UnrecordedEnd>()
        let coordinator = RunExecution(fleet, runner: runner, secrets: secrets, environment: settings.environment).coordinator(
            of: plan,
            on: targets,
            unfinished: earlier?.log.unfinished ?? [],
            journal: journal,
            trace: tracing.trace,
            events: events,
            onHookLine: { reporter.note("hook: \($0)") },
            onTakenOver: { loss.fulfil($0) },
            onUnrecorded: { unrecorded.fulfil($0) }
        )
        let result = await tracing.tracing {
            await notifier.delivering(giveUp: interruption.giveUp) {
                if let submitted {
                    await submitted.submission.follow(
                        id,
                        after: submitted.trail,
                        earlier?.log ?? RunLog(),
                        by: person,
                        stopRequests: interruption.stopRequests,
                        answers: answers,
                        events: events,
                        note: reporter.note
                    )
                } else {
                    await coordinator.run(
                        plan,
                        on: targets,
                        id: id,
                        resuming: earlier?.log,
                        by: person,
                        stopRequests: interruption.stopRequests,
                        answers: answers
                    )
                }
            }
        }
        await reporter.finish()
        // The other process reports, and knows what comes next.
        if let loss = loss.current { throw CommandFailure(.halted, loss.description, hint: loss.hint) }
        var report = reporter.report
        report.apply(fleet, target: set.newest?.version, instances: targets.instances(of: plan))
        report.apply(plan)
        report.apply(set.releases)
        let outcomes = result.outcomes(in: plan)
        var code = CommandExit(result.status ?? .failed, outcomes: outcomes.values)
        do {
            try output.write(ReportDocument(report, as: .run, names: set.names).text(output.format, output.style(settings), at: Date()))
        } catch let failure as CommandFailure {
            // The state of the databases matters more than the report, so the advice is printed all the same.
            StandardStreams.error.write(failure.text)
            if code == .success { code = .failed }
        }
        if let advice = advice(on: result, of: id, plan, request, outcomes) { StandardStreams.error.write(advice) }
        if let unrecorded = unrecorded.current {
            let next = NextSteps(run: id, plan: plan, request: request, outcomes: outcomes, set: set)
            StandardStreams.error.write(CommandFailure(FleetError(unrecorded, resume: "\(next.resume)")).text)
            // Nothing is removed from a journal that has not taken the end of this run.
            return code == .success ? .failed : code
        }
        await RunCatalog(fleet).pruneByItself(fleet.journalKeep, after: id, result, in: journal)
        return code
    }

    /// An estimate of the time that is left, from the durations of earlier runs; nil if it is not shown.
    private func outlook(on plan: RunPlan, _ targets: RunTargets, resuming earlier: FleetReport?, _ journal: any RunStore) async
        -> RunOutlook?
    {
        guard settings.progressMode == .live else { return nil }
        // Without earlier runs the estimate comes from this run.
        let typical = try? await journal.typicalDurations(fleet: plan.fleet, direction: plan.change.direction)
        return RunOutlook(plan, on: targets, resuming: earlier, typical: typical ?? [:], connections: runner.connections)
    }

    /// The next command to run after a run that did not succeed.
    private func advice(on result: RunLog, of id: RunID, _ plan: RunPlan, _ request: NextSteps.Request, _ outcomes: [String: Outcome])
        -> String?
    {
        let next = NextSteps(run: id, plan: plan, request: request, outcomes: outcomes, set: set)
        let work = WorkDone(outcomes.values)
        let counts = work.text
        switch (result.status, result.haltReason ?? result.standingReason) {
        case (.halted, let reason?) where reason.canBeTriedAgain(in: plan, result):
            return "\(counts)\nfix the cause, then run: \(next.resume)\n"
        case (.halted, _):
            return "\(counts)\n" + next.lines("fix the cause of the failures above, then continue with the remaining instances:")
        case (.interrupted, _) where !work.isLeft: return "\(counts)\nno instance is left to start; \(next.resume) only closes the run\n"
        case (.interrupted, _): return "\(counts)\nto continue, run: \(next.resume)\n"
        case (.failed, _) where plan.change.direction == .down:
            let text = next.lines("fix the cause, then continue with the remaining instances:")
            return text.isEmpty ? nil : text
        case (.succeeded, _), (.failed, _), (.abandoned, _), (nil, _): return nil
        }
    }

    // MARK: Planning

    /// Plans a change of the selected instances and probes them, and prints a note about instances that are in no wave.
    ///
    /// - Parameters:
    ///   - selector: chose the instances; nil chose all.
    ///   - earlier: of these, only what an earlier run chooses; nil is all.
    ///   - isImmediate: whether the run waits for no gate and for no maintenance window.
    ///   - reversal: the run that is undone.
    ///   - judge: works out what a baseline or a repair writes.
    func plan(
        _ selection: Selection,
        _ change: Change,
        selector: Selector?,
        earlier: EarlierOutcomes? = nil,
        waves: [String] = [],
        concurrency: Int? = nil,
        isImmediate: Bool = false,
        undoing reversal: RunReversal? = nil,
        correcting judge: (any CorrectionJudge)? = nil,
        warnings: Warnings = .shown
    ) async throws -> PlannedRun {
        defer { statusLine.clear() }
        var chosen: ChosenInstances?
        if let earlier {
            chosen = try await RunCatalog(fleet) { [self] in warn($0.line) }.chosen(by: earlier)
            if let chosen { tell(chosen, among: selection) }
        }
        let planned: PlannedRun
        do throws(UnknownWave) {
            planned = try await client.plan(
                change,
                of: selection.instances,
                selector: selector,
                chosen: chosen,
                waves: waves,
                concurrency: concurrency,
                isImmediate: isImmediate,
                undoing: reversal,
                correcting: judge
            ) { [statusLine] in statusLine.show($0) }
        } catch {
            throw CommandFailure(.usage, "--wave: \(error.description)")
        }
        statusLine.clear()
        tellLeftOut(planned.leftOut)
        if warnings == .shown { tellWarnings(of: planned.instances) } else { tellSkipped(selection.instances) }
        return planned
    }

    /// Names instances that the fleet file skips, with the reasons.
    func tellSkipped(_ instances: some Sequence<Instance>) {
        let skipped = instances.filter { $0.skip != nil }
        for instance in skipped.prefix(10) { warn("note: \(instance.name.visible) is skipped: \((instance.skip ?? "").visible)\n") }
        if skipped.count > 10 { warn("note: \(skipped.count - 10) more are skipped; `convoy status --outcome skipped` shows them\n") }
    }

    /// Probes the remaining instances of a run. The steps of a rollback were counted when the run began, so nothing is left on an instance that was
    /// not probed then.
    func statusesOfRest(of plan: RunPlan, _ targets: RunTargets) async -> [InstanceStatus] {
        let changes = Dictionary(plan.instances.map { ($0.name, plan.change(of: $0)) }) { first, _ in first }
        return await probe(targets.instances(of: plan)) { instance in
            let change = changes[instance.name] ?? plan.change
            if case .downSteps = change { return .revert([], start: nil) }
            return change
        }
    }

    /// Writes a report that nothing was pending. No hook runs, no notification is sent, and nothing is written to the journal.
    func writeThatNothingIsDue(_ planned: PlannedRun, _ output: ReportOutput) throws -> CommandExit {
        var report = FleetReport(withoutRun: planned.plan, statuses: planned.instances, at: Date())
        report.apply(fleet, target: set.newest?.version, instances: planned.targets.instances(of: planned.plan))
        report.apply(set.releases)
        try output.write(ReportDocument(report, as: .run, names: set.names).text(output.format, output.style(settings), at: Date()))
        return CommandExit(outcomes: planned.instances.lazy.map(\.judgedOutcome))
    }

    /// - Throws: a ``CommandFailure`` that lists what has changed since the plan was written.
    func check(_ reviewed: RunPlan, against now: PlannedRun) throws {
        let differences = reviewed.differences(to: now.plan, probed: now.instances)
        guard differences.isEmpty else {
            let command = reviewed.change.correctionKind.map { "\($0.rawValue) --dry-run" } ?? "plan"
            throw CommandFailure(
                .failed,
                "the plan is out of date; nothing was changed",
                details: differences,
                hint: "write a new plan with `convoy \(command) --out FILE`"
            )
        }
    }

    /// Checks that every wave that rolls back on failure can be rolled back.
    ///
    /// - Throws: a ``CommandFailure`` that names each pending version that is irreversible.
    func checkRollbacksArePossible(_ planned: PlannedRun) throws {
        let problems = planned.plan.irreversibleMigrations(planned.instances, in: set)
        guard problems.isEmpty else {
            throw CommandFailure(
                .failed,
                "on_failure rolls back, but some pending versions are irreversible; nothing was changed",
                details: problems,
                hint: "remove on_failure from these waves, or first migrate their instances past these versions with --to"
            )
        }
    }

    /// Notes that a rollback does not restore dropped data.
    func tellWhatARollbackMeans() {
        var text = "note: on_failure rolls back: rows and columns that a down section drops are lost, and a newer TeslaMate release "
        text += "migrates again when it starts"
        let points = fleet.rollout.hooks.commands
        if points[.beforeInstance] == nil || points[.afterInstance] == nil {
            text += "; use before_instance and after_instance hooks to stop it and to start the matching release"
        }
        StandardStreams.error.write(text + "\n")
    }
}

extension RunPlan {
    /// Reads a file that `--out` has written.
    ///
    /// - Parameter command: the one that writes such a file.
    init(file path: String, writtenBy command: String = "convoy plan --out plan.json") throws {
        // Not the path that was given: it may be a file that must not be replaced.
        let hint = "write a plan with `\(command)`, and pass that file"
        let data: Data
        do throws(FileReadError) {
            data = Data(try readFile(path, limit: Self.sizeLimit))
        } catch {
            throw CommandFailure(.usage, "--plan: \(path): \(error)", hint: hint)
        }
        do throws(InvalidPlan) {
            try self.init(data: data)
        } catch {
            throw CommandFailure(.usage, "--plan: \(path): \(error.message)", hint: hint)
        }
    }

    private static let sizeLimit = 64 << 20

    /// The selector that chose its instances.
    var selector: Selector? {
        get throws {
            do throws(SelectorError) {
                return try select.map { text throws(SelectorError) in try Selector(parsing: text) }
            } catch {
                throw CommandFailure(.usage, "--plan: the plan's selector: \(error.message)")
            }
        }
    }
}

extension HaltReason {
    /// Whether `resume` tries again what halted the run. After a gate that caused rollbacks the run stays halted.
    fileprivate func canBeTriedAgain(in plan: RunPlan, _ result: RunLog) -> Bool {
        switch self {
        case .hookFailed, .journalFailed, .notApproved: true
        case .gateFailed(let wave, _):
            !result.instances.contains { instance in
                instance.wave == wave && plan.change.direction == .up
                    && instance.lastResult?.applied.contains { $0.direction == .down } == true
            }
        case .failures, .failurePercent, .sameFailure, .unreachablePercent, .nothingReached, .onFailure: false
        }
    }
}
