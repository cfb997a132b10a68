import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy resume`
struct Resume: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go on with a run that was cut off, stopped or halted.",
        discussion: """
            The plan, the waves and their rules are the run's own; connections, hooks, checks and the window are the fleet file's of now. \
            Instances that finished are left alone. Those that were under way are read again, so that nothing is applied twice. What halted the run is \
            tried again where it can be fixed: a gate, a hook, the journal. A run that a stop rule halted only finishes the rollbacks that it owes; \
            for the rest, its last lines say which command to give once the cause is fixed.

              convoy resume                          the newest such run
              convoy resume --dry-run                show what it would do, and change nothing
              convoy resume 20261122T21 --yes

            Where a newer run has worked on some of its instances, a run is only resumed when it is named.
            """
    )

    @OptionGroup var file: FleetFileOption
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions

    @OptionGroup var changeOptions: ChangeOptions

    @Argument(help: "The run's id, or how it begins; without it the newest one that can be resumed.")
    var run: String?

    func validate() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
    }

    func execute() async throws -> CommandExit {
        let settings = Settings(file, progress: progressOptions.progress)
        let output = try ReportOutput(outputOptions)
        try settings.checkProgress()
        if !changeOptions.dryRun { try Confirmation.checkPossible(yes: changeOptions.yes, settings: settings) }
        let session = try FleetSession(settings)
        try output.check(session)
        if !changeOptions.dryRun { try HookPrograms(session.fleet, environment: settings.environment).check() }
        let access = JournalAccess(session.fleet)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = try await access.openExisting(for: changeOptions.dryRun ? .reading : .writing)
            let record = try await access.run(run, .resumable, in: journal)
            let overtakings = try await access.overtakings(of: record, in: journal)
            if changeOptions.dryRun { return try await preview(record, overtakings, session, journal, output) }
            if run == nil, !overtakings.isEmpty { throw outOfDate(record, overtakings) }
            let lock = try await access.explaining { () async throws(JournalError) in
                try await RunLock.acquire(record.id, journal: access.path)
            }
            defer { lock.release() }
            // Somebody else may have come first.
            try await access.checkUnchanged(record, in: journal)
            var past = RunPast()
            var report = FleetReport()
            try await access.events(of: record.id, in: journal) { event in
                past.apply(event)
                report.apply(event)
            }
            for overtaking in overtakings { StandardStreams.error.write("warning: \(overtaking.line)\n") }
            let pinned = try await access.plan(of: record.id, in: journal)
            if record.status == .halted, let reason = past.finalReason { throw try await finality(record, reason, pinned, past, session) }
            let plan = try await rebuild(record.id, pinned, past, session)
            if !changeOptions.yes {
                let left = plan.instanceCount - past.settledInstances
                let isBackwards = plan.change.direction == .down
                try await Confirmation.ask(
                    "Resume run \(record.id), which \(isBackwards ? "rolls back" : "migrates"): \(left) of \(plan.instanceCount) instances are left?"
                )
            }
            try await access.checkNoOtherRun(plan, beside: changeOptions.besideOptions.beside, own: record.id, in: journal)
            return try await session.run(
                plan,
                try request(pinned, session),
                journal,
                record.id,
                resuming: (past, report),
                output,
                interruption
            )
        }
    }

    private func outOfDate(_ record: RunRecord, _ overtakings: [Overtaking]) -> CommandFailure {
        CommandFailure(
            .usage,
            "the newest run that can be resumed, \(record.id), is out of date; nothing was touched",
            details: overtakings.map(\.line),
            hint: "`convoy resume \(record.id) --dry-run` shows what it would do now; name it to resume it all the same, "
                + "or give it up with `convoy abandon \(record.id)`"
        )
    }

    /// Shows what is left of a run and what it would do now; locks nothing and writes nothing.
    private func preview(
        _ record: RunRecord,
        _ overtakings: [Overtaking],
        _ session: FleetSession,
        _ journal: SQLiteJournal,
        _ output: ReportOutput
    ) async throws -> CommandExit {
        let access = JournalAccess(session.fleet)
        var past = RunPast()
        try await access.events(of: record.id, in: journal) { past.apply($0) }
        let pinned = try await access.plan(of: record.id, in: journal)
        if record.status == .halted, let reason = past.finalReason { throw try await finality(record, reason, pinned, past, session) }
        var plan = try await rebuild(record.id, pinned, past, session)
        let count = plan.instanceCount
        for index in plan.waves.indices { plan.waves[index].instances.removeAll { past.isSettled($0.name) } }
        plan.waves.removeAll(where: \.instances.isEmpty)
        let statuses = await session.statusesOfRest(of: plan)
        try output.write(session.report(on: plan, statuses), session.settings)
        var text = "run \(record.id) has \(plan.instanceCount) of \(count) instances left\n"
        if !past.owedRollbacks.isEmpty {
            text += "it first returns \(Overtaking.list(past.owedRollbacks.sorted())) to where the run found them\n"
        }
        text += overtakings.map { "warning: \($0.line)\n" }.joined()
        StandardStreams.error.write(text)
        return CommandExit(outcomes: statuses.lazy.map(\.outcome))
    }

    /// How the run was asked for, as far as its plan says.
    private func request(_ pinned: PinnedPlan, _ session: FleetSession) throws -> NextSteps.Request {
        let names = pinned.waves.map(\.name)
        let isWhole = Set(session.fleet.rollout.waves.map(\.name)).isSubset(of: names)
        return try NextSteps.Request(session.settings, pinned.selector, waves: isWhole ? [] : names)
    }

    /// Why a run that a stop rule halted is not continued, with the commands that do what is left.
    private func finality(
        _ record: RunRecord,
        _ reason: HaltReason,
        _ pinned: PinnedPlan,
        _ past: RunPast,
        _ session: FleetSession
    ) async throws -> CommandFailure {
        let next = NextSteps(
            run: record.id,
            plan: pinned.plan(instances: try await session.select().instances, fleet: session.fleet),
            request: try request(pinned, session),
            outcomes: past.results.mapValues(\.outcome),
            set: session.set
        )
        let lines = next.lines("fix the cause, then continue with what is left:").split(separator: "\n")
        return CommandFailure(.usage, "run \(record.id) was halted for good: \(reason)", details: lines.map(String.init))
    }

    /// The run's plan with the connections of now.
    ///
    /// - Throws: a ``CommandFailure`` where files or instances are no longer what the run began with.
    private func rebuild(_ run: RunID, _ pinned: PinnedPlan, _ past: RunPast, _ session: FleetSession) async throws -> RolloutPlan {
        let selection = try await session.select()
        guard selection.isComplete else { throw CommandFailure(.unreachable, "not every server told its databases; nothing was touched") }
        let instances = selection.instances
        let plan = pinned.plan(instances: instances, fleet: session.fleet)
        let now = PinnedPlan(plan, set: session.set, at: Date())
        var differences = pinned.migrationDifferences(to: now)
        let known = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        for instance in pinned.waves.flatMap(\.instances) {
            if let now = known[instance.name] {
                guard (now.server, now.database) != (instance.server, instance.database) else { continue }
                differences.append("instance \(instance.name) is database \(now.database) on \(now.server) now, and was another one")
            } else if !past.isSettled(instance.name) || past.unfinished.contains(instance.name) {
                differences.append("instance \(instance.name) is no longer in the fleet")
            }
        }
        guard differences.isEmpty else {
            throw CommandFailure(
                .failed,
                "run \(run) cannot continue as it began; nothing was touched",
                details: differences,
                hint: "restore these, or give the run up with `convoy abandon \(run)`"
            )
        }
        return plan
    }
}
