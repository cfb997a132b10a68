import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy status`
struct Status: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the version of each instance and its pending migrations.",
        usage: "convoy status [<options>]",
        discussion: """
            Probes every instance over one connection; takes no lock and writes nothing.

              convoy status
              convoy status --select region=eu --sort pending --descending
              convoy status --summary --watch
              convoy status --by label.region
              convoy status --outcome failed,unreachable --output markdown
              convoy status --output json | jq '.summary'
              convoy status --check

            Pending migrations do not affect the exit code unless --check is given. If an
            instance cannot be probed, the exit code is 1, or 69 if none can be probed.
            Selected instances that --outcome hides count too.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var reportOptions: ReportOptions

    @Flag(help: "Exit with code 3 if an instance is not at the newest version, or if the file of an applied migration was edited.")
    var check = false

    func validate() throws {
        if reportOptions.by == .wave { throw ValidationError("--by wave requires a run: use convoy report") }
    }

    func execute() async throws -> CommandExit {
        try await ReportLooks(reportOptions, Settings(options, color: reportOptions.outputOptions.color)).run(look)
    }

    private func look(_ session: FleetSession) async throws -> ReportLooks.Look {
        let selection = try await session.select()
        try session.checkLabel(of: reportOptions.by, selection.instances)
        // What a run does meanwhile is newer than what the probes find.
        let began = Date()
        var statuses = await session.standing(of: selection.instances)
        if check { statuses = statuses.map(\.checked) }
        var report = FleetReport(fleet: session.fleet.name, target: session.set.newest?.version, statuses: statuses, at: began)
        report.apply(session.set.releases)
        await session.remember(in: &report)
        var drift: DriftReport?
        if reportOptions.needsCohorts {
            let compared = await session.comparedCohorts(of: selection.instances, for: reportOptions.outputOptions.output)
            report.apply(cohorts: compared.cohorts)
            drift = compared.drift
        }
        let code = CommandExit(outcomes: statuses.lazy.map(\.judgedOutcome), check: check ? .on : .off)
        return ReportLooks.Look(
            document: ReportDocument(report, as: .status, names: session.set.names, drift: drift),
            exitCode: code.unlessIncomplete(selection)
        )
    }
}

extension InstanceStatus {
    /// With `--check` an applied migration whose file was edited since gives exit code 3, not only a warning.
    fileprivate var checked: InstanceStatus {
        guard !edited.isEmpty, outcome.isGood else { return self }
        var status = self
        status.outcome = .edited
        return status
    }
}

extension CommandExit {
    /// A command cannot succeed if only some instances of the fleet are known.
    func unlessIncomplete(_ selection: FleetSession.Selection) -> Self {
        selection.isComplete || (self != .success && self != .checkFound) ? self : .failed
    }
}
