@_exported public import ConvoyFleet
public import ConvoyInstance
internal import ConvoyJournal
@_exported public import ConvoyMigrations
internal import ConvoyReporting
import ConvoyRollout
@_exported public import ConvoyRun
public import ConvoyText
internal import FoundationEssentials
internal import Synchronization

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
    private let fleetFile: String
    private let environment: [String: String]

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
    /// - Throws: every problem of the fleet file, or every problem of the migration set.
    public init(
        fleetFile: String,
        steps: [any MigrationStep] = [],
        environment: [String: String]? = nil
    ) throws(Problems) {
        let environment = environment ?? ProcessInfo.processInfo.environment
        self.fleetFile = fleetFile
        self.environment = environment
        fleet = try FleetFile.load(path: fleetFile, environment: environment)
        set = try MigrationSet.load(directory: fleet.migrations, displayedAs: fleet.migrations)
        secrets = KnownSecrets(fleet, environment: environment)
        runner = InstanceRunner(set: set, steps: steps, secrets: secrets)
        let missing = runner.missingSteps
        guard missing.isEmpty else {
            let message = "the migrations use steps that are not registered: \(missing.joined(separator: ", "))"
            throw Problems([Problem(file: fleet.migrations, message, hint: "pass these steps to FleetClient")])
        }
    }

    /// The fleet's instances, discovered ones included.
    ///
    /// - Parameter select: a selector, as for `convoy status --select`; nil selects all.
    /// - Throws: ``FleetError/Code/selection`` for a selector that is invalid or selects no instance, ``FleetError/Code/discovery`` if a server
    ///   could not list its databases, and `Problems` for discovered databases that would share a name.
    public func instances(select: String? = nil) async throws -> [Instance] {
        try await instances(selector(select))
    }

    private func instances(_ selector: Selector?) async throws -> [Instance] {
        let found = try await fleet.discover()
        if let failure = found.failures.first {
            throw FleetError(.discovery, "cannot list the databases of server \(failure.discovery.server): \(failure.error)")
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

    private func selector(_ text: String?) throws(FleetError) -> Selector? {
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
        await probe(try await instances(select: select), for: .up(to: nil))
    }

    private func probe(_ instances: [Instance], for change: Change) async -> [InstanceStatus] {
        await FleetProbe(instanceOperator: runner, limits: ConnectionLimits(fleet)).statuses(of: instances, for: change)
    }

    /// Plans a migration of the fleet: assigns the instances to the waves of the fleet file and probes them. Changes nothing.
    ///
    /// - Parameters:
    ///   - target: where to bring the instances.
    ///   - select: a selector, as for `convoy migrate --select`; nil selects all.
    ///   - waves: the waves to run; empty runs all.
    ///   - concurrency: the most instances at a time, over all waves; nil leaves it to the waves and the connection limits.
    /// - Throws: as ``instances(select:)``, and ``FleetError`` for a target or a wave that does not exist, or for a wave that could not be rolled back.
    public func plan(
        _ target: Target,
        select: String? = nil,
        waves: [String] = [],
        concurrency: Int? = nil
    ) async throws -> RunPlan {
        let change: Change =
            switch target {
            case .newest: .up(to: nil)
            case .version(let version): .up(to: version)
            }
        do throws(UnknownTarget) {
            try set.check(change)
        } catch {
            throw FleetError(.unknownTarget, error.description, hint: error.hint)
        }
        let selector = try selector(select)
        let instances = try await instances(selector)
        var cohorts: [String: String] = [:]
        if fleet.rollout.needsCohorts {
            cohorts = await FleetProbe(instanceOperator: runner, limits: ConnectionLimits(fleet)).cohorts(of: instances)
        }
        let plan: RolloutPlan
        do throws(UnknownWave) {
            plan = try RolloutPlan(
                fleet: fleet,
                instances: instances,
                change: change,
                cohorts: cohorts,
                waves: waves,
                concurrency: concurrency
            )
        } catch {
            throw FleetError(.unknownWave, error.description)
        }
        let statuses = await probe(plan.waves.flatMap(\.instances), for: change)
        if let problem = plan.irreversibleMigrations(statuses, in: set).first {
            throw FleetError(.irreversible, "on_failure rolls back, but a pending version is irreversible: \(problem)")
        }
        return RunPlan(rollout: plan, selector: selector, instances: statuses)
    }

    /// Carries out a plan: begins a run, migrates the instances wave by wave, and gives each event after the journal has it.
    ///
    /// The sequence ends after `Event.Kind.runFinished(status:)`. If nothing is pending it is empty, and no run begins. A loop that ends early
    /// cancels the run: what is in progress is rolled back.
    ///
    /// - Throws: while iterating, ``FleetError/Code/activeRun`` if another run of the fleet is active, and ``FleetError/Code/journal``. A failed
    ///   instance throws nothing: its event has the failure.
    public func run(_ plan: RunPlan) -> AsyncThrowingStream<Event, any Error> {
        let (events, continuation) = AsyncThrowingStream.makeStream(of: Event.self)
        // The sequence has no caller to be a child of; it is cancelled with its reader.
        let task = Task {
            do {
                try await run(plan, events: ContinuationSink(continuation: continuation))
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { reason in
            if case .cancelled = reason { task.cancel() }
        }
        return events
    }

    private func run(_ plan: RunPlan, events: any EventSink) async throws {
        guard !plan.isNothingDue else { return }
        let new = try NewRun(plan.rollout, fleetFile: fleetFile, set: set, selector: plan.selector, statuses: plan.instances)
        let journal: SQLiteJournal
        do throws(JournalError) {
            journal = try await SQLiteJournal.open(path: fleet.journal)
        } catch {
            throw FleetError(.journal, error.description, hint: error.hint)
        }
        let lock: RunLock
        do throws(RunConflict) {
            lock = try await RunStart(in: journal, path: fleet.journal).begin(new)
        } catch {
            throw FleetError(error)
        }
        defer { lock.release() }
        let report = ReportSink()
        let notifier = RunNotifier(fleet.notifications, file: fleet.file, report: { report.report }, warn: { _ in })
        let coordinator = RunExecution(fleet, runner: runner, secrets: secrets, environment: environment)
            .coordinator(of: new.plan, journal: journal, events: EventFanOut([report, notifier, events]))
        _ = await notifier.delivering(giveUp: AsyncStream { $0.finish() }) {
            await coordinator.run(new.plan, id: new.record.id, by: new.record.startedBy)
        }
    }
}

/// Hands events to a stream, which never makes the run wait.
private struct ContinuationSink: EventSink {
    let continuation: AsyncThrowingStream<Event, any Error>.Continuation

    func send(_ events: [Event]) async {
        for event in events { continuation.yield(event) }
    }
}

/// The report of a run, from its events.
private final class ReportSink: EventSink {
    private let folded = Mutex(FleetReport())

    var report: FleetReport { folded.withLock(\.self) }

    func send(_ events: [Event]) async {
        folded.withLock { report in
            for event in events { report.apply(event) }
        }
    }
}

extension FleetError {
    /// Why a run could not start.
    init(_ conflict: RunConflict) {
        switch conflict {
        case .overlapping(let run, let instances):
            self.init(
                .activeRun,
                "run \(run.id) of \(run.startedBy) is active"
                    + (instances.isEmpty ? "" : " and includes \(instances.prefix(5).joined(separator: ", "))"),
                hint: "wait until it has ended"
            )
        case .active(let run):
            self.init(.activeRun, "run \(run.id) of \(run.startedBy) is active in this fleet", hint: "wait until it has ended")
        case .starting: self.init(.activeRun, "another process is starting a run", hint: "try again")
        case .journal(let error): self.init(.journal, error.description, hint: error.hint)
        }
    }
}
