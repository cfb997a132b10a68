import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun

/// `convoy rollback`
struct Rollback: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Revert applied migrations, newest first.",
        usage: "convoy rollback [<options>]",
        discussion: """
            Probes every selected instance first. If a migration on any of them cannot be
            reverted, the command names its version, changes nothing on any instance, and
            exits with code 1. So it does with --run if an instance has moved on since
            that run.

              convoy rollback --steps 1 --select name=alice
              convoy rollback --to v4.0.1 --wave canary --dry-run
              convoy rollback --run 20261126T143211Z-418b1e    back to before that run
              convoy rollback --run latest --now               no gates, no window

            Press Ctrl-C once to finish the migrations in progress and stop; press it
            again to cancel and roll them back.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions
    @OptionGroup var changeOptions: ChangeOptions
    @OptionGroup var earlierOptions: EarlierOptions
    @OptionGroup var nowOption: NowOption

    @Option(
        help: ArgumentHelp("Revert all migrations newer than this version or release.", valueName: "version"),
        completion: .version,
        transform: TargetArgument.init(argument:)
    )
    var to: TargetArgument?

    @Option(help: ArgumentHelp("Revert the last <n> migrations on each instance.", valueName: "n"))
    var steps: Int?

    @Option(
        help: ArgumentHelp(
            "Bring each instance that this run of migrate changed back to the version at which the run found it: a run id or unique prefix, or `latest`.",
            valueName: "run"
        ),
        completion: .run(or: ["latest"])
    )
    var run: String?

    @OptionGroup var waveOption: WaveOption

    func validate() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
        let ways = [to != nil, steps != nil, run != nil].count { $0 }
        if ways != 1 { throw ValidationError("specify one of --to, --steps and --run") }
        if earlierOptions.request != nil, steps != nil {
            throw ValidationError(
                "--steps cannot be combined with --failed, --failed-in and --outcome: on an instance that the run did not change, it would revert an older migration; use --run or --to"
            )
        }
        if run != nil, earlierOptions.failedIn != nil {
            throw ValidationError("specify either --run or --failed-in: with --run, --failed and --outcome choose by that run")
        }
        if let steps, steps < 1 { throw ValidationError("--steps must be at least 1") }
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options, progress: progressOptions.progress, color: outputOptions.color)
        let (session, output) = try changeOptions.session(settings, writing: outputOptions)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let reversal = try await reversal(session)
            let version = try session.version(to)
            let change: Change =
                reversal.map { .undo(run: $0.run.description) } ?? version.map { .down(to: $0) } ?? .downSteps(steps ?? 1)
            try session.check(change)
            let journal = changeOptions.dryRun ? nil : try await RunCatalog(session.fleet).open()
            let selection = try await session.select()
            let planned = try await session.plan(
                try reversal.map { try session.narrow(selection, to: $0) } ?? selection,
                change,
                selector: settings.selector,
                earlier: earlierOptions.request(in: reversal?.run),
                waves: waveOption.waves,
                isImmediate: nowOption.now,
                undoing: reversal,
                warnings: changeOptions.yes && !changeOptions.dryRun ? .left : .shown
            )
            let report = session.report(on: planned)
            let blocked = report.instances.filter { $0.outcome == .blocked }.map(\.name)
            guard let journal, blocked.isEmpty else {
                try output.write(report, settings)
                if blocked.isEmpty, report.changedInstances > 0 { await session.tellLosses(of: report, on: selection.instances) }
                if !blocked.isEmpty, !changeOptions.dryRun { throw refusal(blocked, settings) }
                return CommandExit(outcomes: report.instances.lazy.map(\.judgedOutcome)).unlessIncomplete(selection)
            }
            if planned.isNothingDue {
                if changeOptions.yes { session.tellWarnings(of: planned.instances) }
                return try session.writeThatNothingIsDue(planned, output).unlessIncomplete(selection)
            }
            if !changeOptions.yes { StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error), .brief)) }
            if report.changedInstances > 0 {
                await session.tellLosses(of: report, on: selection.instances)
                if !changeOptions.yes { try await Confirmation.ask(report.question) }
            }
            return try await session.run(
                planned,
                NextSteps.Request(settings, try planned.plan.selector, waves: planned.plan.selectedWaves),
                beside: changeOptions.besideOptions.beside,
                detached: changeOptions.detach,
                journal,
                output,
                interruption
            ).unlessIncomplete(selection)
        }
    }

    /// What the run of `--run` did; nil without the option.
    private func reversal(_ session: FleetSession) async throws -> RunReversal? {
        guard let run else { return nil }
        let catalog = RunCatalog(session.fleet)
        return try await catalog.reversal(of: run, in: try await catalog.openExisting(for: .reading))
    }

    /// The longest selector that a hint proposes, in bytes.
    private static let selectorLimit = 4000

    private func refusal(_ blocked: [String], _ settings: Settings) -> CommandFailure {
        let way: String? = if to != nil { "choose a newer --to" } else if steps != nil { "use fewer --steps" } else { nil }
        let others = Selector(excluding: blocked, from: settings.selector).flatMap { $0.text.utf8.count > Self.selectorLimit ? nil : $0 }
        let exclusion = others.map { "exclude such instances with \(ShellCommand(["--select", $0.text]))" }
        return CommandFailure(
            .failed,
            "the rollback is refused because an instance cannot be rolled back completely; nothing was changed",
            hint: [way, exclusion ?? "exclude the \(blocked.count) instances with --select"].compactMap(\.self).joined(separator: ", or ")
        )
    }
}

extension FleetSession {
    /// The selected instances that a run changed. Names those that the run changed and that the fleet no longer has.
    ///
    /// - Throws: a ``CommandFailure`` if the run changed none of the selected.
    func narrow(_ selection: Selection, to reversal: RunReversal) throws -> Selection {
        let gone = reversal.names.subtracting(selection.found).sorted()
        if !gone.isEmpty {
            let reason = selection.isComplete ? "no longer in the fleet, and stay as they are" : "not found, and stay as they are"
            StandardStreams.error.write("warning: run \(reversal.run) has changed instances that are \(reason): \(Overtaking.list(gone))\n")
        }
        var narrowed = selection
        narrowed.instances.removeAll { !reversal.names.contains($0.name) }
        guard !narrowed.instances.isEmpty else {
            throw CommandFailure(
                .usage,
                "run \(reversal.run) has changed none of the selected instances",
                hint: "`convoy runs show \(reversal.run)` shows which instances it changed"
            )
        }
        return narrowed
    }
}
