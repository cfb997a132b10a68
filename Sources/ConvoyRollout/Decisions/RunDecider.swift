import ConvoyFleet
package import ConvoyRun
package import FoundationEssentials

/// All decisions about a run: facts in, events and work out; no clock, no socket, no task.
///
///     var decider = RunDecider(terms)
///     var turn = decider.begin(by: "me@here", at: now)      // events: run_started, wave_started, instance_started …; begins: .change("alice", …)
///     turn = decider.decide([.instanceFinished("alice", result, at: now)], at: now)
///
/// It works in turns. A turn takes everything that came in: first what the operator asked for, then all ended instances together, then each
/// other fact. Its events are to be durable before its work begins: what is recorded is never behind what is done.
///
/// The turns of another process are replayed from their events alone. The rules are the same in every process, so a decider that has replayed
/// a run decides as the one that recorded it. It is changed in place: where a turn was not recorded after all, throw the decider away, and
/// make it anew with ``restored(_:from:)``.
///
/// A fact about something that is not in progress changes nothing. A fact costs what follows from it, whatever the size of the fleet; so a
/// copy that is changed, which costs as much as the fleet is large, is to be avoided.
package struct RunDecider: Sendable {
    package let terms: Terms
    /// What has happened so far, earlier processes included.
    package private(set) var log: RunLog
    /// What had happened before the run was resumed the last time; nil if it was not.
    package private(set) var past: RunLog?
    /// How the run ends, once nothing of it is left to do but the `after_run` hook.
    package private(set) var ending: RunEnding?
    /// Whether its last event is there; only a resumption can follow.
    package private(set) var isOver = false
    /// Whether `after_run` is to run when the run ends.
    package internal(set) var owesAfterRunHook = false

    var machine: RolloutMachine
    /// What the machine asked for in this turn.
    var actions: [RolloutMachine.Action] = []
    var turn = Turn()
    private var now = Date.distantPast
    private var lastEventAt: Date
    /// Whether the run has begun, or was resumed, by its rules: only then there is work and anything to decide.
    package private(set) var hasBegun = false
    var isWindowClosed = false
    var gate: String?
    private var isGateAbandoned = false
    var budgets: [String: Int] = [:]
    var beforeRun = BeforeRunHook.notNeeded
    var hooksInProgress: Set<Work> = []
    /// By wave: who approved its gate, if that came before this process opened it.
    var approvals: [String: String] = [:]

    /// - Parameters:
    ///   - past: what earlier processes did in the run, if this one resumes it.
    ///   - startedAt: no event is earlier.
    package init(_ terms: Terms, past: RunLog? = nil, startedAt: Date = .distantPast) {
        self.terms = terms
        self.past = past
        log = past ?? RunLog()
        lastEventAt = startedAt
        machine = RolloutMachine(waves: terms.waves, limits: terms.limits, resuming: past?.past(in: terms.plan) ?? RolloutMachine.Past())
        for wave in log.waves { approvals[wave.name] = wave.approvedBy }
    }

    // MARK: Turns

    /// The run begins, or is resumed if its log has something already.
    ///
    /// - Parameters:
    ///   - person: who begins it, as `user@host`.
    ///   - closedUntil: when the maintenance window opens; nil if it is open, and for a fleet without one.
    ///   - traceParent: the span of another program that the run belongs to.
    package mutating func begin(by person: String, windowClosedUntil closedUntil: Date? = nil, traceParent: String? = nil, at now: Date)
        -> Turn
    {
        self.now = now
        takeBeginning(by: person, closedUntil, traceParent)
        conclude()
        return seal()
    }

    /// Decides on everything that came in.
    package mutating func decide(_ facts: [Fact], at now: Date) -> Turn {
        self.now = now
        take(facts)
        conclude()
        return seal()
    }

    /// What a turn began was not begun, because the journal did not take its events: nothing starts from here on.
    package mutating func notBegun(_ works: [Work], _ problem: JournalError, at now: Date) -> Turn {
        self.now = now
        let untouched = works.compactMap { work in
            switch work {
            case .change(let name, _), .rollBack(let name, _): name
            case .hook, .gate, .watchServer, .watchWindow: nil
            }
        }
        actions += machine.instancesNotStarted(untouched, .journalFailed(reason: problem.description))
        for work in works where hooksInProgress.remove(work) != nil {
            switch work {
            case .hook(.beforeRun, _): startWithoutHooks()
            case .hook(.beforeWave, let wave?): actions += machine.waveNotPrepared(wave, reason: problem.message)
            case .hook(.afterWave, let wave?): actions += machine.waveClosed(wave, problem: problem.message)
            default: break
            }
        }
        conclude()
        return seal()
    }

    /// The run has ended and owes no `after_run` hook, which would be the fact that closes it. In a shared run this happens by itself.
    package mutating func close(at now: Date) -> Turn {
        self.now = now
        close(after: nil)
        return seal()
    }

    /// Takes in a turn that another process has decided, from exactly its events in order.
    ///
    /// - Returns: what that process had to do.
    /// - Throws: if the rules give something else. The decider is of no use then.
    package mutating func replay(_ events: [Event]) throws(ReplayError) -> Turn {
        guard let last = events.last else { return Turn() }
        now = last.at
        if let beginning = Beginning(events) {
            takeBeginning(by: beginning.person, beginning.closedUntil, beginning.traceParent)
        } else {
            take(Self.facts(in: events))
        }
        conclude()
        try Self.compare(events, with: turn.events)
        turn.events = events
        return seal()
    }

    /// Whether the work was asked for, and is neither done nor withdrawn.
    package func awaits(_ work: Work) -> Bool {
        switch work {
        case .change(let name, _): machine.isChanging(name)
        case .rollBack(let name, _): machine.isRollingBack(name)
        case .hook: hooksInProgress.contains(work)
        case .gate(let wave): gate == wave && !isGateAbandoned && ending == nil
        case .watchServer(let server): hasBegun && ending == nil && terms.watched.contains(server)
        case .watchWindow: hasBegun && ending == nil && terms.hasWindow
        }
    }

    /// Whether a server's free connections change anything.
    ///
    /// - Parameter available: nil where the server could not be asked.
    package func isNews(available: Int?, on server: String) -> Bool { budget(of: server, available) != budgets[server] }

    // MARK: The beginning

    private mutating func takeBeginning(by person: String, _ closedUntil: Date?, _ traceParent: String?) {
        if hasBegun { restart() }
        hasBegun = true
        // A process that died before its first event has left nothing but the plan. A first event that is damaged is written again.
        if log.startedAt == nil {
            note(.runStarted(run: terms.id.description, fleet: terms.plan.fleet, waves: terms.plan.plannedWaves))
            if let traceParent { note(.traceJoined(parent: traceParent)) }
        }
        if !log.isEmpty { note(.runResumed(by: person)) }
        for server in log.pausedServers.keys.sorted() { actions += machine.serverPaused(server) }
        // Until a server has reported its free connections, nothing starts there.
        for server in terms.watchedServers {
            actions += machine.budgetChanged(server, connections: 0)
            turn.begins.append(.watchServer(server))
        }
        if terms.hasWindow { turn.begins.append(.watchWindow) }
        isWindowClosed = closedUntil != nil
        if let closedUntil {
            actions += machine.windowClosed()
            note(.windowClosed(until: closedUntil))
        }
        owesAfterRunHook = terms.hookPoints.contains(.afterRun)
        if terms.hookPoints.contains(.beforeRun), !log.isPrepared {
            beforeRun = isWindowClosed ? .awaitsWindow : .due
        } else {
            actions += machine.runStarted()
        }
    }

    /// Another process resumes the run: the rules begin anew with what is recorded.
    private mutating func restart() {
        let now = self.now
        self = RunDecider(terms, past: log, startedAt: lastEventAt)
        self.now = now
    }

    /// Starts the run without `before_run`, to end at once: nothing was done, so there is nothing for `after_run` to undo.
    mutating func startWithoutHooks() {
        beforeRun = .notNeeded
        owesAfterRunHook = false
        actions += machine.runStarted()
    }

    // MARK: The end of a turn

    /// Makes events and work of what the machine asked for.
    private mutating func conclude() {
        for action in actions { carryOut(action) }
        actions = []
        if beforeRun == .due {
            beforeRun = .started
            beginHook(.beforeRun, wave: nil)
        }
        // A run that is resumed may have nothing left to do.
        if ending != nil { turn.begins.removeAll { turn.withdraws.contains($0) } }
        if terms.isShared, !owesAfterRunHook { close(after: nil) }
    }

    private mutating func carryOut(_ action: RolloutMachine.Action) {
        switch action {
        case .startWave(let wave): note(.waveStarted(wave: wave))
        case .startInstance(let name, let wave):
            note(.instanceStarted(instance: name, wave: wave))
            turn.begins.append(.change(name, wave: wave))
        case .rollBackInstance(let name, let wave):
            note(.rollbackStarted(instance: name, wave: wave))
            turn.begins.append(.rollBack(name, wave: wave))
        case .prepareWave(let wave): beginHook(.beforeWave, wave: wave)
        case .closeWave(let wave): beginHook(.afterWave, wave: wave)
        case .finishWave(let wave): note(.waveFinished(wave: wave))
        case .openGate(let wave):
            note(.gateOpened(wave: wave))
            (gate, isGateAbandoned) = (wave, false)
            turn.begins.append(.gate(wave: wave))
            if let person = approvals[wave] {
                note(.approved(wave: wave, by: person))
                turn.approvals.append(Approval(wave: wave, by: person))
            }
        case .abandonGate(let wave):
            isGateAbandoned = true
            turn.withdraws.append(.gate(wave: wave))
        case .halt(let reason): note(.halted(reason))
        case .stop: note(.stopRequested)
        case .cancelInstances:
            note(.cancelRequested)
            turn.cancelsAll = true
        case .finish(let ending):
            self.ending = ending
            turn.ending = ending
            turn.withdraws += terms.watchedServers.map { .watchServer($0) }
            if terms.hasWindow { turn.withdraws.append(.watchWindow) }
            if owesAfterRunHook { beginHook(.afterRun, wave: nil) }
        }
    }

    private mutating func beginHook(_ point: HookPoint, wave: String?) {
        let hook = Work.hook(point, wave: wave)
        hooksInProgress.insert(hook)
        turn.begins.append(hook)
    }

    mutating func close(after hook: HookResult?) {
        guard let ending, !isOver else { return }
        isOver = true
        owesAfterRunHook = false
        note(.runFinished(status: hook?.problem != nil && ending == .succeeded ? .failed : ending))
    }

    mutating func note(_ kind: Event.Kind) {
        turn.events.append(Event(at: now, kind))
    }

    /// Folds the events of the turn into the log, and gives the turn out.
    private mutating func seal() -> Turn {
        // Instances stamp their events in tasks of their own; in the order of the run time never goes back.
        for index in turn.events.indices {
            lastEventAt = max(lastEventAt, turn.events[index].at)
            turn.events[index].at = lastEventAt
            log.apply(turn.events[index])
        }
        defer { turn = Turn() }
        return turn
    }
}
