import ConvoyDashboard
import ConvoyFleet
import ConvoyInstance
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import TeslaMate

/// A checked fleet file with its migration set: the starting point of every command that works on the fleet.
struct FleetSession {
    let settings: Settings
    private(set) var fleet: Fleet
    private(set) var set: MigrationSet
    private(set) var runner: InstanceRunner
    /// Secrets to mask in the output of programs and servers.
    private(set) var secrets: KnownSecrets
    private(set) var statusLine: StatusLine
    /// Whether warnings are written to standard error.
    private var showsWarnings = true

    /// Reads and checks the files, prints their warnings, and connects to no database.
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
                "the migrations in \(fleet.migrations) use steps that this program does not have: \(missing.joined(separator: ", "))",
                hint: "use a build of convoy that registers these steps"
            )
        }
        statusLine = StatusLine(isEnabled: settings.canRedraw, write: StandardStreams.error.write)
    }

    /// A session for a command that only reads the journal and shows the fleet. Mistakes in parts of the files that it ignores are warnings.
    ///
    /// - Throws: the problems, if the fleet file does not name the journal.
    init(reading settings: Settings) throws {
        self.settings = settings
        fleet = try FleetOutline.load(settings)
        do throws(Problems) {
            set = try MigrationSet.load(directory: fleet.migrations, displayedAs: fleet.migrations)
        } catch {
            StandardStreams.error.write(
                "warning: the migrations in \(fleet.migrations.visible) cannot be used, so their names and the newest version are unknown\n"
            )
            set = try MigrationSet([])
        }
        secrets = KnownSecrets(fleet, environment: settings.environment)
        runner = InstanceRunner(set: set, steps: [EncryptAPITokens()], secrets: secrets)
        statusLine = StatusLine(isEnabled: settings.canRedraw, write: StandardStreams.error.write)
    }

    /// The same session with all files read again, completely.
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

    /// The use cases of the library, on the files of this session.
    var client: FleetClient {
        FleetClient(
            fleet,
            set,
            runner: runner,
            secrets: secrets,
            fleetFile: settings.fleetFile,
            environment: settings.environment
        ) { StandardStreams.error.write("warning: \($0)\n") }
    }

    /// The files that a result must not replace.
    var protectedFiles: ProtectedFiles { ProtectedFiles(fleet, fleetFile: settings.fleetFile) }

    /// The same session without warnings and progress, for use while a report is drawn on the terminal.
    var quiet: FleetSession {
        var session = self
        session.showsWarnings = false
        session.statusLine = StatusLine(isEnabled: false, write: StandardStreams.error.write)
        return session
    }

    /// Writes to standard error, unless the session is quiet.
    func warn(_ text: String) {
        if showsWarnings { StandardStreams.error.write(text) }
    }

    /// - Throws: a ``CommandFailure`` if the migration set does not contain the version that the change names; on the way up every problem of its
    ///   checkpoints, from which the run might start a database. A correction starts none.
    func check(_ change: Change) throws {
        if change.direction == .up, change.correctionKind == nil { try set.requireSoundCheckpoints() }
        do throws(UnknownTarget) {
            try set.check(change)
        } catch {
            throw CommandFailure(.usage, "\(change.correctionKind == nil ? "--to" : "--at"): \(error.description)", hint: error.hint)
        }
    }

    /// The instances that the command works on.
    struct Selection {
        var instances: [Instance]
        /// Whether every server listed its databases and each of them is an instance; if not, the command cannot succeed.
        var isComplete: Bool
        /// The names of all instances that were found, selected or not.
        var found: Set<String> = []
    }

    /// Lists the fleet's instances, discovered ones included, and keeps the selected.
    ///
    /// - Parameter selector: instead of `--select`.
    /// - Throws: a ``CommandFailure`` if no instance is selected.
    func select(_ selector: Selector? = nil) async throws -> Selection {
        if !fleet.discoveries.isEmpty { statusLine.show("listing the databases of \(fleet.discoveries.count) servers") }
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
        return Selection(instances: instances, isComplete: isComplete, found: Set(found.instances.map(\.name)))
    }

    /// A selector with a name or value that no instance has is a mistake: the instance that the operator meant would not be migrated.
    ///
    /// - Parameter isComplete: whether all instances are known; if not, the names are a warning.
    /// - Throws: a ``CommandFailure`` with each of these names.
    func checkNames(in selector: Selector, _ vocabulary: SelectionVocabulary, isComplete: Bool) throws {
        let misses = selector.misses(in: vocabulary)
        guard let first = misses.first else { return }
        guard isComplete else {
            for miss in misses { warn("warning: --select: among the instances found, \(miss.message)".visible + "\n") }
            return
        }
        func text(_ miss: SelectorMiss) -> String { miss.message + (miss.hint.map { " (\($0))" } ?? "") }
        throw CommandFailure(
            .usage,
            misses.count == 1 ? "--select: \(first.message)" : "--select contains \(misses.count) values that no instance has",
            details: misses.count == 1 ? [] : misses.prefix(20).map(text),
            hint: misses.count == 1 ? first.hint : nil
        )
    }

    /// - Throws: a ``CommandFailure`` for a grouping by a label that no instance has.
    func checkLabel(of grouping: ReportGrouping?, _ instances: [Instance]) throws {
        guard case .label(let key)? = grouping, !instances.contains(where: { $0.labels[key] != nil }) else { return }
        let known = SelectionVocabulary(instances).labelKeys
        throw CommandFailure(
            .usage,
            "--by: no instance has a label `\(key)`",
            hint: nearestWord(to: key, among: known).map { "did you mean \($0)?" }
                ?? (known.isEmpty ? "the instances have no labels" : "the labels are \(known.prefix(16).joined(separator: ", "))")
        )
    }

    private func tell(_ failure: DiscoveryFailure) {
        let place = "\(settings.fleetFile):\(failure.discovery.line)"
        let text = "\(place): error: cannot list the databases of server \(failure.discovery.server): \(failure.error)"
        warn(text.visible + "\n    hint: its discovered instances are missing below\n")
    }

    func nothingSelected(_ selector: Selector?, of count: Int, isComplete: Bool) -> CommandFailure {
        guard isComplete else { return CommandFailure(.unreachable, "no instance was found") }
        guard let selector, count > 0 else {
            return CommandFailure(
                .configuration,
                "\(settings.fleetFile): the fleet has no instances",
                hint: "list an instance under `instances`, or check the patterns under `discover`"
            )
        }
        return CommandFailure(
            .usage,
            "--select '\(selector)' matches none of the \(count) instances",
            hint: "`convoy status` shows names, `convoy status --output json` also labels"
        )
    }

    /// Whether the warnings of a probe are shown at once.
    enum Warnings {
        case shown
        /// The run that follows shows them.
        case left
    }

    /// Probes instances for their changes, without a lock and without writing.
    func probe(_ instances: [Instance], for change: @escaping @Sendable (Instance) -> Change) async -> [InstanceStatus] {
        await probe(instances, for: change, with: runner)
    }

    /// Probes instances for a report: only their state, not whether the newest version could be reached.
    func standing(of instances: [Instance]) async -> [InstanceStatus] {
        await probe(instances, for: { _ in .up(to: nil) }, with: runner.forReading)
    }

    private func probe(
        _ instances: [Instance],
        for change: @escaping @Sendable (Instance) -> Change,
        with runner: InstanceRunner
    ) async -> [InstanceStatus] {
        let probe = FleetProbe(inspector: runner, limits: ConnectionLimits(fleet))
        let statuses = await probe.statuses(of: instances, for: change) { progress in
            statusLine.show(.probing(progress))
        }
        statusLine.clear()
        tellWarnings(of: statuses)
        return statuses
    }

    /// Adds what the journal remembers of the instances. A report is complete without it, so a journal that cannot be read is a warning.
    func remember(in report: inout FleetReport) async {
        do throws(FleetError) {
            try await RunCatalog(fleet) { _ in }.remember(in: &report)
        } catch {
            warn("warning: what earlier runs know of the instances is left out: \(error.message)\n")
        }
    }

    /// Prints the warnings of a probe; the same warning of several instances is one line.
    func tellWarnings(of statuses: [InstanceStatus]) {
        for line in WarningGroup.groups(of: statuses).map(\.line) { warn(line + "\n") }
    }

    /// The cohorts of instances by name, and for a page what differs in them. Where the migration set has a catalogue, that is the same one question to
    /// each database.
    func comparedCohorts(of instances: [Instance], for format: ReportFormat) async -> (cohorts: [String: String], drift: DriftReport?) {
        guard format == .html else { return (await cohorts(of: instances), nil) }
        statusLine.show(.readingCohorts(instances.count))
        defer { statusLine.clear() }
        do throws(Problems) {
            let drift = try await client.drift(of: instances, in: .ofTheSet)
            return (drift.names, drift)
        } catch {
            if let problem = error.problems.first {
                warn("warning: the cohorts are not compared with their versions: \(problem.file): \(problem.message)".visible + "\n")
            }
            return (await client.cohorts(of: instances), nil)
        }
    }

    /// The cohorts of those instances that can be read, by name.
    func cohorts(of instances: [Instance]) async -> [String: String] {
        statusLine.show(.readingCohorts(instances.count))
        defer { statusLine.clear() }
        return await client.cohorts(of: instances)
    }
}
