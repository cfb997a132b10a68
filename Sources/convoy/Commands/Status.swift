import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import FoundationEssentials

/// `convoy status`
struct Status: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show which instance is on which version, and what is pending.",
        discussion: """
            Looks at every instance with one connection; locks nothing and writes nothing.

              convoy status
              convoy status --select region=eu
              convoy status --check
              convoy status --output json | jq '.summary'

            An instance that is pending is well, exit code 0, unless --check is given. One that cannot be looked at is not: \
            exit code 1, or 69 if that is all of them.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var outputOptions: OutputOptions

    @Flag(help: "End with exit code 3 if an instance is not current, or has applied a migration whose file was edited since.")
    var check = false

    func execute() async throws -> ConvoyRollout.ExitCode {
        let session = try FleetSession(Settings(options, output: outputOptions.output))
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { _ in
            let selection = try await session.select()
            var statuses = await session.probe(selection.instances, for: .up(to: nil))
            if check { statuses = statuses.map(\.checked) }
            let report = FleetReport(fleet: session.fleet.name, target: session.set.newest?.version, statuses: statuses, at: Date())
            try session.settings.writeResult(table: report.statusTable, json: { report.statusJSON })
            let code = ConvoyRollout.ExitCode(outcomes: statuses.lazy.map(\.outcome), check: check ? .on : .off)
            return code.unlessIncomplete(selection)
        }
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

extension ConvoyRollout.ExitCode {
    /// A fleet that is known only in part cannot be all well.
    func unlessIncomplete(_ selection: FleetSession.Selection) -> Self {
        selection.isComplete || (self != .success && self != .checkFound) ? self : .failed
    }
}
