import ArgumentParser
import ConvoyKit
import ConvoyRun

/// Options of the commands that change databases.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Show the plan and change nothing.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Answer yes to every question. Required without a terminal.")
    var yes = false

    @Flag(
        help: "Submit the run to the workers of the control database, print its id and return; without it, the run is followed to its end."
    )
    var detach = false

    @OptionGroup var besideOptions: BesideOptions

    /// Opens the session of a command that changes instances, and checks what can be checked before the first of them is asked.
    ///
    /// - Throws: a ``CommandFailure`` if the report cannot be written, the question cannot be asked or a hook's program is missing, and
    ///   the problems of the fleet file and of the migration set.
    func session(_ settings: Settings, writing options: ReportOutputOptions) throws -> (FleetSession, ReportOutput) {
        let output = try ReportOutput(options)
        try settings.checkProgress()
        if !dryRun { try Confirmation.checkPossible(yes: yes, settings: settings) }
        let session = try FleetSession(settings)
        try output.check(session)
        if !dryRun { try HookPrograms(session.fleet, environment: settings.environment).check() }
        return (session, output)
    }
}

/// The option of the commands that plan a run.
struct NowOption: ParsableArguments {
    @Flag(
        help: """
            Run at once: without gates (no soak, no checks, no approval) and outside the maintenance window. \
            Locks, limits and stop rules hold.
            """
    )
    var now = false

    /// - Parameter command: the command that writes a plan without gates.
    /// - Throws: a ``CommandFailure`` if the option is given and the plan that is carried out has gates.
    func check(_ pinned: RunPlan, writtenBy command: String) throws {
        guard now, !pinned.isImmediate else { return }
        throw CommandFailure(
            .usage,
            "--now: the plan has gates and the maintenance window",
            hint: "write a plan without them with `\(command)`"
        )
    }
}

/// The waves of the commands that plan a run.
struct WaveOption: ParsableArguments {
    @Option(
        name: .customLong("wave"),
        help: ArgumentHelp(
            "Run only this wave (default: all waves). Repeatable.",
            valueName: "name"
        ),
        completion: .wave
    )
    var waves: [String] = []
}

/// Options of the commands that start or resume a run.
struct BesideOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Start even while this other run is active, provided that the two share no instance. Repeatable.",
            valueName: "run"
        ),
        completion: .run
    )
    var beside: [String] = []
}
