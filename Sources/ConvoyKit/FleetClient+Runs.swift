public import ConvoyFleet
internal import ConvoyIO
internal import ConvoyJournal
internal import ConvoyReporting
internal import ConvoyRollout
public import ConvoyRun
internal import ConvoyText
internal import FoundationEssentials
internal import Synchronization

/// A run that the journal has recorded, with its state at the moment of reading.
public struct RecordedRun: Sendable, Hashable {
    /// The run, as it was recorded.
    public let record: RunRecord
    /// Whether a process carries it out, and how it ended if none does.
    public let state: RunState
}

extension FleetClient {
    // MARK: Carrying out

    /// Carries out a plan: begins a run, migrates the instances wave by wave, and gives each event after the journal has taken it. A
    /// journal that refuses one halts the run.
    ///
    /// The sequence ends after the event `runFinished`. If nothing is pending it is empty, and no run begins. A loop that ends
    /// early cancels the run: what is in progress is rolled back.
    ///
    /// - Throws: while iterating, ``FleetError/Code/activeRun`` if another run of the fleet is active, ``FleetError/Code/journal``, and `Problems`
    ///   for a hook whose program does not exist. A failed instance throws nothing: its event has the failure. ``FleetError/Code/journal`` is also thrown
    ///   after the last event, if the journal has not taken the end of the run: then it shows the run as cut off, and resuming it closes it.
    public func run(_ plan: PlannedRun) -> AsyncThrowingStream<Event, any Error> {
        events { try await run(plan, events: $0) }
    }

    /// Resumes a run that was interrupted, cut off or halted: carries out what is left of its plan, and gives each event after the journal has taken it. A
    /// journal that refuses one halts the run.
    ///
    /// The plan, the waves and their rules are those of the run; connections, hooks, checks and the maintenance window are those of the fleet file.
    /// Instances that finished are skipped. Instances that were in progress are probed again, so that no migration is applied twice.
    ///
    /// - Parameter run: nil is the newest run that can be resumed.
    /// - Throws: while iterating, ``FleetError/Code/run`` if the run does not exist, if its state does not allow it, or, without a name, if a newer run
    ///   has worked on its instances, or if the run was continued elsewhere since it was read; ``FleetError/Code/planChanged``; ``FleetError/Code/halted`` if the run would only stay halted; and as ``run(_:)``.
    public func resume(_ run: RunID? = nil) -> AsyncThrowingStream<Event, any Error> {
        events { try await resume(run, events: $0) }
    }

    private func events(_ body: @escaping @Sendable (any EventSink) async throws -> Void) -> AsyncThrowingStream<Event, any Error> {
        let (events, continuation) = AsyncThrowingStream.makeStream(of: Event.self)
        // The sequence has no caller to be a child of; it is cancelled with its reader.
        let task = Task {
            do {
                try await body(ContinuationSink(continuation: continuation))
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

    private func run(_ planned: PlannedRun, events: any EventSink) async throws {
        guard !planned.isNothingDue else { return }
        try HookPrograms(fleet, environment: environment).check()
        let new = try NewRun(planned.plan, fleetFile: fleetFile)
        let journal = try await catalog.open()
        let lock: any RunLock
        do throws(RunConflict) {
            lock = try await RunStart(in: journal).begin(new)
        } catch {
            throw FleetError(error)
        }
        try await lock.released { try await carryOut(new.plan, on: planned.targets, new.record.id, in: journal, events) }
    }

    private func resume(_ run: RunID?, events: any EventSink) async throws {
        try HookPrograms(fleet, environment: environment).check()
        let catalog = catalog
        let journal = try await catalog.openExisting(for: .writing)
        let (record, basis) = try await catalog.resumable(run?.description, in: journal)
        if run == nil, let overtaking = try await catalog.overtakings(of: record, in: journal).first {
            throw FleetError(
                .run,
                "the newest resumable run, \(record.id), is out of date: \(overtaking.line)",
                hint: "name the run to resume it, or abandon it with `convoy abandon \(record.id)`"
            )
        }
        let lock = try await catalog.explaining { () async throws(JournalError) in
            try await journal.lock(record.id)
        }
        try await lock.released { try await resume(record, basis, in: journal, events) }
    }

    /// Resumes a run whose lock the caller holds.
    ///
    /// - Parameter basis: how far it had got when that was decided.
    private func resume(_ record: RunRecord, _ basis: RunBasis, in journal: any RunStore, _ events: any EventSink) async throws {
        let catalog = catalog
        // Another process may have resumed it first.
        try await catalog.checkUnchanged(record, in: journal)
        let (pinned, report) = try await catalog.past(of: record.id, in: journal)
        if record.status == .halted, let reason = report.log.finalReason {
            throw FleetError(
                .halted,
                "run \(record.id) was halted and cannot be resumed: \(reason)",
                hint: "fix the cause, then plan a run of the remaining instances"
            )
        }
        let targets = RunTargets(try await instances(nil), of: fleet)
        let plan = try pinned.resumed(record.id, after: report.log, on: targets, set: set)
        for line in targets.gateDifferences(from: plan) { onWarning(line) }
        do throws(RunConflict) {
            try await RunStart(in: journal).resume(record.id, plan, unchangedSince: basis)
        } catch {
            throw FleetError(error)
        }
        try await carryOut(plan, on: targets, record.id, in: journal, resuming: report, events)
    }

    /// Carries out a plan that the journal has. The caller holds the lock of the run.
    ///
    /// - Throws: if another process has the run now, and if the journal has not taken its end.
    private func carryOut(
        _ plan: RunPlan,
        on targets: RunTargets,
        _ run: RunID,
        in journal: any RunStore,
        resuming earlier: FleetReport? = nil,
        _ events: any EventSink
    ) async throws {
        let loss = OneShot<JournalError>()
        let unrecorded = OneShot<UnrecordedEnd>()
        let report = ReportSink(earlier ?? FleetReport())
        let notifier = RunNotifier(
            fleet.notifications,
            file: fleet.file,
            dashboard: fleet.dashboard,
            resuming: earlier,
            report: { report.report },
            warn: onWarning
        )
        let coordinator = RunExecution(fleet, runner: runner, secrets: secrets, environment: environment).coordinator(
            of: plan,
            on: targets,
            unfinished: earlier?.log.unfinished ?? [],
            journal: journal,
            events: EventFanOut([report, notifier, events]),
            onTakenOver: { loss.fulfil($0) },
            onUnrecorded: { unrecorded.fulfil($0) }
        )
        let log = await notifier.delivering(giveUp: AsyncStream { $0.finish() }) {
            await coordinator.run(plan, on: targets, id: run, resuming: earlier?.log, by: Operator.current)
        }
        if let loss = loss.current { throw FleetError(loss) }
        if let unrecorded = unrecorded.current { throw FleetError(unrecorded) }
        await catalog.pruneByItself(fleet.journalKeep, after: run, log, in: journal)
    }

    // MARK: Recorded runs

    var catalog: RunCatalog { RunCatalog(fleet) { [onWarning] in onWarning($0.text) } }

    /// The recorded runs of the fleet, newest first; empty if there is no journal.
    ///
    /// - Parameter limit: the most runs to read.
    /// - Throws: ``FleetError/Code/journal``.
    public func runs(limit: Int = 20) async throws -> [RecordedRun] {
        let catalog = catalog
        guard let journal = try await catalog.openForReading() else { return [] }
        let records = try await catalog.explaining { () async throws(JournalError) in
            try await journal.runs(limit: limit, fleet: fleet.name)
        }
        var runs: [RecordedRun] = []
        for record in records { runs.append(RecordedRun(record: record, state: try await catalog.state(of: record, in: journal))) }
        return runs
    }

    /// What has happened in a run up to now, also while another process carries it out.
    ///
    /// - Throws: ``FleetError/Code/run`` if the run does not exist, and ``FleetError/Code/journal``.
    public func log(of run: RunID) async throws -> RunLog {
        let catalog = catalog
        let journal = try await catalog.openExisting(for: .reading)
        let record = try await catalog.run(run.description, .any, in: journal)
        var log = RunLog()
        try await catalog.events(of: record.id, in: journal) { log.apply($0) }
        return log
    }

    /// Removes old runs of the fleet from the journal. Active runs, runs that can be resumed, the newest run and the newest run of each instance stay.
    ///
    /// - Returns: the runs that were removed, newest first.
    /// - Throws: ``FleetError/Code/journal``, and ``FleetError/Code/run`` if there is no journal.
    @discardableResult
    public func pruneRuns(keeping keep: JournalKeep) async throws -> [RunRecord] {
        let catalog = catalog
        let journal = try await catalog.openExisting(for: .writing)
        return try await catalog.prune(catalog.prunable(keep, at: Date(), in: journal), in: journal).removed
    }

    // MARK: Requests

    /// Asks an active run to stop: migrations in progress finish and nothing new starts. The second time they are cancelled and rolled back.
    ///
    /// - Parameters:
    ///   - run: nil is the only active run; also for the other requests.
    ///   - cancelling: whether migrations in progress are cancelled and rolled back at once.
    /// - Throws: ``FleetError/Code/run`` if the run is not active, and ``FleetError/Code/journal``.
    public func stop(_ run: RunID? = nil, cancelling: Bool = false) async throws {
        try await request(run) { requests throws(RunRequestError) in
            if cancelling {
                try await requests.postCancellation(by: Operator.current)
            } else {
                try await requests.post(.stop, by: Operator.current)
            }
        }
    }

    /// Approves the gate that an active run waits at; its other conditions must still hold.
    ///
    /// - Throws: ``FleetError/Code/run`` if the run waits at no gate, or at one that needs no approval; and as ``stop(_:cancelling:)``.
    public func approve(_ run: RunID? = nil) async throws {
        try await request(run) { requests throws(RunRequestError) in
            try await requests.post(try await requests.approval(), by: Operator.current)
        }
    }

    /// Asks an active run to start no new instances on a server until it is resumed.
    ///
    /// - Throws: ``FleetError/Code/run`` if the run has no instance there; and as ``stop(_:cancelling:)``.
    public func pause(server: String, of run: RunID? = nil) async throws {
        try await request(run) { requests throws(RunRequestError) in
            try await requests.post(try await requests.pause(server), by: Operator.current)
        }
    }

    /// Asks an active run to start instances on a paused server again.
    ///
    /// - Throws: as ``pause(server:of:)``.
    public func resume(server: String, of run: RunID? = nil) async throws {
        try await request(run) { requests throws(RunRequestError) in
            try await requests.post(try await requests.unpause(server), by: Operator.current)
        }
    }

    private func request(
        _ run: RunID?,
        _ post: (RunRequests) async throws(RunRequestError) -> Void
    ) async throws(FleetError) {
        let catalog = catalog
        let journal = try await catalog.openExisting(for: .writing)
        let record = try await catalog.run(run?.description, .running, in: journal)
        let requests = RunRequests(of: record.id, in: journal)
        do throws(RunRequestError) {
            try await post(requests)
        } catch {
            throw FleetError(error, record.id)
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
    private let folded: Mutex<FleetReport>

    init(_ report: FleetReport) {
        folded = Mutex(report)
    }

    var report: FleetReport { folded.withLock(\.self) }

    func send(_ events: [Event]) async {
        folded.withLock { report in
            for event in events { report.apply(event) }
        }
    }
}
