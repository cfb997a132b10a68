internal import ConvoyCatalog
@_exported public import ConvoyFleet
@_exported public import ConvoyInstance
@_exported public import ConvoyMigrations
@_exported public import ConvoyPostgres
package import ConvoyRollout
@_exported public import ConvoyRun
@_exported public import ConvoyText
internal import FoundationEssentials

/// Migrates the databases of a fleet file, as the `convoy` command does.
///
///     let fleet = try FleetClient(fleetFile: "fleet.yaml", steps: [EncryptAPITokens()])
///     let plan = try await fleet.plan(.newest, select: "ring=canary")
///     for try await event in fleet.run(plan) { print(event) }
///
/// A run is recorded in the fleet's journal: `convoy runs`, `convoy stop`, `convoy approve` and the dashboard see it, and `convoy resume` continues
/// it if this process ends early.
public struct FleetClient: Sendable {
    /// The fleet file, checked.
    public let fleet: Fleet
    /// The migrations that the fleet file names.
    public let set: MigrationSet
    package let runner: InstanceRunner
    package let secrets: KnownSecrets
    let fleetFile: String
    let environment: [String: String]
    let onWarning: @Sendable (String) -> Void

    /// Where to bring the instances.
    public enum Target: Sendable, Hashable {
        /// The newest migration of the set.
        case newest
        /// This version: what is pending up to it is applied, and nothing is reverted.
        case version(MigrationVersion)
    }

    /// Reads and checks the fleet file and its migrations; connects to no database.
    ///
    /// - Parameters:
    ///   - fleetFile: relative to the working directory. Paths in the file are relative to the file.
    ///   - steps: what the set's migrations can ask for besides SQL, for example TeslaMate's `EncryptAPITokens`.
    ///   - environment: what `${env:NAME}` in the fleet file is taken from, and what hooks may inherit from;
    ///     nil is the environment of this process.
    ///   - onWarning: is given what an operator should read but what stops nothing, a text each: a notification that could not be delivered, a damaged
    ///     event of the journal, a database that discovery leaves out.
    /// - Throws: every problem of the fleet file, or every problem of the migration set.
    public init(
        fleetFile: String,
        steps: [any MigrationStep] = [],
        environment: [String: String]? = nil,
        onWarning: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(Problems) {
        let environment = environment ?? ProcessInfo.processInfo.environment
        let fleet = try FleetFile.load(path: fleetFile, environment: environment)
        let set = try MigrationSet.load(directory: fleet.migrations, displayedAs: fleet.migrations)
        let secrets = KnownSecrets(fleet, environment: environment)
        self.init(
            fleet,
            set,
            runner: InstanceRunner(set: set, steps: steps, secrets: secrets),
            secrets: secrets,
            fleetFile: fleetFile,
            environment: environment,
            onWarning: onWarning
        )
        let missing = runner.missingSteps
        guard missing.isEmpty else {
            let message = "the migrations use steps that are not registered: \(missing.joined(separator: ", "))"
            throw Problems([Problem(file: fleet.migrations, message, hint: "pass these steps to FleetClient")])
        }
    }

    /// A client for files that were read already.
    package init(
        _ fleet: Fleet,
        _ set: MigrationSet,
        runner: InstanceRunner,
        secrets: KnownSecrets,
        fleetFile: String,
        environment: [String: String],
        onWarning: @escaping @Sendable (String) -> Void
    ) {
        self.fleet = fleet
        self.set = set
        self.runner = runner
        self.secrets = secrets
        self.fleetFile = fleetFile
        self.environment = environment
        self.onWarning = onWarning
    }

    /// The fleet's instances, discovered ones included.
    ///
    /// - Parameter select: a selector, as for `convoy status --select`; nil selects all.
    /// - Throws: ``FleetError/Code/selection`` for a selector that is invalid or selects no instance, ``FleetError/Code/discovery`` if a server
    ///   could not list its databases, and `Problems` for discovered databases that would share a name.
    public func instances(select: String? = nil) async throws -> [Instance] {
        try await instances(selector(select))
    }

    func instances(_ selector: Selector?) async throws -> [Instance] {
        let found = try await fleet.discover()
        for warning in found.warnings { onWarning(warning.description) }
        let failures = found.failures.map { "cannot list the databases of server \($0.discovery.server): \($0.error)" }
        if let first = failures.first {
            throw FleetError(
                .discovery,
                failures.count == 1 ? first : "\(failures.count) servers could not list their databases",
                details: failures.count == 1 ? [] : failures
            )
        }
        if let miss = selector?.misses(in: SelectionVocabulary(found.instances)).first {
            throw FleetError(.selection, miss.message, hint: miss.hint)
        }
        let instances = found.instances.filter { selector?.matches($0) ?? true }
        guard !instances.isEmpty else {
            throw FleetError(.selection, "the selector matches none of the \(found.instances.count) instances")
        }
        return instances
    }

    func selector(_ text: String?) throws(FleetError) -> Selector? {
        guard let text else { return nil }
        do throws(SelectorError) {
            return try Selector(parsing: text)
        } catch {
            throw FleetError(.selection, "invalid selector: \(error.message), at character \(error.column)", hint: error.hint)
        }
    }

    /// Probes instances without a lock and without writing: the version of each, and what is pending.
    ///
    /// - Parameter select: a selector, as for `convoy status --select`; nil selects all.
    /// - Returns: one status per instance; one that cannot be reached has an outcome and a failure that say why.
    /// - Throws: as ``instances(select:)``.
    public func status(select: String? = nil) async throws -> [InstanceStatus] {
        await probe.statuses(of: try await instances(select: select), for: .up(to: nil))
    }

    /// Probes instances within the fleet's connection limits.
    package var probe: FleetProbe { FleetProbe(inspector: runner, limits: ConnectionLimits(fleet)) }

    /// The cohorts of those instances that could be read, by name.
    package func cohorts(of instances: [Instance]) async -> [String: String] {
        let reader = CatalogReader(runner)
        return await probe.answers(of: instances) { await reader.cohort(of: $0) }.compactMapValues(\.self)
    }
}
