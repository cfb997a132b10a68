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
            exits with code 1.

              convoy rollback --steps 1 --select name=alice
              convoy rollback --to v4.0.1 --dry-run
              convoy rollback --steps 1 --now    no gates, no maintenance window

            Press Ctrl-C once to finish the migrations in progress and stop; press it
            again to cancel and roll them back.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions
    @OptionGroup var changeOptions: ChangeOptions
    @OptionGroup var nowOption: NowOption

    @Option(
        help: ArgumentHelp("Revert all migrations newer than this version or release.", valueName: "version"),
        transform: TargetArgument.init(argument:)
    )
    var to: TargetArgument?

    @Option(help: ArgumentHelp("Revert the last <n> migrations on each instance.", valueName: "n"))
    var steps: Int?

    func validate() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
        if (to == nil) == (steps == nil) { throw ValidationError("specify either --to or --steps") }
        if let steps, steps < 1 { throw ValidationError("--steps must be at least 1") }
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options, progress: progressOptions.progress, color: outputOptions.color)
        let output = try ReportOutput(outputOptions)
        try settings.checkProgress()
        if !changeOptions.dryRun { try Confirmation.checkPossible(yes: changeOptions.yes, settings: settings) }
        let session = try FleetSession(settings)
        try output.check(session)
        if !changeOptions.dryRun { try HookPrograms(session.fleet, environment: settings.environment).check() }
        let change = try session.version(to).map { Change.down(to: $0) } ?? .downSteps(steps ?? 1)
        try session.check(change)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = changeOptions.dryRun ? nil : try await RunCatalog(session.fleet).open()
            let selection = try await session.select()
            let planned = try await session.plan(
                selection,
                change,
                selector: settings.selector,
                isImmediate: nowOption.now,
                warnings: changeOptions.yes && !changeOptions.dryRun ? .left : .shown
            )
            let report = session.report(on: planned.plan, planned.instances)
            let isRefused = report.instances.contains { $0.outcome == .blocked }
            guard let journal, !isRefused else {
                try output.write(report, settings)
                if !isRefused, report.changedInstances > 0 { tellLosses(report, session) }
                if isRefused, !changeOptions.dryRun {
                    throw CommandFailure(
                        .failed,
                        "the rollback is refused because an instance cannot be rolled back completely; nothing was changed",
                        hint: (to == nil ? "use fewer --steps" : "choose a newer --to") + ", or exclude such instances with --select"
                    )
                }
                return CommandExit(outcomes: report.instances.lazy.map(\.outcome)).unlessIncomplete(selection)
            }
            if planned.isNothingDue {
                if changeOptions.yes { session.tellWarnings(of: planned.instances) }
                return try session.writeThatNothingIsDue(planned, output).unlessIncomplete(selection)
            }
            if !changeOptions.yes { StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error), .brief)) }
            if report.changedInstances > 0 {
                tellLosses(report, session)
                if !changeOptions.yes { try await Confirmation.ask(report.question) }
            }
            return try await session.run(
                planned,
                NextSteps.Request(settings, settings.selector),
                beside: changeOptions.besideOptions.beside,
                journal,
                output,
                interruption
            ).unlessIncomplete(selection)
        }
    }

    private func tellLosses(_ report: PlanReport, _ session: FleetSession) {
        StandardStreams.error.write(LossNotice(report.migrations.map(\.version), session.set).text)
    }
}
