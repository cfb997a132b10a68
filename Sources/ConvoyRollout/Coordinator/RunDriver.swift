import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyRun
internal import FoundationEssentials

/// One run in progress: turns messages into facts for the machine, and the machine's actions into events and tasks.
///
/// It works in turns. A turn takes everything that came in, shows the machine what the operator asked for, then all ended instances together,
/// then each other fact; it makes the events of it all durable in one batch, and only then begins what the machine asked for: what is on disk is
/// never behind what is done.
struct RunDriver {
    enum Message: Sendable {
        /// Something happened in an instance or a gate in progress.
        case event(Event)
        case instanceFinished(String, InstanceResult, at: Date)
        case rollbackFinished(String, InstanceResult, at: Date)
        case hookFinished(HookResult)
        case gateEnded(wave: String, GateKeeper.Verdict)
        case stopRequested
        case requested(OperatorRequest.Kind, by: String)
        /// Nil where the server could not be asked.
        case slots(server: String, ServerSlots?)
        /// Nil is open.
        case window(closedUntil: Date?)
    }

    /// What is left to do about `before_run`.
    enum BeforeRunHook {
        /// There is no hook, it ran in an earlier process, or the run ends without it.
        case notNeeded
        /// It is due as soon as the maintenance window opens.
        case awaitsWindow
        /// It begins at the end of this turn.
        case due
        case started
    }

    let coordinator: Coordinator
    let plan: RunPlan
    let targets: RunTargets
    let id: RunID
    let mailbox: Mailbox<Message>
    /// What earlier processes did in the run; nil if this is the first.
    let past: RunLog?
    let person: String
    /// What has happened so far, earlier processes included.
    private(set) var log: RunLog

    /// The states before the run, by the names of the instances.
    private let starts: [String: InstanceStart]
    /// What the run does, by the names of the instances.
    private let changes: [String: Change]
    var machine: RolloutMachine
    /// What the machine asked for and what is not done yet.
    var actions: [RolloutMachine.Action] = []
    /// Events that wait for the end of the turn.
    var outbox: [Event] = []
    /// Events that were shown and that the journal has not taken.
    private var unwritten: [Event] = []
    private var lastEventAt: Date
    var gate: (wave: String, approve: AsyncStream<String>.Continuation, abandon: AsyncStream<Never>.Continuation)?
    var budgets: [String: Int] = [:]
    var beforeRunHook = BeforeRunHook.notNeeded
    /// Whether `after_run` is to run when the run ends.
    var owesAfterRunHook = false
    /// By wave: who approved its gate, if that came before this process opened it.
    var approvals: [String: String] = [:]

    init(
        _ coordinator: Coordinator,
        plan: RunPlan,
        targets: RunTargets,
        id: RunID,
        startedAt: Date,
        past: RunLog?,
        by person: String,
        mailbox: Mailbox<Message>
    ) {
        self.coordinator = coordinator
        self.plan = plan
        self.targets = targets
        starts = plan.starts
        changes = Dictionary(plan.instances.map { ($0.name, plan.change(of: $0)) }) { first, _ in first }
        self.id = id
        self.past = past
        log = past ?? RunLog()
        self.person = person
        self.mailbox = mailbox
        machine = RolloutMachine(
            plan,
            on: targets,
            hookPoints: coordinator.surroundings.hookPoints,
            resuming: past?.past(in: plan) ?? RolloutMachine.Past()
        ) { coordinator.inspector.connections(for: $0) }
        lastEventAt = startedAt
        for wave in log.waves { approvals[wave.name] = wave.approvedBy }
    }

    mutating func run() async -> RunLog {
        var status: RunEnding?
        await withDiscardingTaskGroup { group in
            begin(in: &group)
            while status == nil {
                var begun: [RolloutMachine.Action] = []
                for action in actions {
                    if case .finish(let ending) = action {
                        status = ending
                    } else {
                        note(action)
                        // At once, not after the journal: what is cancelled needs no record to be safe.
                        if action == .cancelInstances { group.cancelAll() }
                        begun.append(action)
                    }
                }
                actions = []
                if let problem = await sendEvents() {
                    giveBack(begun, problem)
                } else {
                    if beforeRunHook == .due {
                        beforeRunHook = .started
                        runHook(.beforeRun, wave: nil, in: &group)
                    }
                    for action in begun { perform(action, in: &group) }
                }
                if status == nil, actions.isEmpty { await takeMessages() }
            }
            group.cancelAll()
        }
        var ending = status ?? .failed
        if owesAfterRunHook { ending = await afterRun(ending) }
        note(.runFinished(status: ending))
        _ = await sendEvents()
        return log
    }

    private mutating func begin(in group: inout DiscardingTaskGroup) {
        // A process that died before its first event has left nothing but the plan. A first event that is damaged is written again.
        if past?.startedAt == nil {
            note(.runStarted(run: id.description, fleet: plan.fleet, waves: plan.plannedWaves))
            if let parent = coordinator.surroundings.trace?.parent { note(.traceJoined(parent: parent.description)) }
        }
        if let past, !past.isEmpty { note(.runResumed(by: person)) }
        for (server, _) in past?.pausedServers ?? [:] { actions += machine.serverPaused(server) }
        // Until a server has reported its free connections, nothing starts there.
        for server in watchedServers.keys { actions += machine.budgetChanged(server, connections: 0) }
        let isWindowOpen = coordinator.window?.isOpen(at: coordinator.now()) ?? true
        if let window = coordinator.window, !isWindowOpen {
            actions += machine.windowClosed()
            note(.windowClosed(until: window.nextChange(after: coordinator.now())))
        }
        coordinator.watch(watchedServers, coordinator.window, isWindowOpen: isWindowOpen, run: id, mailbox: mailbox, in: &group)
        owesAfterRunHook = coordinator.surroundings.hookPoints.contains(.afterRun)
        if coordinator.surroundings.hookPoints.contains(.beforeRun), past?.isPrepared != true {
            beforeRunHook = isWindowOpen ? .due : .awaitsWindow
        } else {
            actions += machine.runStarted()
        }
    }

    /// The servers that several instances share, each with those instances: only there one instance can take another's slot.
    private var watchedServers: [String: [Instance]] {
        Dictionary(grouping: targets.instances(of: plan), by: \.server).filter { $0.value.count > 1 }
    }

    // MARK: Beginning what the machine asks for

    private mutating func perform(_ action: RolloutMachine.Action, in group: inout DiscardingTaskGroup) {
        switch action {
        case .startInstance(let name, _): if let instance = targets.instances[name] { start(instance, in: &group) }
        case .rollBackInstance(let name, _): if let instance = targets.instances[name] { rollBack(instance, in: &group) }
        case .prepareWave(let wave): runHook(.beforeWave, wave: wave, in: &group)
        case .closeWave(let wave): runHook(.afterWave, wave: wave, in: &group)
        case .openGate(let wave): openGate(wave, in: &group)
        case .abandonGate: gate?.abandon.finish()
        case .startWave, .finishWave, .halt, .stop, .cancelInstances, .finish: break
        }
    }

    /// Starts the run without `before_run`, to end at once: nothing was done, so there is nothing for `after_run` to undo.
    mutating func startWithoutHooks() {
        beforeRunHook = .notNeeded
        owesAfterRunHook = false
        actions += machine.runStarted()
    }

    /// What the journal did not take is not begun.
    private mutating func giveBack(_ begun: [RolloutMachine.Action], _ problem: JournalError) {
        let untouched = begun.compactMap { action in
            switch action {
            case .startInstance(let name, _), .rollBackInstance(let name, _): name
            default: nil
            }
        }
        actions += machine.instancesNotStarted(untouched, .journalFailed(reason: problem.description))
        if beforeRunHook == .due { startWithoutHooks() }
        for action in begun {
            switch action {
            case .prepareWave(let wave): actions += machine.waveNotPrepared(wave, reason: problem.message)
            case .closeWave(let wave): actions += machine.waveClosed(wave, problem: problem.message)
            case .startInstance, .rollBackInstance, .openGate, .abandonGate, .startWave, .finishWave, .halt, .stop, .cancelInstances,
                .finish:
                break
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

    /// The end of an instance's change, as the rules take it.
    func finish(_ name: String, _ result: InstanceResult) -> RolloutMachine.Finish {
        var finish = RolloutMachine.Finish(name, result)
        if mayHaveChanged(result.outcome) { finish.isChanged = true }
        return finish
    }

    private func work(
        on instance: Instance,
        _ change: Change,
        in group: inout DiscardingTaskGroup,
        complete: @escaping @Sendable (InstanceResult, [MigrationVersion]?) async -> InstanceResult,
        finished: @escaping @Sendable (InstanceResult, Date) -> Message
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

    /// The run is over and its tasks have ended; the hook that undoes what `before_run` did runs whatever happened.
    private mutating func afterRun(_ status: RunEnding) async -> RunEnding {
        let hook = await coordinator.surroundings.runHook(hookContext(.afterRun, wave: nil, status: status))
        note(.hookFinished(hook))
        return hook.problem != nil && status == .succeeded ? .failed : status
    }

    // MARK: Events

    private mutating func note(_ action: RolloutMachine.Action) {
        switch action {
        case .startWave(let wave): note(.waveStarted(wave: wave))
        case .startInstance(let name, let wave): note(.instanceStarted(instance: name, wave: wave))
        case .rollBackInstance(let name, let wave): note(.rollbackStarted(instance: name, wave: wave))
        case .finishWave(let wave): note(.waveFinished(wave: wave))
        case .openGate(let wave): note(.gateOpened(wave: wave))
        case .halt(let reason): note(.halted(reason))
        case .stop: note(.stopRequested)
        case .cancelInstances: note(.cancelRequested)
        case .prepareWave, .closeWave, .abandonGate, .finish: break
        }
    }

    mutating func note(_ kind: Event.Kind) {
        outbox.append(Event(at: coordinator.now(), kind))
    }

    /// Writes and then shows what happened.
    ///
    /// - Returns: why the journal did not take it; it is offered again with what comes next.
    private mutating func sendEvents() async -> JournalError? {
        // Instances stamp their events in tasks of their own; in the order of the run time never goes back.
        for index in outbox.indices {
            lastEventAt = max(lastEventAt, outbox[index].at)
            outbox[index].at = lastEventAt
            log.apply(outbox[index])
        }
        let events = outbox
        outbox = []
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
