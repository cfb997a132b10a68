import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyText

/// `convoy provision`
struct Provision: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the role and the database of new instances.",
        usage: "convoy provision [<options>] <name>...",
        discussion: """
            Makes the role with its password and the database, applies all migrations, and
            adds the instance to the fleet file. The server must allow it: the key
            `provision` under `servers` says how roles and databases are called. If the
            command is ended at any point, the same command makes what is left.

              convoy provision alice --dry-run
              convoy provision alice bob --server eu-1 --label ring=stable

            Nothing that Convoy has not made is changed: a role or a database of that name
            is refused. Convoy drops neither.
            """
    )

    @Argument(help: ArgumentHelp("Names of the new instances.", valueName: "name"))
    var names: [String]

    @OptionGroup var fleetFile: FleetFileOption
    @OptionGroup var outputOptions: OutputOptions

    @Option(
        help: ArgumentHelp("Server of the fleet file (default: the only one with `provision`).", valueName: "name"),
        completion: .server
    )
    var server: String?

    @Option(help: ArgumentHelp("Label of the new entries. Repeatable.", valueName: "key=value"))
    var label: [String] = []

    @Option(
        help: ArgumentHelp("Target version or release (default: the newest).", valueName: "version"),
        completion: .version,
        transform: TargetArgument.init(argument:)
    )
    var to: TargetArgument?

    @Flag(help: "Show the statements and the entries, and change nothing.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Answer yes to the question. Required without a terminal.")
    var yes = false

    func validate() throws {
        var seen: Set<String> = []
        if let twice = names.first(where: { !seen.insert($0).inserted }) { throw ValidationError("“\(twice.visible)” is named twice") }
        for name in names {
            if let complaint = Provisioning.complaint(instance: name) { throw ValidationError("“\(name.visible)” \(complaint)") }
        }
        _ = try labels()
    }

    private func labels() throws -> [String: String] {
        var labels: [String: String] = [:]
        for text in label {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { throw ValidationError("--label requires a key and a value, for example ring=stable") }
            if let complaint = Provisioning.complaint(label: parts[0], parts[1]) { throw ValidationError("--label: \(complaint)") }
            guard labels.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw ValidationError("--label: “\(parts[0])” is given twice")
            }
        }
        return labels
    }

    func execute() async throws -> CommandExit {
        let settings = Settings(fleetFile, output: outputOptions.output, color: outputOptions.color)
        if !dryRun { try Confirmation.checkPossible(yes: yes, settings: settings) }
        let session = try FleetSession(settings)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let request = ProvisionRequest(names: names, server: server, labels: try labels(), version: try session.version(to))
            if let version = request.version { try session.check(.up(to: version)) }
            let client = session.client
            let plan = try await client.provisionPlan(request)
            var report = plan.report(fleet: session.fleet, fleetFile: settings.fleetFile, isDryRun: true)
            if !dryRun {
                if !yes, let question = report.question {
                    StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error)))
                    try await Confirmation.ask(question)
                }
                // From here on an interruption stops the work instead of ending the process.
                interruption.changesBegin(erasure: "")
                let (count, statusLine) = (names.count, session.statusLine)
                report = try await client.provision(plan, stopRequests: interruption.stopRequests) {
                    statusLine.show("making databases: \($0) of \(count)")
                }
                statusLine.clear()
            }
            try settings.writeResult(table: { report.table($0) }, json: { report.json })
            return CommandExit(report)
        }
    }
}

extension CommandExit {
    /// The code of the command: 130 before 69 before 1.
    fileprivate init(_ report: ProvisionReport) {
        let outcomes = report.tenants.map(\.outcome)
        if outcomes.contains(.interrupted) {
            self = .interrupted
        } else if outcomes.allSatisfy({ $0 == .unreachable }) {
            self = .unreachable
        } else {
            self = outcomes.allSatisfy(\.isGood) && report.entryProblem == nil ? .success : .failed
        }
    }
}
