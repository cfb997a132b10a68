import ConvoyDashboard
import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import TeslaMate

/// A checked fleet file with its migration set: what every command starts from.
struct FleetSession {
    let settings: Settings
    private(set) var fleet: Fleet
    private(set) var set: MigrationSet
    private(set) var runner: InstanceRunner
    /// What is masked in everything that programs and servers say.
    private(set) var secrets: KnownSecrets
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

    /// A session for a command that reads the journal and at most shows the fleet: what is wrong with the files besides is a warning.
    ///
    /// - Throws: the problems where the fleet file does not even say where the journal is.
    init(reading settings: Settings) throws {
        self.settings = settings
        fleet = try FleetOutline.load(settings)
        do throws(Problems) {
            set = try MigrationSet.load(directory: fleet.migrations, displayedAs: fleet.migrations)
        } catch {
            StandardStreams.error.write(
                "warning: the migrations in \(fleet.migrations.visible) cannot be used, so their names and the newest version are not known\n"
            )
            set = try MigrationSet([])
        }
        secrets = KnownSecrets(fleet, environment: settings.environment)
        runner = InstanceRunner(set: set, steps: [EncryptAPITokens()], secrets: secrets)
        statusLine = StatusLine(isEnabled: settings.canRedraw, write: StandardStreams.error.write)
    }

    /// The same with everything that the files say, read anew.
    ///
    /// - Throws: every problem of the fleet file, or every problem of the migration set.
    func whole() throws(Problems) -> FleetSession {
        var session = self
        session.fleet = try FleetFile.load(path: settings.fleetFile, environment: settings.environment)
        session.set = try MigrationSet.load(directory: session.fleet.migrations, displayedAs: session.fleet.migrations)
        session.secrets = KnownSecrets(session.fleet, environment: settings.environment)
        session.runner = InstanceRunner(set: session.set, steps: [EncryptAPITokens()], secrets: session.secrets)
        return session.quiet
    }

    /// What no result may replace.
    var protectedFiles: ProtectedFiles { ProtectedFiles(fleet, fleetFile: settings.fleetFile) }

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
        /// Whether every server listed its databases and each of them is an instance; if not, the command cannot end well.
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
        for warning in found.warnings { warn(warning.text) }
        let isComplete = found.isComplete
        if selector == nil, let selector = settings.selector {
            try checkNames(in: selector, SelectionVocabulary(found.instances), isComplete: isComplete)
        }
        let selector = selector ?? settings.selector
        let instances = found.instances.filter { selector?.matches($0) ?? true }
        if instances.isEmpty { throw nothingSelected(selector, of: found.instances.count, isComplete: found.failures.isEmpty) }
        return Selection(instances: instances, isComplete: isComplete)
    }

    /// What a selector names and no instance has is a mistake: an instance that is believed to be chosen would be left as it is.
    ///
    /// - Parameter isComplete: whether all instances are known; if not, the names are a warning.
    /// - Throws: a ``CommandFailure`` with each such name.
    func checkNames(in selector: Selector, _ vocabulary: SelectionVocabulary, isComplete: Bool) throws {
        let misses = selector.misses(in: vocabulary)
        guard let first = misses.first else { return }
        guard isComplete else {
            for miss in misses { warn("warning: --select: \(miss.message) of those that were found".visible + "\n") }
            return
        }
        func text(_ miss: SelectorMiss) -> String { miss.message + (miss.hint.map { " (\($0))" } ?? "") }
        throw CommandFailure(
            .usage,
            misses.count == 1 ? "--select: \(first.message)" : "--select names \(misses.count) things that no instance has",
            details: misses.count == 1 ? [] : misses.prefix(20).map(text),
            hint: misses.count == 1 ? first.hint : nil
        )
    }

    /// - Throws: a ``CommandFailure`` where groups are asked for by a label that none of the instances has.
    func checkLabel(of grouping: ReportGrouping?, _ instances: [Instance]) throws {
        guard case .label(let key)? = grouping, !instances.contains(where: { $0.labels[key] != nil }) else { return }
        let known = SelectionVocabulary(instances).labelKeys
        throw CommandFailure(
            .usage,
            "--by: no instance has a label `\(key)`",
            hint: nearestWord(to: key, among: known).map { "did you mean \($0)?" }
                ?? (known.isEmpty ? "the instances have no labels" : "there is \(known.prefix(16).joined(separator: ", "))")
        )
    }

    private func tell(_ failure: DiscoveryFailure) {
        let place = "\(settings.fleetFile):\(failure.discovery.line)"
        let text = "\(place): error: the databases of server \(failure.discovery.server) cannot be listed: \(failure.error)"
        warn(text.visible + "\n    hint: its discovered instances are missing from what follows\n")
    }

    func nothingSelected(_ selector: Selector?, of count: Int, isComplete: Bool) -> CommandFailure {
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

    /// Whether the warnings of a look are shown at once.
    enum Warnings {
        case shown
        /// A run that follows shows them as it finds them.
        case left
    }

    /// Looks at instances, without a lock and without writing.
    func probe(
        _ instances: [Instance],
        for change: Change,
        concurrency: Int? = nil,
        warnings: Warnings = .shown
    ) async -> [InstanceStatus] {
        await probe(instances, for: change, with: runner, concurrency: concurrency, warnings: warnings)
    }

    /// The same for those who only want to know where instances stand, not whether the newest version could be reached.
    func standing(of instances: [Instance]) async -> [InstanceStatus] {
        await probe(instances, for: .up(to: nil), with: runner.forReading)
    }

    private func probe(
        _ instances: [Instance],
        for change: Change,
        with runner: InstanceRunner,
        concurrency: Int? = nil,
        warnings: Warnings = .shown
    ) async -> [InstanceStatus] {
        let probe = FleetProbe(instanceOperator: runner, limits: ConnectionLimits(fleet), concurrency: concurrency)
        let statuses = await probe.statuses(of: instances, for: change) { progress in
            statusLine.show("looked at \(progress.finished) of \(progress.total) instances")
        }
        statusLine.clear()
        if warnings == .shown { tellWarnings(of: statuses) }
        return statuses
    }

    /// Says what was found that stops nothing; what several instances have in common is one line.
    func tellWarnings(of statuses: [InstanceStatus]) {
        for line in WarningGroup.groups(of: statuses).map(\.line) { warn(line + "\n") }
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
