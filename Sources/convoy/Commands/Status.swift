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
        abstract: "Show which instance is on which version, and what is pending.",
        discussion: """
            Looks at every instance with one connection; locks nothing and writes nothing.

              convoy status
              convoy status --select region=eu --sort pending --descending
              convoy status --summary --watch
              convoy status --by label.region
              convoy status --outcome failed,unreachable --output markdown
              convoy status --output json | jq '.summary'
              convoy status --check

            An instance that is pending is well, exit code 0, unless --check is given. One that cannot be looked at is not: \
            exit code 1, or 69 if that is all of them. The exit code is about every selected instance, whichever of them --outcome shows.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var reportOptions: ReportOptions

    @Flag(help: "End with exit code 3 if an instance is not current, or has applied a migration whose file was edited since.")
    var check = false

    func validate() throws {
        if reportOptions.by == .wave { throw ValidationError("--by wave is about a run: use convoy report") }
    }

    func execute() async throws -> CommandExit {
        try await ReportLooks(reportOptions, Settings(options)).run(look)
    }

    private func look(_ session: FleetSession) async throws -> ReportLooks.Look {
        let selection = try await session.select()
        try session.checkLabel(of: reportOptions.by, selection.instances)
        var statuses = await session.standing(of: selection.instances)
        if check { statuses = statuses.map(\.checked) }
        var report = FleetReport(fleet: session.fleet.name, target: session.set.newest?.version, statuses: statuses, at: Date())
        if reportOptions.needsCohorts { report.apply(cohorts: await session.cohorts(of: selection.instances)) }
        let code = CommandExit(outcomes: statuses.lazy.map(\.outcome), check: check ? .on : .off)
        return ReportLooks.Look(
            document: ReportDocument(report, as: .status, names: session.set.names),
            exitCode: code.unlessIncomplete(selection)
        )
    }
}

extension InstanceStatus {
    /// Under `--check` an applied migration whose file was edited since is a finding, not only a warning.
    fileprivate var checked: InstanceStatus {
        guard !edited.isEmpty, outcome.isGood else { return self }
        var status = self
        status.outcome = .edited
        return status
    }
}

extension CommandExit {
    /// A fleet that is known only in part cannot be all well.
    func unlessIncomplete(_ selection: FleetSession.Selection) -> Self {
        selection.isComplete || (self != .success && self != .checkFound) ? self : .failed
    }
}
