import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyRun
internal import FoundationEssentials

/// One run that this process carries out alone: gives what comes in to ``RunDecider``, and carries out what that asks for.
///
/// In each turn it takes everything that came in, makes the events that follow durable in one batch, and only then begins the work that follows
/// as tasks: what is on disk is never behind what is done.
struct RunDriver {
    let coordinator: Coordinator
    let plan: RunPlan
    let targets: RunTargets
    let id: RunID
    let mailbox: Mailbox<RunDecider.Fact>
    /// The states before the run, by the names of the instances.
    private let starts: [String: InstanceStart]
    /// What the run does, by the names of the instances.
    private let changes: [String: Change]
    private let person: String
    private var decider: RunDecider
    /// Events that were shown and that the journal has not taken.
    private var unwritten: [Event] = []
    var gate: (wave: String, approve: AsyncStream<String>.Continuation, abandon: AsyncStream<Never>.Continuation)?

    /// What earlier processes did in the run; nil if this is the first.
    var past: RunLog? { decider.past }
    /// What has happened so far, earlier processes included.
    var log: RunLog { decider.log }

    init(
        _ coordinator: Coordinator,
        plan: RunPlan,
        targets: RunTargets,
        id: RunID,
        startedAt: Date,
        past: RunLog?,
        by person: String,
        mailbox: Mailbox<RunDecider.Fact>
    ) {
        self.coordinator = coordinator
        self.plan = plan
        self.targets = targets
        starts = plan.starts
        changes = Dictionary(plan.instances.map { ($0.name, plan.change(of: $0)) }) { first, _ in first }
        self.id = id
        self.person = person
        self.mailbox = mailbox
        let terms = RunDecider.Terms(
            plan,
            on: targets,
            id: id,
            hookPoints: coordinator.surroundings.hookPoints,
            hasWindow: coordinator.window != nil,
            isShared: false
        ) { coordinator.inspector.connections(for: $0) }
        decider = RunDecider(terms, past: past, startedAt: startedAt)
    }

    mutating func run() async -> RunLog {
        await withDiscardingTaskGroup { group in
            var turn = begin()
            while true {
                // At once, not after the journal: what is cancelled needs no record to be safe.
                if turn.cancelsAll { group.cancelAll() }
                let problem = await send(turn.events)
                if problem == nil { perform(turn, in: &group) }
                if turn.ending != nil { break }
                if let problem {
                    turn = decider.notBegun(turn.begins, problem, at: coordinator.now())
                    if !turn.isEmpty { continue }
                }
                let facts = await mailbox.receive()
                turn = decider.decide(facts, at: coordinator.now())
            }
            group.cancelAll()
        }
        let last: RunDecider.Turn
        if decider.owesAfterRunHook {
            // The tasks of the run have ended; the hook that undoes what `before_run` did runs whatever happened.
            let hook = await coordinator.surroundings.runHook(hookContext(.afterRun, wave: nil, status: decider.ending))
            last = decider.decide([.hookFinished(hook)], at: coordinator.now())
        } else {
            last = decider.close(at: coordinator.now())
        }
        _ = await send(last.events)
        return log
    }

    private mutating func begin() -> RunDecider.Turn {
        let now = coordinator.now()
        let closedUntil = coordinator.window.flatMap { $0.isOpen(at: now) ? nil : $0.nextChange(after: now) }
        let parent = coordinator.surroundings.trace?.parent?.description
        return decider.begin(by: person, windowClosedUntil: closedUntil, traceParent: parent, at: now)
    }

    // MARK: Beginning what is asked for

    private mutating func perform(_ turn: RunDecider.Turn, in group: inout DiscardingTaskGroup) {
        if let gate, turn.withdraws.contains(.gate(wave: gate.wave)) { gate.abandon.finish() }
        for work in turn.begins { begin(work, in: &group) }
        watchServers(turn.begins, in: &group)
        for approval in turn.approvals where approval.wave == gate?.wave { gate?.approve.yield(approval.by) }
    }

    private mutating func begin(_ work: Work, in group: inout DiscardingTaskGroup) {
        switch work {
        case .change(let name, _): if let instance = targets.instances[name] { start(instance, in: &group) }
        case .rollBack(let name, _): if let instance = targets.instances[name] { rollBack(instance, in: &group) }
        // It runs after all tasks have ended.
        case .hook(.afterRun, _): break
        case .hook(let point, let wave): runHook(point, wave: wave, in: &group)
        case .gate(let wave): openGate(wave, in: &group)
        case .watchWindow:
            guard let window = coordinator.window else { return }
            group.addTask { [coordinator, mailbox, isOpen = log.closedUntil == nil] in
                await coordinator.watch(window, isOpen: isOpen, mailbox)
            }
        case .watchServer: break
        }
    }

    /// All together, so that the instances are sorted by their servers once.
    private func watchServers(_ works: [Work], in group: inout DiscardingTaskGroup) {
        let servers = works.compactMap { if case .watchServer(let server) = $0 { server } else { nil } }
        guard !servers.isEmpty else { return }
        let instances = Dictionary(grouping: targets.instances(of: plan), by: \.server)
        for server in servers {
            group.addTask { [id, coordinator, mailbox, instances = instances[server] ?? []] in
                await coordinator.watch(server, instances, id, mailbox)
            }
        }
    }

    private func start(_ instance: Instance, in group: inout DiscardingTaskGroup) {
        let footprint = past?.instance(instance.name)?.footprint
        let change = changes[instance.name] ?? plan.change
        if case .downSteps = change, footprint != nil {
            mailbox.post(.instanceFinished(instance.name, .unknownSteps, at: coordinator.now()))
            return
        }
        work(on: instance, change, in: &group) { [id, coordinator, direction = change.direction] result, planned in
            guard let footprint else { return result }
            if let kind = change.correctionKind { return result.corrected(kind) }
            let work = await coordinator.inspector.work(of: id.description, on: instance)
            return result.completed(by: work, footprint, direction, planned: planned)
        } finished: {
            .instanceFinished(instance.name, $0, at: $1)
        }
    }

    private func rollBack(_ instance: Instance, in group: inout DiscardingTaskGroup) {
        let known = log.instance(instance.name)
        var before = known?.lastResult ?? InstanceResult(outcome: .interrupted)
        var versions = Set(before.standing)
        if let footprint = past?.instance(instance.name)?.footprint {
            // A killed process may have committed more than it reported: every migration that was pending when the run began may be applied
            // now.
            let start = starts[instance.name] ?? footprint.start
            versions.formUnion(footprint.applied.map(\.version) + (start?.pending ?? []))
            if let start { before.from = start.version }
        } else if mayHaveChanged(before.outcome), let start = known?.footprint?.start {
            // What was committed after the connection was lost is found only now.
            versions.formUnion(start.pending)
            before.from = start.version
        }
        let asksWhatWasDone = past != nil || mayHaveChanged(before.outcome)
        work(on: instance, .revert(versions.sorted(), start: before.from), in: &group) { [id, coordinator, before] result, _ in
            let work = asksWhatWasDone ? await coordinator.inspector.work(of: id.description, on: instance) : nil
            return before.rolledBack(by: result, work)
        } finished: {
            .rollbackFinished(instance.name, $0, at: $1)
        }
    }

    /// Whether more may have been applied than was reported.
    private func mayHaveChanged(_ outcome: Outcome) -> Bool { outcome == .unknown && plan.change.canBeReverted }

    private func work(
        on instance: Instance,
        _ change: Change,
        in group: inout DiscardingTaskGroup,
        complete: @escaping @Sendable (InstanceResult, [MigrationVersion]?) async -> InstanceResult,
        finished: @escaping @Sendable (InstanceResult, Date) -> RunDecider.Fact
    ) {
        group.addTask { [id, coordinator, mailbox] in
            let planned = PlannedVersions()
            let result: InstanceResult
            if Task.isCancelled {
                result = .cancelledBeforeStart
            } else {
                result = await coordinator.migrator.migrate(InstanceJob(instance, change, run: id.description)) { kind in
                    planned.note(kind)
                    mailbox.post(.event(Event(at: coordinator.now(), kind)))
                }
            }
            let whole = await complete(result, planned.versions)
            mailbox.post(finished(whole, coordinator.now()))
        }
    }

    private func runHook(_ point: HookPoint, wave: String?, in group: inout DiscardingTaskGroup) {
        let context = hookContext(point, wave: wave)
        group.addTask { [coordinator, mailbox] in mailbox.post(.hookFinished(await coordinator.surroundings.runHook(context))) }
    }

    private func hookContext(_ point: HookPoint, wave: String?, status: RunEnding? = nil) -> RunSurroundings.HookContext {
        RunSurroundings.HookContext(point: point, run: id, change: plan.change, wave: wave, status: status)
    }

    // MARK: Events

    /// Writes and then shows what happened.
    ///
    /// - Returns: why the journal did not take it; it is offered again with what comes next.
    private mutating func send(_ events: [Event]) async -> JournalError? {
        unwritten += events
        var problem: JournalError?
        if let journal = coordinator.journal, !unwritten.isEmpty {
            do {
                try await journal.append(unwritten, to: id)
                unwritten = []
            } catch {
                problem = error
            }
        } else {
            unwritten = []
        }
        if !events.isEmpty { await coordinator.events.send(events) }
        return problem
    }
}
