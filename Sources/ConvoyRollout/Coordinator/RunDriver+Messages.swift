internal import ConvoyFleet
import ConvoyIO
import ConvoyRun

extension RunDriver {
    /// Waits for something to come in, and lets the machine decide on all of it.
    mutating func takeMessages() async {
        var finishes: [RolloutMachine.Finish] = []
        var rollbacks: [RolloutMachine.Finish] = []
        var others: [Message] = []
        for message in await mailbox.receive() {
            switch message {
            case .event(let event): outbox.append(event)
            case .instanceFinished(let name, let result, let date):
                finishes.append(finish(name, result))
                outbox.append(Event(at: date, .instanceFinished(instance: name, result: result)))
            case .rollbackFinished(let name, let result, let date):
                rollbacks.append(RolloutMachine.Finish(name, result))
                outbox.append(Event(at: date, .rollbackFinished(instance: name, result: result)))
            // A stop request counts before the endings of the same turn, which would otherwise start more instances.
            case .stopRequested: requestStop()
            case .requested(let request, let by): serve(request, by)
            case .hookFinished, .gateEnded, .slots, .window: others.append(message)
            }
        }
        if !finishes.isEmpty { actions += machine.instancesFinished(finishes) }
        if !rollbacks.isEmpty { actions += machine.rollbacksFinished(rollbacks) }
        for message in others { dispatch(message) }
    }

    private mutating func requestStop() {
        actions += machine.stopRequested()
        if beforeRunHook == .awaitsWindow { startWithoutHooks() }
    }

    private mutating func serve(_ request: OperatorRequest.Kind, _ by: String) {
        switch request {
        case .stop: requestStop()
        case .approve(let wave):
            guard let gate, wave == nil || wave == gate.wave else {
                if let wave { approvals[wave] = by }
                return
            }
            note(.approved(wave: gate.wave, by: by))
            gate.approve.yield(by)
        case .pause(let server):
            note(.serverPaused(server: server, by: by))
            actions += machine.serverPaused(server)
        case .unpause(let server):
            note(.serverResumed(server: server, by: by))
            actions += machine.serverResumed(server)
        }
    }

    private mutating func dispatch(_ message: Message) {
        switch message {
        case .hookFinished(let hook): hookEnded(hook)
        case .gateEnded(let wave, let verdict): gateEnded(verdict, of: wave)
        case .slots(let server, let slots): slotsReported(slots, of: server)
        case .window(let until):
            if let until {
                note(.windowClosed(until: until))
                actions += machine.windowClosed()
            } else {
                note(.windowOpened)
                actions += machine.windowOpened()
                if beforeRunHook == .awaitsWindow { beforeRunHook = .due }
            }
        case .event, .instanceFinished, .rollbackFinished, .stopRequested, .requested: break
        }
    }

    private mutating func hookEnded(_ hook: HookResult) {
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

    private mutating func slotsReported(_ slots: ServerSlots?, of server: String) {
        let configured = targets.limits.budget(of: server)
        let budget = min(configured, slots?.available ?? configured)
        if budget != budgets[server] ?? configured { note(.budgetChanged(server: server, connections: budget)) }
        guard budget != budgets[server] else { return }
        budgets[server] = budget
        actions += machine.budgetChanged(server, connections: budget)
    }
}
