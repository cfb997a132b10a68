import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun

/// `convoy migrate`
struct Migrate: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Apply pending migrations to the fleet, wave by wave.",
        usage: "convoy migrate [<options>]",
        discussion: """
            Shows the plan and asks for confirmation, then migrates the waves of the fleet
            file in their order. A failed instance does not stop the others; a stop rule
            halts the fleet. Run the command again to migrate the instances that are left.

              convoy migrate --dry-run                   show the plan only
              convoy migrate --wave canary               one wave
              convoy migrate --select name=alice --yes   one instance, no question
              convoy migrate --failed                    what did not end well last time
              convoy migrate --to v2.1.0                 no further than this release
              convoy migrate --plan plan.json            the plan of `convoy plan --out`
              convoy migrate --now                       no gates, no maintenance window

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
        help: ArgumentHelp("Target version or release (default: the newest).", valueName: "version"),
        completion: .version,
        transform: TargetArgument.init(argument:)
    )
    var to: TargetArgument?

    @OptionGroup var waveOption: WaveOption

    @Option(help: ArgumentHelp("Upper limit on instances migrated at once, across all waves.", valueName: "number"))
    var concurrency: Int?

    @Option(
        name: .customLong("plan"),
        help: ArgumentHelp("Run exactly the plan that `convoy plan --out` wrote; fails if anything has changed since.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var planFile: String?

    func validate() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
        if let concurrency, concurrency < 1 { throw ValidationError("--concurrency must be at least 1") }
        if planFile != nil,
            to != nil || !waveOption.waves.isEmpty || options.select != nil || concurrency != nil || earlierOptions.request != nil
        {
            throw ValidationError("--plan cannot be combined with --to, --wave, --select, --failed, --outcome or --concurrency")
        }
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options, progress: progressOptions.progress, color: outputOptions.color)
        let (session, output) = try changeOptions.session(settings, writing: outputOptions)
        let pinned = try planFile.map { try RunPlan(file: $0) }
        let change = try pinned?.change ?? .up(to: session.version(to))
        guard change.direction == .up else { throw CommandFailure(.usage, "--plan: this is the plan of a rollback") }
        if let kind = change.correctionKind {
            throw CommandFailure(
                .usage,
                "--plan: this is the plan of a \(kind.rawValue)",
                hint: "run it with `convoy \(kind.rawValue) --plan`"
            )
        }
        if let pinned { try nowOption.check(pinned, writtenBy: "convoy plan --now --out FILE") }
        try session.check(change)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = changeOptions.dryRun ? nil : try await RunCatalog(session.fleet).open()
            let selector = try pinned?.selector ?? settings.selector
            let selection = try await session.select(pinned.map { _ in selector } ?? nil)
            let planned = try await session.plan(
                selection,
                change,
                selector: selector,
                earlier: earlierOptions.request,
                waves: pinned?.selectedWaves ?? waveOption.waves,
                concurrency: concurrency,
                isImmediate: pinned?.isImmediate ?? nowOption.now,
                warnings: changeOptions.yes && !changeOptions.dryRun ? .left : .shown
            )
            // What an earlier run chose is named: the advice at the end is about the same instances.
            let request = NextSteps.Request(
                settings,
                try planned.plan.selector,
                waves: planned.plan.selectedWaves,
                concurrency: concurrency
            )
            let report = session.report(on: planned)
            if let pinned { try session.check(pinned, against: planned) }
            try session.checkRollbacksArePossible(planned)
            if planned.plan.waves.contains(where: \.onFailure.rollsBack) { session.tellWhatARollbackMeans() }
            guard let journal else {
                try output.write(report, settings)
                return CommandExit(outcomes: report.instances.lazy.map(\.judgedOutcome)).unlessIncomplete(selection)
            }
            if planned.isNothingDue {
                if changeOptions.yes { session.tellWarnings(of: planned.instances) }
                return try session.writeThatNothingIsDue(planned, output).unlessIncomplete(selection)
            }
            if !changeOptions.yes {
                StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error), .brief))
                if report.changedInstances > 0 { try await Confirmation.ask(report.question) }
            }
            return try await session.run(
                planned,
                request,
                beside: changeOptions.besideOptions.beside,
                detached: changeOptions.detach,
                journal,
                output,
                interruption
            ).unlessIncomplete(selection)
        }
    }
}
