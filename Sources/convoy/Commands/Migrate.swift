import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun

/// `convoy migrate`
struct Migrate: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Apply pending migrations to the fleet, wave by wave.",
        discussion: """
            Shows what would run and asks, then works through the waves of the fleet file. A failed instance never stops its \
            neighbours; a stop rule halts the fleet. Running it again goes on where it ended.

              convoy migrate --dry-run                   only look
              convoy migrate --wave canary               one wave
              convoy migrate --select name=alice --yes   one instance, no question
              convoy migrate --to 20240929084639         not to the newest version
              convoy migrate --plan plan.json            exactly what `convoy plan --out plan.json` showed

            Ctrl-C: nothing new starts, what runs finishes. Ctrl-C again: what runs is cancelled and rolled back.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions
    @OptionGroup var changeOptions: ChangeOptions

    @Option(
        help: ArgumentHelp("The version to bring instances to, instead of the newest.", valueName: "version"),
        transform: MigrationVersion.init(argument:)
    )
    var to: MigrationVersion?

    @Option(
        name: .customLong("wave"),
        help: ArgumentHelp(
            "Run only this wave; may be given several times.",
            valueName: "name"
        )
    )
    var waves: [String] = []

    @Option(help: ArgumentHelp("At most so many instances at a time, even where a wave allows more.", valueName: "number"))
    var concurrency: Int?

    @Option(
        name: .customLong("plan"),
        help: ArgumentHelp("Run exactly what `plan --out` has written down; refused if anything is different now.", valueName: "file")
    )
    var planFile: String?

    func validate() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
        if let concurrency, concurrency < 1 { throw ValidationError("--concurrency must be at least 1") }
        if planFile != nil, to != nil || !waves.isEmpty || options.select != nil || concurrency != nil {
            throw ValidationError("--plan says it all: --to, --wave, --select and --concurrency do not go with it")
        }
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options, progress: progressOptions.progress)
        let output = try ReportOutput(outputOptions)
        try settings.checkProgress()
        if !changeOptions.dryRun { try Confirmation.checkPossible(yes: changeOptions.yes, settings: settings) }
        let session = try FleetSession(settings)
        try output.check(session)
        if !changeOptions.dryRun { try HookPrograms(session.fleet, environment: settings.environment).check() }
        let pinned = try planFile.map(PinnedPlan.init(file:))
        let change = pinned?.change.change ?? .up(to: to)
        guard change.direction == .up else { throw CommandFailure(.usage, "--plan: the plan is one of a rollback") }
        try session.check(change)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = changeOptions.dryRun ? nil : try await JournalAccess(session.fleet).open()
            let selector = try pinned?.selector ?? settings.selector
            let selection = try await session.select(pinned.map { _ in selector } ?? nil)
            let request = NextSteps.Request(settings, selector, waves: waves, concurrency: concurrency)
            let plan = try await session.plan(selection, change, waves: waves, concurrency: concurrency)
            let mayRollBack = plan.waves.contains { $0.onFailure.rollsBack }
            let statuses = await session.statuses(of: plan, warnings: changeOptions.yes && !changeOptions.dryRun ? .left : .shown)
            let report = session.report(on: plan, statuses)
            if let pinned { try session.check(pinned, against: plan, selector, statuses) }
            try session.checkRollbacksArePossible(plan, statuses)
            if mayRollBack { session.tellWhatARollbackMeans() }
            guard let journal else {
                try output.write(report, settings)
                return CommandExit(outcomes: report.instances.lazy.map(\.outcome)).unlessIncomplete(selection)
            }
            if session.isNothingDue(statuses) {
                if changeOptions.yes { session.tellWarnings(of: statuses) }
                return try session.writeThatNothingIsDue(plan, statuses, output).unlessIncomplete(selection)
            }
            if !changeOptions.yes {
                StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error), .brief))
                if report.changedInstances > 0 { try await Confirmation.ask(report.question) }
            }
            return try await session.run(
                plan,
                request,
                statuses: statuses,
                beside: changeOptions.besideOptions.beside,
                journal,
                output,
                interruption
            ).unlessIncomplete(selection)
        }
    }
}

/// Options of the commands that change databases.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Show what would run, and change nothing.")
    var dryRun = false

    @Flag(help: "Answer every question with yes. Required where there is no terminal.")
    var yes = false

    @OptionGroup var besideOptions: BesideOptions
}

/// Options of the commands that begin or resume a run.
struct BesideOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Start although that run is going on, if it has none of these instances; may be given several times.",
            valueName: "run"
        )
    )
    var beside: [String] = []
}
