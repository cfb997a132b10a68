import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyJournal
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// Reads what a worker needs to take part in a run. It may take long: programs that print passwords, and all events of a large run. So it runs in a task
/// of its own, while the worker does the other runs' work.
struct RunLoader: Sendable {
    /// A run as it was read.
    struct Loaded: Sendable {
        let open: OpenRun
        let plan: RunPlan
        let terms: RunDecider.Terms
        let execution: WorkExecution
        let restored: Restored
        /// Nil where nothing is to be notified.
        let notifier: WorkerNotifier?
        /// Nil where it is not traced.
        let tracer: WorkerTracer?
        /// What is recorded.
        let past: [Event]
    }

    /// The rules of a run, as far as it is recorded.
    struct Restored: Sendable {
        let decider: RunDecider
        /// The last event that the decider has, and its fingerprint.
        let lastEvent: Int64
        let lastFingerprint: Int?
        /// What is recorded after the event that the caller knew.
        let news: [RecordedTurn]
        /// Why the rules have not followed the record: then the decider has not begun, and only a resumption can follow. Nil if they have.
        let problem: String?
    }

    let control: ControlDatabase
    let environment: [String: String]
    let clock: ServerClock
    let load: @Sendable () async throws -> Worker.Files
    let log: @Sendable (String) -> Void

    /// - Throws: a ``RunRefusal``, `Problems` of the files, a ``ControlError``.
    @concurrent
    func loaded(_ open: OpenRun) async throws -> Loaded {
        let recorded = try await control.recordedPlan(of: open.id)
        let pinned: RunPlan
        do throws(InvalidPlan) {
            pinned = try RunPlan(data: Data(recorded.utf8))
        } catch {
            throw RunRefusal.record("its plan cannot be read: \(error.message)")
        }
        let files = try await load()
        let targets = RunTargets(of: pinned, in: files.fleet)
        let turns = try await allTurns(of: open.id)
        // What a resumed run leaves out is what the fleet file of now skips.
        let isResumed = open.resumedBy != nil || turns.contains { $0.events.contains(where: \.isResumption) }
        let plan = isResumed ? pinned.keeping { targets.instances[$0.name].map { $0.skip == nil } == true } : pinned
        try RunRefusal.check(open, plan, fleetChecksum: files.fleet.checksum, set: files.set, targets: targets)
        try HookPrograms(files.fleet, environment: environment).check()
        let past = turns.flatMap(\.events)
        // Another worker may have resumed it since.
        let isResumptionRecorded = turns.contains { $0.lastEvent > open.lastEvent && $0.events.contains(where: \.isResumption) }
        let tracing = RunTracing(
            plan,
            on: targets,
            open.id,
            after: past,
            isResumptionDue: open.resumedBy != nil && !isResumptionRecorded,
            secrets: files.secrets,
            environment: environment,
            warn: log
        )
        var coordinator = RunExecution(files.fleet, runner: files.runner, secrets: files.secrets, environment: environment).coordinator(
            of: plan,
            on: targets,
            trace: tracing.trace,
            events: EventFanOut([]),
            now: { [clock] in clock.now }
        ) { [log] in log("hook: \($0)") }
        if let standIn = files.standIn {
            coordinator = Coordinator(
                migrator: standIn,
                inspector: standIn,
                events: EventFanOut([]),
                surroundings: coordinator.surroundings,
                now: { [clock] in clock.now }
            )
        }
        let terms = RunDecider.Terms(
            plan,
            on: targets,
            id: open.id,
            hookPoints: coordinator.surroundings.hookPoints,
            hasWindow: coordinator.window != nil,
            isShared: true,
            connections: files.runner.connections
        )
        return Loaded(
            open: open,
            plan: plan,
            terms: terms,
            execution: WorkExecution(coordinator, plan: plan, targets: targets, id: open.id),
            restored: Restored(terms, from: turns, after: .max),
            notifier: WorkerNotifier(files.fleet, warn: log),
            tracer: WorkerTracer(tracing, after: past),
            past: past
        )
    }

    /// Makes the decider of a run anew.
    ///
    /// - Parameter event: the last one that the caller knows.
    @concurrent
    func restored(_ terms: RunDecider.Terms, after event: Int64) async throws -> Restored {
        Restored(terms, from: try await allTurns(of: terms.id), after: event)
    }

    private func allTurns(of run: RunID) async throws(ControlError) -> [RecordedTurn] {
        guard let turns = try await turns(of: run, after: 0, nil) else {
            throw .postgres(PostgresError(.connectionLost, "a server that was behind took over while events were read"))
        }
        return turns
    }

    /// All turns of a run after an event that the caller knows.
    ///
    /// - Parameter fingerprint: of that event; nil with 0, which no event has.
    /// - Returns: nil if that event, or one that was read since, is not what is recorded any more.
    func turns(of run: RunID, after event: Int64, _ fingerprint: Int?) async throws(ControlError) -> [RecordedTurn]? {
        var all: [RecordedTurn] = []
        while true {
            let page = try await control.turns(of: run, after: all.last?.lastEvent ?? event)
            guard page.knownFingerprint == all.last?.lastFingerprint ?? fingerprint else { return nil }
            all += page.turns
            guard page.hasMore else { return all }
        }
    }
}

extension RunLoader.Restored {
    /// Follows all that is recorded. What a process recorded that carried the run out alone may be less than the rules need: it is only folded then.
    init(_ terms: RunDecider.Terms, from turns: [RecordedTurn], after event: Int64) {
        (lastEvent, lastFingerprint) = (turns.last?.lastEvent ?? 0, turns.last?.lastFingerprint)
        news = turns.filter { $0.lastEvent > event }
        do throws(RunDecider.ReplayError) {
            decider = try RunDecider.restored(terms, from: turns.map(\.events))
            problem = nil
        } catch {
            var log = RunLog(announcing: terms.plan.plannedWaves)
            for turn in turns { for event in turn.events { log.apply(event) } }
            decider = RunDecider(terms, past: log)
            problem = error.description
        }
    }
}

extension Event {
    fileprivate var isResumption: Bool {
        if case .runResumed = kind { true } else { false }
    }
}
