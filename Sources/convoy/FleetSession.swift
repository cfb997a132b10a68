import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import TeslaMate

/// A checked fleet file with its migration set: what every command starts from.
struct FleetSession {
    let settings: Settings
    let fleet: Fleet
    let set: MigrationSet
    let runner: InstanceRunner
    /// What is masked in everything that programs and servers say.
    let secrets: KnownSecrets
    private(set) var statusLine: StatusLine
    /// Whether warnings are written to standard error.
    private var tellsWarnings = true

    /// Reads and checks the files, tells their warnings, and touches no database.
    ///
    /// - Throws: every problem of the fleet file, or every problem of the migration set.
    init(_ settings: Settings) throws {
        self.settings = settings
        fleet = try FleetFile.load(path: settings.fleetFile, environment: settings.environment)
        for warning in fleet.warnings { StandardStreams.error.write(warning.text) }
        set = try MigrationSet.load(directory: fleet.migrations, displayedAs: fleet.migrations)
        secrets = KnownSecrets(fleet, environment: settings.environment)
        runner = InstanceRunner(set: set, steps: [EncryptAPITokens()], secrets: secrets)
        let missing = runner.missingSteps
        guard missing.isEmpty else {
            throw CommandFailure(
                .configuration,
                "the migrations in \(fleet.migrations) name steps that this program does not have: \(missing.joined(separator: ", "))",
                hint: "run them with a convoy that has these steps registered"
            )
        }
        statusLine = StatusLine(isEnabled: settings.canRedraw, write: StandardStreams.error.write)
    }

    /// The same without warnings and progress, for where something else is drawn on the terminal.
    var quiet: FleetSession {
        var session = self
        session.tellsWarnings = false
        session.statusLine = StatusLine(isEnabled: false, write: StandardStreams.error.write)
        return session
    }

    /// Writes to standard error, unless the session is quiet.
    func warn(_ text: String) {
        if tellsWarnings { StandardStreams.error.write(text) }
    }

    /// - Throws: a ``CommandFailure`` where the set does not have the version that the change names.
    func check(_ change: Change) throws {
        do throws(UnknownTarget) {
            try set.check(change)
        } catch {
            throw CommandFailure(.usage, "--to: \(error.description)", hint: error.hint)
        }
    }

    /// The instances that the command is about.
    struct Selection {
        var instances: [Instance]
        /// Whether every server told its databases; if not, the command cannot end well.
        var isComplete: Bool
    }

    /// Lists the fleet's instances, discovered ones included, and keeps the selected.
    ///
    /// - Parameter selector: instead of `--select`.
    /// - Throws: a ``CommandFailure`` where none is left.
    func select(_ selector: Selector? = nil) async throws -> Selection {
        if !fleet.discoveries.isEmpty { statusLine.show("asking \(fleet.discoveries.count) servers for their databases") }
        defer { statusLine.clear() }
        let found = try await fleet.discover()
        statusLine.clear()
        found.failures.forEach(tell)
        let isComplete = found.failures.isEmpty
        let selector = selector ?? settings.selector
        let instances = found.instances.filter { selector?.matches($0) ?? true }
        if instances.isEmpty { throw nothingSelected(selector, of: found.instances.count, isComplete: isComplete) }
        return Selection(instances: instances, isComplete: isComplete)
    }

    private func tell(_ failure: DiscoveryFailure) {
        let place = "\(settings.fleetFile):\(failure.discovery.line)"
        let text = "\(place): error: the databases of server \(failure.discovery.server) cannot be listed: \(failure.error)"
        warn(text.visible + "\n    hint: its discovered instances are missing from what follows\n")
    }

    private func nothingSelected(_ selector: Selector?, of count: Int, isComplete: Bool) -> CommandFailure {
        guard isComplete else { return CommandFailure(.unreachable, "no instance could be found") }
        guard let selector, count > 0 else {
            return CommandFailure(
                .configuration,
                "\(settings.fleetFile): the fleet has no instance",
                hint: "list one under `instances`, or look at the patterns under `discover`"
            )
        }
        return CommandFailure(
            .usage,
            "--select '\(selector)' describes none of the \(count) instances",
            hint: "`convoy status` shows their names, `convoy status --output json` their labels too"
        )
    }

    /// Looks at instances, without a lock and without writing, and tells the warnings.
    func probe(_ instances: [Instance], for change: Change, concurrency: Int? = nil) async -> [InstanceStatus] {
        await probe(instances, for: change, with: runner, concurrency: concurrency)
    }

    /// The same for those who only want to know where instances stand, not whether the newest version could be reached.
    func standing(of instances: [Instance]) async -> [InstanceStatus] {
        await probe(instances, for: .up(to: nil), with: runner.forReading)
    }

    private func probe(_ instances: [Instance], for change: Change, with runner: InstanceRunner, concurrency: Int? = nil) async
        -> [InstanceStatus]
    {
        let probe = FleetProbe(instanceOperator: runner, limits: ConnectionLimits(fleet), concurrency: concurrency)
        let statuses = await probe.statuses(of: instances, for: change) { progress in
            statusLine.show("looked at \(progress.finished) of \(progress.total) instances")
        }
        statusLine.clear()
        for status in statuses {
            for warning in status.warnings { warn("\(status.name): warning: \(warning)".visible + "\n") }
        }
        return statuses
    }

    /// The cohorts of those instances that can be read, by name.
    func cohorts(of instances: [Instance]) async -> [String: String] {
        statusLine.show("looking for cohorts among \(instances.count) instances")
        defer { statusLine.clear() }
        return await FleetProbe(instanceOperator: runner, limits: ConnectionLimits(fleet)).cohorts(of: instances)
    }
}

extension MigrationSet {
    /// What its migrations are called.
    var names: [MigrationVersion: String] { Dictionary(migrations.map { ($0.version, $0.name) }) { first, _ in first } }
}
