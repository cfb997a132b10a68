import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout

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

            Ctrl-C: nothing new starts, what runs finishes. Ctrl-C again: what runs is cancelled and rolled back.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: OutputOptions
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

    func validate() throws {
        if let concurrency, concurrency < 1 { throw ValidationError("--concurrency must be at least 1") }
    }

    func execute() async throws -> ConvoyRollout.ExitCode {
        let settings = try Settings(options, output: outputOptions.output)
        if !changeOptions.dryRun { try Confirmation.checkPossible(yes: changeOptions.yes, settings: settings) }
        let session = try FleetSession(settings)
        let change = Change.up(to: to)
        try session.check(change)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let selection = try await session.select()
            let plan: RolloutPlan
            do throws(UnknownWave) {
                plan = try RolloutPlan(
                    fleet: session.fleet,
                    instances: selection.instances,
                    change: change,
                    waves: waves,
                    concurrency: concurrency
                )
            } catch {
                throw CommandFailure(.usage, "--wave: \(error.description)")
            }
            session.tellLeftOut(plan)
            if changeOptions.dryRun || !changeOptions.yes {
                let report = await session.report(on: plan)
                if changeOptions.dryRun {
                    try settings.writeResult(table: { report.table($0) }, json: { report.json })
                    return ConvoyRollout.ExitCode(outcomes: report.instances.lazy.map(\.outcome)).unlessIncomplete(selection)
                }
                StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error), .brief))
                if report.changedInstances > 0 {
                    try await Confirmation.ask("Apply this to \(report.changedInstances) of \(report.instances.count) instances?")
                }
            }
            return try await session.run(plan, interruption).unlessIncomplete(selection)
        }
    }
}

/// Options of the commands that change databases.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Show what would run, and change nothing.")
    var dryRun = false

    @Flag(help: "Answer every question with yes. Required where there is no terminal.")
    var yes = false
}

extension FleetSession {
    /// Takes the plan over the fleet, shows how it goes, and writes the report.
    func run(_ plan: RolloutPlan, _ interruption: Interruption) async throws -> ConvoyRollout.ExitCode {
        let reporter = ProgressReporter(
            settings.progressMode,
            style: { [settings] in settings.style(of: StandardStreams.error) },
            write: StandardStreams.error.write
        )
        interruption.changesBegin()
        let result = await Coordinator(instanceOperator: runner, events: reporter).run(plan, stopRequests: interruption.stopRequests)
        await reporter.finish()
        let report = reporter.report
        try settings.writeResult(table: { report.table($0) }, json: { report.json })
        return result.exitCode
    }
}
