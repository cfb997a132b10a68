import ConvoyFleet
package import ConvoyRun

/// The rules of a run over the fleet: facts in, actions out; no clock, no socket, no task.
///
///     var machine = RolloutMachine(waves: waves, limits: limits)
///     machine.runStarted()                             // [.startWave("canary"), .startInstance("alice", wave: "canary")]
///     machine.instancesFinished([.init("alice", .migrated)])   // [.finishWave("canary"), .openGate("canary")]
///     machine.gatePassed("canary")                     // [.startWave("rest"), …]
///
/// Waves go in order and never overlap. In a wave at most `max_parallel` instances are in progress, within the connection limits. A wave with
/// hooks is prepared before its first instance starts and closed after its last one; then its gate, if waves follow, has to pass. Where every
/// instance of a wave was up to date there is nothing to wait for, and where nothing is due in what follows there is nothing to guard: no hook
/// and no gate then.
///
/// After a halt or a stop no instance, wave, hook or gate begins; what is in progress finishes, and what had not started stays
/// ``Outcome/pending``. Stop rules and `on_failure` count what ``Outcome/isFailure`` says. So that a dead canary does not pass for a healthy
/// one, a wave that guards what follows, by a stop rule, a gate or an `on_failure` that halts, also halts the run when not one of its
/// instances could be reached.
///
/// Rollbacks finish what was begun. A failed instance that is rolled back at once (`on_failure: rollback-instance`) keeps its connections for
/// it; only the second stop request prevents that. A wave (`on_failure: rollback`) is rolled back when nothing of it is in progress any more,
/// like instances that start: within `max_parallel` and the budgets; the first stop request prevents what has not begun. A closed window
/// prevents no rollback.
///
/// Where everything that waits is held back by a closed window, paused servers or lowered budgets, the machine waits: it gives no action.
///
/// A fact that does not fit, such as one about something that is not in progress, changes nothing. A fact takes O(log servers), amortised,
/// whatever the size of the fleet.
package struct RolloutMachine: Sendable {
    private enum Phase: Sendable {
        /// The run has not begun.
        case ready
        /// Waves are running.
        case started
        /// ``Action/finish(_:)`` was given; nothing follows.
        case finished
    }

    /// Whether a wave can continue without another fact.
    private enum Continuation {
        case continues, waits, isOver
    }

    private let waves: [Wave]
    /// The index of the last wave with instances.
    private let lastWave: Int
    /// The index of the last wave in which something may be due.
    private let lastDueWave: Int
    /// The index of the last wave that an earlier process started.
    private let lastStarted: Int
    private let history: RunHistory
    private var budgets: ServerBudgets
    private var phase = Phase.ready
    private var current: WaveUnderWay?
    private var nextWave = 0
    private var sameFailures = FailureTally()
    private var isHalted = false
    /// The driver cannot continue: not even rollbacks start.
    private var isFrozen = false
    private var isWindowClosed = false
    private var stopRequests = 0
    private var hasFailures: Bool

    /// - Parameters:
    ///   - waves: in order. An instance that is named twice is taken where it comes first.
    ///   - past: what an earlier process recorded of the run. What is done is not done again, but its failures count.
    package init(waves: [Wave], limits: ConnectionLimits, resuming past: Past = Past()) {
        var seen: Set<String> = []
        self.waves = waves.map { wave in
            var wave = wave
            wave.instances = wave.instances.filter { seen.insert($0.name).inserted }
            return wave
        }
        lastWave = self.waves.lastIndex { !$0.instances.isEmpty } ?? -1
        lastDueWave = self.waves.lastIndex { $0.instances.contains(where: \.mayBeDue) } ?? -1
        budgets = ServerBudgets(limits)
        history = RunHistory(past)
        lastStarted = self.waves.lastIndex { past.waves[$0.name]?.contains(.started) == true } ?? -1
        hasFailures = !history.rollbacksEndedWell
        for finish in history.settledInstances where seen.contains(finish.instance) { count(finish) }
    }

    // MARK: The run

    /// The run begins; only the first call counts. Report what already holds, such as a closed window or a paused server, before this.
    package mutating func runStarted() -> [Action] {
        guard phase == .ready else { return [] }
        phase = .started
        return (history.haltReason.map { halt($0) } ?? []) + advance()
    }

    /// The operator asked to stop: first gracefully, the second time by cancelling what is in progress; more requests change nothing.
    package mutating func stopRequested() -> [Action] {
        guard phase != .finished else { return [] }
        stopRequests += 1
        switch stopRequests {
        case 1: return [.stop] + advance()
        case 2: return [.cancelInstances]
        default: return []
        }
    }

    /// The driver cannot continue, for example because the journal cannot be written: nothing starts from here on, rollbacks included,
    /// and instances in progress finish.
    package mutating func haltRequested(_ reason: HaltReason) -> [Action] {
        guard phase != .finished else { return [] }
        isFrozen = true
        return halt(reason) + advance()
    }

    // MARK: Instances

    /// Instances that were started have finished. The stop rules see all of them before anything else starts.
    package mutating func instancesFinished(_ finishes: [Finish]) -> [Action] {
        var rollbacks: [Action] = []
        for finish in finishes {
            guard let ending = current?.changeFinished(finish, mayRollBack: stopRequests < 2 && !isFrozen), ending != .ignored else {
                continue
            }
            count(finish)
            if ending == .rollsBack, let current { rollbacks.append(.rollBackInstance(finish.instance, wave: current.wave.name)) }
        }
        return haltIfRuleBroken() + rollbacks + advance()
    }

    /// Rollbacks that were started have ended, successfully or not.
    package mutating func rollbacksFinished(_ finishes: [Finish]) -> [Action] {
        for finish in finishes where current?.rollbackFinished(finish.instance) == true {
            if !finish.outcome.isGood { hasFailures = true }
        }
        return advance()
    }

    /// Instances that were to be started or rolled back were not touched, because the driver cannot continue: as
    /// ``haltRequested(_:)``.
    package mutating func instancesNotStarted(_ instances: [String], _ reason: HaltReason) -> [Action] {
        for instance in instances { current?.release(instance) }
        return haltRequested(reason)
    }

    /// Whether the instance was started and has not finished.
    package func isChanging(_ instance: String) -> Bool { current?.isInProgress(instance, asRollback: false) == true }

    /// Whether a rollback of the instance was started and has not finished.
    package func isRollingBack(_ instance: String) -> Bool { current?.isInProgress(instance, asRollback: true) == true }

    // MARK: Waves

    /// The wave's `before_wave` hook succeeded.
    package mutating func wavePrepared(_ wave: String) -> [Action] {
        guard isUnderWay(wave, .preparing) else { return [] }
        current?.reached(.prepared)
        current?.stage = .entered
        return advance()
    }

    /// The wave's `before_wave` hook failed: none of its instances starts.
    package mutating func waveNotPrepared(_ wave: String, reason: String) -> [Action] {
        guard isUnderWay(wave, .preparing) else { return [] }
        current?.stage = .entered
        return haltForHook(.beforeWave, wave, reason) + advance()
    }

    /// The wave's `after_wave` hook ended.
    ///
    /// - Parameter problem: why it failed; nil if it succeeded.
    package mutating func waveClosed(_ wave: String, problem: String? = nil) -> [Action] {
        guard isUnderWay(wave, .closing) else { return [] }
        if problem == nil { current?.reached(.closed) }
        current?.stage = .ended
        return (problem.map { haltForHook(.afterWave, wave, $0) } ?? []) + advance()
    }

    /// The gate after the wave lets the next one start.
    package mutating func gatePassed(_ wave: String) -> [Action] {
        guard isUnderWay(wave, .gate) else { return [] }
        current?.reached(.gatePassed)
        current?.stage = .ended
        return advance()
    }

    /// The gate after the wave does not let the next one start.
    package mutating func gateFailed(_ wave: String, reason: String) -> [Action] {
        guard isUnderWay(wave, .gate) else { return [] }
        current?.oweRollbackOfWave()
        current?.stage = .entered
        return halt(.gateFailed(wave: wave, reason: reason)) + advance()
    }

    /// The gate after the wave was not approved in time. That says nothing about the migrations, so nothing is rolled back.
    package mutating func gateNotApproved(_ wave: String, within: Duration) -> [Action] {
        guard isUnderWay(wave, .gate) else { return [] }
        current?.stage = .ended
        return halt(.notApproved(wave: wave, within: within)) + advance()
    }

    // MARK: What may start

    /// A server can now offer this number of connections.
    ///
    /// - Parameter connections: 0 lets nothing new start there; nil is as configured, and more than that changes nothing.
    package mutating func budgetChanged(_ server: String, connections: Int?) -> [Action] {
        budgets.set(server, to: connections)
        return budgetChanged(server)
    }

    /// Nothing new starts on the server.
    package mutating func serverPaused(_ server: String) -> [Action] {
        budgets.pause(server)
        return budgetChanged(server)
    }

    /// The server's instances start again.
    package mutating func serverResumed(_ server: String) -> [Action] {
        budgets.resume(server)
        return budgetChanged(server)
    }

    /// No wave and no instance starts until the window opens. Closing hooks, gates and rollbacks continue.
    package mutating func windowClosed() -> [Action] {
        isWindowClosed = true
        return []
    }

    /// Waves and instances start again.
    package mutating func windowOpened() -> [Action] {
        isWindowClosed = false
        return advance()
    }

    private mutating func budgetChanged(_ server: String) -> [Action] {
        current?.setBudget(of: server, to: budgets.current(of: server))
        return advance()
    }

    // MARK: What follows

    private var startsNothing: Bool { isHalted || stopRequests > 0 }
    private var startsNoRollback: Bool { isFrozen || stopRequests > 0 }

    private var status: RunEnding {
        if stopRequests > 0 { return .interrupted }
        if isHalted { return .halted }
        return hasFailures ? .failed : .succeeded
    }

    private func isUnderWay(_ wave: String, _ stage: WaveUnderWay.Stage) -> Bool {
        current?.stage == stage && current?.wave.name == wave
    }

    private mutating func count(_ finish: Finish) {
        if !finish.outcome.isGood { hasFailures = true }
        if finish.outcome.isFailure, let fingerprint = finish.fingerprint { sameFailures.add(finish.instance, fingerprint: fingerprint) }
    }

    private mutating func halt(_ reason: HaltReason) -> [Action] {
        guard !isHalted else { return [] }
        isHalted = true
        return [.halt(reason)]
    }

    private mutating func haltIfRuleBroken() -> [Action] {
        guard !isHalted, let reason = current?.brokenRule(sameFailures) else { return [] }
        return halt(reason)
    }

    /// A hook that was cancelled did not fail.
    private mutating func haltForHook(_ point: HookPoint, _ wave: String, _ reason: String) -> [Action] {
        stopRequests > 1 ? [] : halt(.hookFailed(point, wave: wave, reason: reason))
    }

    /// Begins what may begin, and ends the wave or the run where nothing of it is left in progress.
    private mutating func advance() -> [Action] {
        guard phase == .started else { return [] }
        var actions: [Action] = []
        while true {
            // Taken out, so that it is changed in place and not copied.
            guard var wave = current.take() ?? enterWave() else {
                phase = .finished
                actions.append(.finish(status))
                return actions
            }
            if wave.stage == .entered, !wave.isPassed, !isHalted, let reason = wave.brokenRule(sameFailures) { actions += halt(reason) }
            let continuation = step(&wave, &actions)
            if continuation != .isOver { current = wave }
            if continuation == .waits { return actions }
        }
    }

    /// The next wave that has something to do.
    private mutating func enterWave() -> WaveUnderWay? {
        while nextWave < waves.count {
            let index = nextWave
            nextWave += 1
            let milestones = history.milestones(of: waves[index].name)
            if startsNothing, !milestones.contains(.started) { continue }
            let isPassed = index < lastStarted || milestones.contains(.gatePassed)
            let wave = WaveUnderWay(
                waves[index],
                hasSuccessor: index < lastWave,
                guardsWhatIsDue: index < lastDueWave,
                isPassed: isPassed,
                history: history
            )
            if !isPassed || !wave.remaining.isEmpty || !wave.owedRollbacks.isEmpty { return wave }
        }
        return nil
    }

    /// Does what the wave's stage allows now.
    private func step(_ wave: inout WaveUnderWay, _ actions: inout [Action]) -> Continuation {
        switch wave.stage {
        case .entered: return begin(&wave, &actions)
        case .changing: return startChanges(&wave, &actions)
        case .rollingBack: return startRollbacks(&wave, &actions)
        case .ended: return end(&wave, &actions)
        case .gate:
            guard startsNothing else { return .waits }
            actions.append(.abandonGate(wave.wave.name))
            return .isOver
        case .preparing, .closing: return .waits
        }
    }

    /// Begins the rollbacks that it owes, its preparation or its changes, in this order.
    private func begin(_ wave: inout WaveUnderWay, _ actions: inout [Action]) -> Continuation {
        if !wave.owedRollbacks.isEmpty, !startsNoRollback {
            wave.beginRollbacks(within: budgets)
        } else if startsNothing {
            wave.stage = .ended
        } else if isWindowClosed, !wave.milestones.contains(.started) || !wave.remaining.isEmpty {
            return .waits
        } else {
            if !wave.milestones.contains(.started) {
                wave.reached(.started)
                actions.append(.startWave(wave.wave.name))
            }
            guard !wave.awaitsPreparation else {
                wave.beginHook(.preparing)
                actions.append(.prepareWave(wave.wave.name))
                return .waits
            }
            wave.beginChanges(within: budgets)
        }
        return .continues
    }

    private func startChanges(_ wave: inout WaveUnderWay, _ actions: inout [Action]) -> Continuation {
        let name = wave.wave.name
        while !startsNothing, !isWindowClosed, let instance = wave.next() { actions.append(.startInstance(instance, wave: name)) }
        guard !wave.isBusy, startsNothing || !wave.hasWaiting else { return .waits }
        if startsNothing {
            if wave.hasFailures { wave.oweRollbackOfWave() }
            wave.stage = .entered
        } else if wave.awaitsClosing {
            wave.beginHook(.closing)
            actions.append(.closeWave(name))
            return .waits
        } else {
            wave.stage = .ended
        }
        return .continues
    }

    private func startRollbacks(_ wave: inout WaveUnderWay, _ actions: inout [Action]) -> Continuation {
        let name = wave.wave.name
        while !startsNoRollback, let instance = wave.next() { actions.append(.rollBackInstance(instance, wave: name)) }
        guard !wave.isBusy, startsNoRollback || !wave.hasWaiting else { return .waits }
        wave.stage = .entered
        return .continues
    }

    /// Ends the wave, and opens its gate where one is awaited.
    private func end(_ wave: inout WaveUnderWay, _ actions: inout [Action]) -> Continuation {
        let name = wave.wave.name
        if wave.milestones.contains(.started), !wave.milestones.contains(.finished) {
            wave.reached(.finished)
            actions.append(.finishWave(name))
        }
        guard !startsNothing, wave.awaitsGate else { return .isOver }
        wave.stage = .gate
        actions.append(.openGate(name))
        return .waits
    }
}
