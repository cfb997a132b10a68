import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials

/// What the rules are given, in the order in which it counts.
extension RunDecider {
    mutating func take(_ facts: [Fact]) {
        guard ending == nil else { return takeAfterTheEnd(facts) }
        // A stop request counts before everything else of the same turn, which would otherwise start more instances.
        for fact in facts {
            switch fact {
            case .stopRequested, .requested(.stop, _): requestStop()
            default: break
            }
        }
        var holds: [(server: String, isPaused: Bool)] = []
        var changes = Finishes()
        var rollbacks = Finishes()
        for fact in facts {
            switch fact {
            case .event(let event): turn.events.append(event)
            case .instanceFinished(let name, let result, let date):
                guard machine.isChanging(name), changes.add(finish(name, result)) else { continue }
                turn.events.append(Event(at: date, .instanceFinished(instance: name, result: result)))
            case .rollbackFinished(let name, let result, let date):
                guard machine.isRollingBack(name), rollbacks.add(RolloutMachine.Finish(name, result)) else { continue }
                turn.events.append(Event(at: date, .rollbackFinished(instance: name, result: result)))
            case .requested(let request, let person):
                serve(request, person)
                if let hold = request.hold { holds.append(hold) }
            case .stopRequested, .hookFinished, .gateEnded, .slots, .budget, .window: break
            }
        }
        take(holds)
        if !changes.all.isEmpty { actions += machine.instancesFinished(changes.all) }
        if !rollbacks.all.isEmpty { actions += machine.rollbacksFinished(rollbacks.all) }
        for fact in facts {
            switch fact {
            case .hookFinished(let hook): hookEnded(hook)
            case .gateEnded(_, .notApproved): break
            case .gateEnded(let wave, let verdict): gateEnded(verdict, of: wave)
            case .slots(let server, let available): setBudget(of: server, to: budget(of: server, available))
            case .budget(let server, let connections): setBudget(of: server, to: connections)
            case .window(let closedUntil): windowChanged(closedUntil)
            case .event, .instanceFinished, .rollbackFinished, .stopRequested, .requested: break
            }
        }
        // Its only event is the halt, which comes after those of all facts: a process that replays the turn sees it last too.
        for case .gateEnded(let wave, .notApproved(let within)) in facts { gateEnded(.notApproved(within: within), of: wave) }
    }

    /// Only the hook that undoes what `before_run` did is still awaited.
    private mutating func takeAfterTheEnd(_ facts: [Fact]) {
        for case .hookFinished(let hook) in facts where hooksInProgress.remove(.hook(hook.point, wave: hook.wave)) != nil {
            note(.hookFinished(hook))
            close(after: hook)
        }
    }

    private mutating func requestStop() {
        actions += machine.stopRequested()
        if beforeRun == .awaitsWindow { startWithoutHooks() }
    }

    private mutating func serve(_ request: OperatorRequest.Kind, _ person: String) {
        switch request {
        case .stop: break
        case .approve(let wave): approve(wave, by: person)
        case .pause(let server): note(.serverPaused(server: server, by: person))
        case .unpause(let server): note(.serverResumed(server: server, by: person))
        }
    }

    /// Of each server the last request of a turn counts, so that nothing starts where it is paused in the end; and pauses count before the
    /// others, which let instances start.
    private mutating func take(_ holds: [(server: String, isPaused: Bool)]) {
        let last = holds.enumerated().filter { index, hold in !holds[(index + 1)...].contains { $0.server == hold.server } }.map(\.element)
        for hold in last where hold.isPaused { actions += machine.serverPaused(hold.server) }
        for hold in last where !hold.isPaused { actions += machine.serverResumed(hold.server) }
    }

    /// - Parameter wave: nil is the one whose gate is open.
    private mutating func approve(_ wave: String?, by person: String) {
        if let gate, wave ?? gate == gate {
            note(.approved(wave: gate, by: person))
            turn.approvals.append(Approval(wave: gate, by: person))
        } else if let wave, !terms.isShared || log.wave(wave) != nil {
            approvals[wave] = person
            if terms.isShared { note(.approved(wave: wave, by: person)) }
        }
    }

    private mutating func hookEnded(_ hook: HookResult) {
        guard hooksInProgress.remove(.hook(hook.point, wave: hook.wave)) != nil else { return }
        note(.hookFinished(hook))
        switch (hook.point, hook.wave) {
        case (.beforeRun, _):
            if let problem = hook.problem {
                owesAfterRunHook = false
                actions += machine.haltRequested(.hookFailed(.beforeRun, wave: nil, reason: problem))
            }
            actions += machine.runStarted()
        case (.beforeWave, let wave?):
            actions += hook.problem.map { machine.waveNotPrepared(wave, reason: $0) } ?? machine.wavePrepared(wave)
        case (.afterWave, let wave?): actions += machine.waveClosed(wave, problem: hook.problem)
        default: break
        }
    }

    private mutating func gateEnded(_ verdict: GateKeeper.Verdict, of wave: String) {
        guard gate == wave else { return }
        gate = nil
        switch verdict {
        case .passed:
            note(.gatePassed(wave: wave))
            actions += machine.gatePassed(wave)
        case .failed(let reason):
            note(.gateFailed(wave: wave, reason: reason))
            actions += machine.gateFailed(wave, reason: reason)
        case .notApproved(let within): actions += machine.gateNotApproved(wave, within: within)
        case .cancelled: break
        }
    }

    func budget(of server: String, _ available: Int?) -> Int {
        let configured = terms.limits.budget(of: server)
        return max(0, min(configured, available ?? configured))
    }

    private mutating func setBudget(of server: String, to connections: Int) {
        guard connections != budgets[server] else { return }
        if terms.isShared || connections != budgets[server] ?? terms.limits.budget(of: server) {
            note(.budgetChanged(server: server, connections: connections))
        }
        budgets[server] = connections
        actions += machine.budgetChanged(server, connections: connections)
    }

    private mutating func windowChanged(_ closedUntil: Date?) {
        guard isWindowClosed != (closedUntil != nil) else { return }
        isWindowClosed.toggle()
        if let closedUntil {
            note(.windowClosed(until: closedUntil))
            actions += machine.windowClosed()
        } else {
            note(.windowOpened)
            actions += machine.windowOpened()
            if beforeRun == .awaitsWindow { beforeRun = .due }
        }
    }

    /// The end of an instance's change, as the rules take it.
    private func finish(_ name: String, _ result: InstanceResult) -> RolloutMachine.Finish {
        var finish = RolloutMachine.Finish(name, result)
        // More may have been applied than was reported.
        if result.outcome == .unknown, terms.plan.change.canBeReverted { finish.isChanged = true }
        return finish
    }
}

extension OperatorRequest.Kind {
    /// The server that it pauses or resumes, and whether it pauses it.
    fileprivate var hold: (server: String, isPaused: Bool)? {
        switch self {
        case .pause(let server): (server, true)
        case .unpause(let server): (server, false)
        case .stop, .approve: nil
        }
    }
}

/// Finishes of a turn, each instance once.
private struct Finishes {
    private(set) var all: [RolloutMachine.Finish] = []
    private var names: Set<String> = []

    mutating func add(_ finish: RolloutMachine.Finish) -> Bool {
        guard names.insert(finish.instance).inserted else { return false }
        all.append(finish)
        return true
    }
}
