import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import FoundationEssentials

/// `convoy plan`
struct Plan: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what `migrate` would run, on which instance and in which wave.",
        discussion: """
            Looks at every instance with one connection; locks nothing and writes nothing.

              convoy plan
              convoy plan --to 20240929084639 --select ring=canary
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: OutputOptions

    @Option(
        help: ArgumentHelp("The version to bring instances to, instead of the newest.", valueName: "version"),
        transform: MigrationVersion.init(argument:)
    )
    var to: MigrationVersion?

    func execute() async throws -> ConvoyRollout.ExitCode {
        let session = try FleetSession(Settings(options, output: outputOptions.output))
        let change = Change.up(to: to)
        try session.check(change)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { _ in
            let selection = try await session.select()
            let plan = try RolloutPlan(fleet: session.fleet, instances: selection.instances, change: change)
            session.tellLeftOut(plan)
            let report = await session.report(on: plan)
            try session.settings.writeResult(table: { report.table($0) }, json: { report.json })
            return ConvoyRollout.ExitCode(outcomes: report.instances.lazy.map(\.outcome)).unlessIncomplete(selection)
        }
    }
}

extension FleetSession {
    /// Looks at the plan's instances and says what would run on each.
    func report(on plan: RolloutPlan) async -> PlanReport {
        let statuses = await probe(plan.waves.flatMap(\.instances), for: plan.change)
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
            case .downSteps, .revert: nil
            }
        return PlanReport(
            fleet: fleet.name,
            direction: plan.change.direction,
            target: target,
            generatedAt: Date(),
            waves: waves,
            migrationNames: Dictionary(uniqueKeysWithValues: set.migrations.map { ($0.version, $0.name) })
        )
    }

    /// Instances that no wave takes stay as they are, which nobody should find out later.
    func tellLeftOut(_ plan: RolloutPlan) {
        guard !plan.leftOut.isEmpty else { return }
        let names = plan.leftOut.prefix(5).map(\.name.visible).joined(separator: ", ")
        let more = plan.leftOut.count > 5 ? " and \(plan.leftOut.count - 5) more" : ""
        StandardStreams.error.write("note: not in a wave of this run: \(names)\(more)\n")
    }
}
