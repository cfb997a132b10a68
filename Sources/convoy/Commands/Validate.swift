import ArgumentParser
import ConvoyFleet
import ConvoyIO
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyText

/// `convoy validate`
struct Validate: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate the fleet file and the migrations without using a database.",
        discussion: """
            Reports all problems at once, each with its file, line and column. The exit
            code is 78 if there is a problem. Secret commands are not asked, so whether
            they give the right passwords is not known.

              convoy validate
              convoy validate --fleet production.yaml
            """
    )

    @OptionGroup var options: FleetOptions

    func execute() async throws -> CommandExit {
        let session = try FleetSession(Settings(options))
        try session.set.requireSoundCheckpoints()
        try HookPrograms(session.fleet, environment: session.settings.environment).check()
        try session.checkSelection()
        for warning in session.client.catalogueProblems { StandardStreams.error.write(warning.description + "\n") }
        StandardStreams.output.write(summary(session))
        try StandardStreams.output.check()
        return .success
    }

    private func summary(_ session: FleetSession) -> String {
        let fleet = session.fleet
        let selected = fleet.instances.count { session.settings.selector?.matches($0) ?? true }
        var lines = [
            "\(session.settings.fleetFile): the fleet file and its migrations are right",
            "  fleet       \(fleet.name)",
            "  instances   \(fleet.instances.count) listed" + (session.settings.selector == nil ? "" : ", \(selected) selected"),
        ]
        let skipped = fleet.instances.filter { $0.skip != nil && session.settings.selector?.matches($0) ?? true }
        lines += skipped.map { "  skipped     \($0.name): \($0.skip ?? "")" }
        if !fleet.discoveries.isEmpty { lines.append("  discover    \(fleet.discoveries.count), at run time") }
        lines += uncheckedSecrets(of: fleet)
        lines += RolloutSummary(fleet.rollout).lines
        lines.append("  journal     \(fleet.journal)" + (fleet.journalKeep.map { ", keeps \($0)" } ?? ""))
        let newest = session.set.newest.map { ", the newest is \($0.version) (\($0.name))" } ?? ""
        lines.append("  migrations  \(session.set.migrations.count) in \(fleet.migrations)\(newest)")
        if let checkpoint = session.set.checkpoints.last {
            lines.append("  checkpoint  \(checkpoint.version), from which empty databases start")
        }
        return lines.map { $0.visible + "\n" }.joined()
    }

    /// What no command of the fleet file was asked for.
    private func uncheckedSecrets(of fleet: Fleet) -> [String] {
        fleet.secretCommandList.map { command in
            let count = fleet.secretReferences.count { $0.command == command.name }
            return "  secrets     \(count) from secret command \(command.name), not checked: it is asked when a connection is opened"
        }
    }
}

extension FleetSession {
    /// Checks `--select` against the instances in the file. With discovery the file does not list all instances, so the check needs the databases.
    fileprivate func checkSelection() throws {
        guard let selector = settings.selector, fleet.discoveries.isEmpty else { return }
        try checkNames(in: selector, SelectionVocabulary(fleet.instances), isComplete: true)
        guard !fleet.instances.contains(where: selector.matches) else { return }
        throw nothingSelected(selector, of: fleet.instances.count, isComplete: true)
    }
}
