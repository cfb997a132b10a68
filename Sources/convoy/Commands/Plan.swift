import ArgumentParser
import ConvoyDashboard
import ConvoyFleet
import ConvoyIO
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// `convoy plan`
struct Plan: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what `migrate` would run, on which instance and in which wave.",
        usage: "convoy plan [<options>]",
        discussion: """
            Probes every instance over one connection; takes no lock and writes nothing.

              convoy plan
              convoy plan --to 20240929084639 --select ring=canary
              convoy plan --wave canary             one wave
              convoy plan --failed                  what did not end well last time
              convoy plan --out plan.json
              convoy plan --now --out plan.json     for a run without gates and window
              convoy plan --check

            Pending migrations do not affect the exit code unless --check is given.
            `convoy migrate --plan plan.json` runs exactly the plan in the file, and fails
            if anything has changed since.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: OutputOptions
    @OptionGroup var earlierOptions: EarlierOptions

    @Option(
        help: ArgumentHelp("Target version or release (default: the newest).", valueName: "version"),
        completion: .version,
        transform: TargetArgument.init(argument:)
    )
    var to: TargetArgument?

    @OptionGroup var waveOption: WaveOption

    @OptionGroup var nowOption: NowOption

    @Option(
        help: ArgumentHelp("Write the plan to this file: versions, checksums, waves and instances.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var out: String?

    @Flag(help: "Exit with code 3 if a migration would run.")
    var check = false

    func execute() async throws -> CommandExit {
        let session = try FleetSession(Settings(options, output: outputOptions.output, color: outputOptions.color))
        let change = Change.up(to: try session.version(to))
        try session.check(change)
        let file = out.map { ResultFile(path: $0, option: "--out", kind: .plan) }
        try file?.check()
        try file?.check(against: session.protectedFiles)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { _ in
            let selection = try await session.select()
            let planned = try await session.plan(
                selection,
                change,
                selector: session.settings.selector,
                earlier: earlierOptions.request,
                waves: waveOption.waves,
                isImmediate: nowOption.now
            )
            let report = session.report(on: planned)
            try session.checkRollbacksArePossible(planned)
            if planned.plan.waves.contains(where: \.onFailure.rollsBack) { session.tellWhatARollbackMeans() }
            try file?.write(planned.plan)
            try session.settings.writeResult(table: { report.table($0) }, json: { report.json })
            return CommandExit(outcomes: report.instances.lazy.map(\.judgedOutcome), check: check ? .pending : .off).unlessIncomplete(
                selection
            )
        }
    }
}

extension String {
    /// The text as a path, relative to the current directory unless it is absolute.
    var asFileURL: URL { URL(filePath: self) }
}

extension FleetSession {
    /// What a planned run would do.
    func report(on planned: PlannedRun) -> PlanReport {
        report(on: planned.plan, planned.instances, skipped: planned.skipped, choice: PlanReport.Choice(planned))
    }

    /// What a plan would run on each of its instances, whose statuses are in the order of the waves.
    func report(
        on plan: RunPlan,
        _ statuses: [InstanceStatus],
        skipped: [InstanceStatus] = [],
        choice: PlanReport.Choice? = nil
    ) -> PlanReport {
        var rest = statuses[...]
        let waves = plan.waves.map { wave in
            let members = rest.prefix(wave.instances.count)
            rest = rest.dropFirst(wave.instances.count)
            return PlanReport.Wave(name: wave.name, maxParallel: wave.maxParallel, instances: Array(members))
        }
        let target: MigrationVersion? =
            switch plan.change {
            case .up(let version): version ?? set.newest?.version
            case .down(let version): version
            case .baseline(let version), .repair(let version): version
            case .downSteps, .undo, .revert, .correct: nil
            }
        return PlanReport(
            fleet: fleet.name,
            direction: plan.change.direction,
            target: target,
            generatedAt: Date(),
            waves: waves,
            skipped: skipped,
            choice: choice,
            window: fleet.rollout.window.map {
                let now = Date()
                return PlanReport.Window(text: RolloutSummary.text($0), opensAt: $0.isOpen(at: now) ? nil : $0.nextChange(after: now))
            },
            leavesOut: plan.isImmediate ? leftOut(of: plan) : nil,
            undoing: plan.change.undoneRun.map { PlanReport.Undoing(run: $0, plan.instances) },
            correcting: PlanReport.Correcting(plan),
            migrationNames: set.names,
            releases: set.releases
        )
    }

    /// The gates and the window of the fleet file that a plan leaves out. The gate of the last wave guards nothing.
    private func leftOut(of plan: RunPlan) -> PlanReport.LeftOut {
        let names = plan.waves.dropLast().map(\.name)
        let gates = fleet.rollout.waves.filter { $0.gate != nil && names.contains($0.name) }
        return PlanReport.LeftOut(gates: gates.map(\.name), hasWindow: fleet.rollout.window != nil)
    }

    /// Prints a note about instances that are in no wave and are therefore not migrated.
    func tellLeftOut(_ instances: [Instance]) {
        guard !instances.isEmpty else { return }
        let names = instances.prefix(5).map(\.name.visible).joined(separator: ", ")
        let more = instances.count > 5 ? " and \(instances.count - 5) more" : ""
        StandardStreams.error.write("note: these instances are in no wave of this run: \(names)\(more)\n")
    }
}
