import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRun

/// `convoy baseline` and `convoy repair`: commands that correct ledgers, as runs, and run no migration.
protocol CorrectionCommand: FleetCommand {
    static var kind: Correction.Kind { get }

    var options: FleetOptions { get }
    var outputOptions: ReportOutputOptions { get }
    var progressOptions: ProgressOptions { get }
    var changeOptions: ChangeOptions { get }
    var nowOption: NowOption { get }
    var instanceOption: InstanceOption { get }
    var planOptions: CorrectionPlanOptions { get }

    /// What the options ask for.
    func change(in session: FleetSession) throws -> Change

    /// What decides on each instance.
    ///
    /// - Parameter pinned: the plan that is carried out; nil if a new one is made.
    /// - Throws: a ``CommandFailure`` for options that do not fit the migration set, and the problems of its catalogue.
    func judge(in session: FleetSession, of change: Change, pinned: RunPlan?) throws -> any CorrectionJudge
}

extension CorrectionCommand {
    /// Whether the options say which instances; a plan says it too.
    var choosesInstances: Bool { !planOptions.waveOption.waves.isEmpty || options.select != nil || !instanceOption.names.isEmpty }

    /// Checks the options that both commands have.
    func checkSharedOptions() throws {
        if changeOptions.dryRun { try outputOptions.checkFitsPlan() }
        if planOptions.out != nil, !changeOptions.dryRun { throw ValidationError("--out requires --dry-run") }
        try instanceOption.check(against: options)
    }

    func execute() async throws -> CommandExit {
        let settings = try Settings(options, progress: progressOptions.progress, color: outputOptions.color)
        let (session, output) = try changeOptions.session(settings, writing: outputOptions)
        let file = planOptions.out.map { ResultFile(path: $0, option: "--out", kind: .plan) }
        try file?.check()
        try file?.check(against: session.protectedFiles)
        let pinned = try planOptions.planFile.map {
            try RunPlan(file: $0, writtenBy: "convoy \(Self.kind.rawValue) --dry-run --out plan.json")
        }
        let change = try pinned?.change ?? change(in: session)
        guard change.correctionKind == Self.kind else {
            throw CommandFailure(.usage, "--plan: this is not the plan of a \(Self.kind.rawValue)")
        }
        if let pinned { try nowOption.check(pinned, writtenBy: "convoy \(Self.kind.rawValue) --dry-run --now --out FILE") }
        try session.check(change)
        let judge = try judge(in: session, of: change, pinned: pinned)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = changeOptions.dryRun ? nil : try await RunCatalog(session.fleet).open()
            let names = instanceOption.names
            let chosen = names.isEmpty ? settings.selector : Selector(naming: names)
            let selector = try pinned?.selector ?? chosen
            let selection = try await (pinned == nil ? session.select(naming: names) : session.select(selector))
            let planned = try await session.plan(
                selection,
                change,
                selector: selector,
                waves: pinned?.selectedWaves ?? planOptions.waveOption.waves,
                isImmediate: pinned?.isImmediate ?? nowOption.now,
                correcting: judge,
                warnings: changeOptions.yes && !changeOptions.dryRun ? .left : .shown
            )
            if let pinned { try session.check(pinned, against: planned) }
            return try await session.correct(
                planned,
                on: selection,
                changeOptions,
                output,
                file,
                NextSteps.Request(settings, selector, waves: planned.plan.selectedWaves),
                journal,
                interruption
            )
        }
    }
}

/// The waves of a baseline or a repair, and the file that has its plan.
struct CorrectionPlanOptions: ParsableArguments {
    @OptionGroup var waveOption: WaveOption

    @Option(
        help: ArgumentHelp("With --dry-run, also write the plan to this file.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var out: String?

    @Option(
        name: .customLong("plan"),
        help: ArgumentHelp("Run exactly the plan that --out wrote; fails if anything has changed since.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var planFile: String?
}

/// The option of the commands that take instances by name.
struct InstanceOption: ParsableArguments {
    @Option(
        name: .customLong("instance"),
        help: ArgumentHelp("Only this instance. Repeatable.", valueName: "instance"),
        completion: .instance
    )
    var names: [String] = []

    /// - Throws: an error if `--select` chooses instances too.
    func check(against options: FleetOptions) throws {
        if !names.isEmpty, options.select != nil { throw ValidationError("--instance cannot be combined with --select") }
    }
}
