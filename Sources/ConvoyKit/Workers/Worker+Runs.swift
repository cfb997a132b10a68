import ConvoyFleet
import ConvoyInstance
import ConvoyJournal
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension Worker {
    /// How long a refusal stands before the files are read again.
    private static let refusalTime = Duration.seconds(10)

    /// Takes part in runs that are new, and leaves those that are over.
    func follow(_ open: [OpenRun]) async {
        let ids = Set(open.map(\.id))
        for id in runs.keys where !ids.contains(id) {
            for key in tasks.keys where key.run == id { lose(key) }
            leave(id)
        }
        refusals = refusals.filter { ids.contains($0.key) }
        for run in open {
            if runs[run.id] == nil, !isDraining, refusals[run.id].map({ .now - $0.at > Self.refusalTime }) ?? true { await join(run) }
            runs[run.id]?.isResumptionDue = run.resumedBy != nil
            runs[run.id]?.isDue = run.turn == 0 || run.hasRequests || run.resumedBy != nil
        }
    }

    private func join(_ open: OpenRun) async {
        do {
            runs[open.id] = try await joined(open)
            refusals[open.id] = nil
            log("takes part in run \(open.id)")
        } catch let refusal as RunRefusal {
            refuse(open.id, "\(refusal) (\(refusal.hint))")
        } catch let problems as Problems {
            refuse(open.id, problems.problems.first.map { "\($0)".visible } ?? "its files cannot be read")
        } catch let error as ControlError {
            refuse(open.id, error.journalError(control.place).description)
        } catch {
            refuse(open.id, "\(error)".visible)
        }
    }

    func refuse(_ run: RunID, _ reason: String) {
        if refusals[run]?.reason != reason { log("takes no part in run \(run): \(reason)") }
        refusals[run] = (reason, .now)
        for key in tasks.keys where key.run == run { lose(key, leaving: nil) }
        leave(run)
    }

    /// Forgets a run; the notifications and spans that are on their way still have some time to arrive.
    func leave(_ id: RunID) {
        guard let run = runs.removeValue(forKey: id), run.notifier != nil || run.tracer != nil else { return }
        let (notifier, tracer) = (run.notifier, run.tracer)
        lastDelivery += 1
        let number = lastDelivery
        deliveries[number] = Task {
            await notifier?.finish()
            await tracer?.finish()
            self.deliveries[number] = nil
        }
    }

    private func joined(_ open: OpenRun) async throws -> WorkerRun {
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
        let tracing = RunTracing(
            plan,
            on: targets,
            open.id,
            after: past,
            isResumptionDue: open.resumedBy != nil,
            secrets: files.secrets,
            environment: environment,
            warn: log
        )
        let coordinator = RunExecution(files.fleet, runner: files.runner, secrets: files.secrets, environment: environment).coordinator(
            of: plan,
            on: targets,
            trace: tracing.trace,
            events: EventFanOut([]),
            now: { [clock] in clock.now }
        ) { [log] in log("hook: \($0)") }
        let terms = RunDecider.Terms(
            plan,
            on: targets,
            id: open.id,
            hookPoints: coordinator.surroundings.hookPoints,
            hasWindow: coordinator.window != nil,
            isShared: true,
            connections: files.runner.connections
        )
        let execution = WorkExecution(coordinator, plan: plan, targets: targets, id: open.id)
        let run = WorkerRun(open.id, plan, terms, execution, isResumptionDue: open.resumedBy != nil)
        run.notifier = WorkerNotifier(files.fleet, warn: log)
        run.trace(with: WorkerTracer(tracing, after: past), after: turns.last?.lastEvent ?? 0)
        try run.follow(from: turns)
        return run
    }

    /// All turns of a run after an event.
    private func allTurns(of run: RunID, after event: Int64 = 0) async throws(ControlError) -> [RecordedTurn] {
        var all: [RecordedTurn] = []
        while true {
            let page = try await control.turns(of: run, after: all.last?.lastEvent ?? event)
            all += page.turns
            guard page.hasMore else { return all }
        }
    }

    /// Makes sure that a run's decider has all that is recorded, as far as can be seen without its lock.
    ///
    /// - Returns: false if the worker takes no part in the run from now on.
    func catchUp(_ run: WorkerRun) async throws(ControlError) -> Bool {
        if run.decider == nil { run.lastEvent = 0 }
        let turns: [RecordedTurn]
        do throws(ControlError) {
            turns = try await allTurns(of: run.id, after: run.lastEvent)
        } catch {
            guard let reason = error.unreadable else { throw error }
            refuse(run.id, reason)
            return false
        }
        do throws(RunRefusal) {
            if run.decider == nil { try run.follow(from: turns) } else { try run.follow(turns) }
            return true
        } catch {
            refuse(run.id, "\(error) (\(error.hint))")
            return false
        }
    }
}

extension ControlError {
    /// Why what was read cannot be used; nil for every other error.
    var unreadable: String? {
        switch self {
        case .postgres(let error) where error.code == .unexpectedResult: error.description.visible
        case .refused(let error): error.description.visible
        case .postgres, .commitUnknown: nil
        }
    }
}

extension Event {
    fileprivate var isResumption: Bool {
        if case .runResumed = kind { true } else { false }
    }
}
