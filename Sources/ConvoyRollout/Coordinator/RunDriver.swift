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
    let id: RunID
    let mailbox: Mailbox<RunDecider.Fact>
    private let execution: WorkExecution
    private let person: String
    private var decider: RunDecider
    /// Events that were shown and that the journal has not taken.
    private var unwritten: [Event] = []
    /// Why another process has the run now, as soon as that is known.
    private let loss: OneShot<JournalError>
    /// Withdrawn then, so that hooks in progress end.
    private let permit: WorkPermit
    private let stops: StopRequests
    /// The end of the run, if the journal has not taken it.
    private(set) var unrecorded: UnrecordedEnd?
    private var gate: (wave: String, approve: AsyncStream<String>.Continuation, abandon: AsyncStream<Never>.Continuation)?

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
        mailbox: Mailbox<RunDecider.Fact>,
        loss: OneShot<JournalError>,
        permit: WorkPermit,
        stops: StopRequests
    ) {
        self.coordinator = coordinator
        self.plan = plan
        self.id = id
        execution = WorkExecution(coordinator, plan: plan, targets: targets, id: id)
        self.person = person
        self.mailbox = mailbox
        self.loss = loss
        self.permit = permit
        self.stops = stops
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

    /// Carries the run out, to its end, or until another process has it: then nothing more begins, no hook runs, and nothing more is shown.
    mutating func run() async -> RunLog {
        await permit.covering { await carryOut() }
    }

    private mutating func carryOut() async -> RunLog {
        await withDiscardingTaskGroup { group in
            var turn = begin()
            while true {
                // At once, not after the journal: what is cancelled needs no record to be safe.
                if turn.cancelsAll {
                    group.cancelAll()
                    stops.cancel()
                }
                let problem = await send(turn.events)
                if loss.current != nil { break }
                // It was asked for while the journal did not answer, and is not to wait for what the journal says next.
                if stops.cancellation.current != nil { group.cancelAll() }
                if problem == nil { perform(turn, in: &group) }
                if turn.ending != nil { break }
                if let problem {
                    turn = decider.notBegun(turn.begins, problem, at: coordinator.now())
                    if !turn.isEmpty { continue }
                }
                let facts = await mailbox.receive()
                if loss.current != nil { break }
                turn = decider.decide(facts, at: coordinator.now())
            }
            group.cancelAll()
        }
        // The process that has the run does what is left, the `after_run` hook too.
        guard loss.current == nil else { return log }
        let last: RunDecider.Turn
        if decider.owesAfterRunHook {
            // The tasks of the run have ended; the hook that undoes what `before_run` did runs whatever happened.
            let context = RunSurroundings.HookContext(point: .afterRun, run: id, change: plan.change, wave: nil, status: decider.ending)
            let hook = await coordinator.surroundings.runHook(context)
            guard loss.current == nil else { return log }
            last = decider.decide([.hookFinished(hook)], at: coordinator.now())
        } else {
            last = decider.close(at: coordinator.now())
        }
        stops.close()
        if let problem = await send(last.events, isLast: true), loss.current == nil {
            unrecorded = UnrecordedEnd(id, unwritten, problem)
        }
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
        for approval in turn.approvals where approval.wave == gate?.wave { gate?.approve.yield(approval.by) }
    }

    private mutating func begin(_ work: Work, in group: inout DiscardingTaskGroup) {
        let standing = WorkExecution.Standing(log: log, past: past)
        switch work {
        // It runs after all tasks have ended.
        case .hook(.afterRun, _): break
        case .gate(let wave): openGate(wave, standing, in: &group)
        case .change, .rollBack, .hook, .watchServer, .watchWindow:
            if let task = execution.task(for: work, standing, report: { [mailbox] in mailbox.post($0) }) { group.addTask { await task() } }
        }
    }

    /// A task of a group cannot be cancelled alone, so the gate's watches for that itself.
    private mutating func openGate(_ wave: String, _ standing: WorkExecution.Standing, in group: inout DiscardingTaskGroup) {
        let (approvals, approve) = AsyncStream.makeStream(of: String.self)
        let (abandoned, abandon) = AsyncStream.makeStream(of: Never.self)
        gate = (wave, approve, abandon)
        let task = execution.task(for: .gate(wave: wave), standing, approvals: approvals) { [mailbox] in mailbox.post($0) }
        guard let task else { return }
        group.addTask {
            await withTaskGroup(of: Void.self) { race in
                race.addTask { await task() }
                race.addTask { for await _ in abandoned {} }
                await race.next()
                race.cancelAll()
            }
        }
    }

    // MARK: Events

    /// Writes and then shows what happened.
    ///
    /// - Returns: why the journal did not take it; it is offered again with what comes next.
    private mutating func send(_ events: [Event], isLast: Bool = false) async -> JournalError? {
        unwritten += events
        var problem: JournalError?
        if let journal = coordinator.journal, !unwritten.isEmpty {
            do {
                if isLast {
                    try await journal.appendLast(unwritten, to: id)
                } else {
                    try await journal.append(unwritten, to: id)
                }
                unwritten = []
            } catch {
                problem = error
                if error.isTakenOver {
                    loss.fulfil(error)
                    permit.withdraw()
                }
            }
        } else {
            unwritten = []
        }
        if !events.isEmpty, loss.current == nil { await coordinator.events.send(events) }
        return problem
    }
}
