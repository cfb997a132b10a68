internal import ConvoyFleet
internal import FoundationEssentials

/// One run under way: turns what is heard into facts for the machine, and the machine's actions into events and tasks.
///
/// It works in turns. A turn takes everything that came in, asks the machine once, sends the events of it all in one batch, and only then
/// starts instances: what is on disk is never behind what is done.
struct RunDriver {
    enum Message: Sendable {
        /// Something happened in an instance under way.
        case event(Event)
        case instanceFinished(String, InstanceResult, at: Date)
        case stopRequested
    }

    private let plan: RolloutPlan
    private let id: RunID
    private let startedAt: Date
    private let instanceOperator: any InstanceOperator
    private let sink: any EventSink
    private let mailbox: Mailbox<Message>
    private let now: @Sendable () -> Date

    private let instances: [String: Instance]
    private var machine: RolloutMachine
    /// What the machine asked for and what is not done yet.
    private var actions: ArraySlice<RolloutMachine.Action> = []
    /// Events that wait for the end of the turn.
    private var outbox: [Event] = []
    private var lastEventAt: Date
    private var results: [String: InstanceResult] = [:]
    private var haltReason: HaltReason?

    init(
        plan: RolloutPlan,
        id: RunID,
        startedAt: Date,
        instanceOperator: any InstanceOperator,
        sink: any EventSink,
        mailbox: Mailbox<Message>,
        now: @escaping @Sendable () -> Date
    ) {
        self.plan = plan
        self.id = id
        self.startedAt = startedAt
        self.instanceOperator = instanceOperator
        self.sink = sink
        self.mailbox = mailbox
        self.now = now
        instances = Dictionary(plan.waves.flatMap(\.instances).map { ($0.name, $0) }) { first, _ in first }
        machine = RolloutMachine(plan) { instanceOperator.connections(for: $0) }
        lastEventAt = startedAt
    }

    mutating func run() async -> RunReport {
        note(.runStarted(run: id.description, fleet: plan.fleet, waves: plan.plannedWaves))
        actions = machine.runStarted()[...]
        while true {
            guard let action = actions.popFirst() else {
                await sendEvents()
                await hear()
                continue
            }
            note(action)
            switch action {
            case .startWave: await runWave()
            case .finish(let status):
                await sendEvents()
                return report(status)
            default: break
            }
        }
    }

    /// Goes on until the wave is over.
    private mutating func runWave() async {
        await withDiscardingTaskGroup { group in
            while true {
                var starting: [Instance] = []
                var isOver = false
                while !isOver, let action = actions.popFirst() {
                    note(action)
                    switch action {
                    case .startInstance(let name, _): if let instance = instances[name] { starting.append(instance) }
                    // At once, not after the journal: what is cancelled needs no record to be safe.
                    case .cancelInstances: group.cancelAll()
                    case .finishWave: isOver = true
                    default: break
                    }
                }
                await sendEvents()
                for instance in starting { start(instance, in: &group) }
                if isOver { return }
                await hear()
            }
        }
    }

    private func start(_ instance: Instance, in group: inout DiscardingTaskGroup) {
        group.addTask { [plan, id, instanceOperator, mailbox, now] in
            let result: InstanceResult
            if Task.isCancelled {
                result = .cancelledBeforeStart
            } else {
                result = await instanceOperator.change(instance, plan.change, run: id.description) { kind in
                    mailbox.post(.event(Event(at: now(), kind)))
                }
            }
            mailbox.post(.instanceFinished(instance.name, result, at: now()))
        }
    }

    /// Waits for something to come in, and lets the machine decide on all of it.
    private mutating func hear() async {
        var finishes: [RolloutMachine.Finish] = []
        var stopRequests = 0
        for message in await mailbox.receive() {
            switch message {
            case .event(let event): outbox.append(event)
            case .instanceFinished(let name, let result, let date):
                results[name] = result
                finishes.append(RolloutMachine.Finish(name, result.outcome))
                outbox.append(Event(at: date, .instanceFinished(instance: name, result: result)))
            case .stopRequested: stopRequests += 1
            }
        }
        // Before the finishes, whatever came first: those would still start others.
        for _ in 0..<stopRequests { actions += machine.stopRequested() }
        if !finishes.isEmpty { actions += machine.instancesFinished(finishes) }
    }

    private mutating func note(_ action: RolloutMachine.Action) {
        switch action {
        case .startWave(let wave): note(.waveStarted(wave: wave))
        case .startInstance(let name, let wave): note(.instanceStarted(instance: name, wave: wave))
        case .finishWave(let wave): note(.waveFinished(wave: wave))
        case .halt(let reason):
            haltReason = reason
            note(.halted(reason: reason.description))
        case .stop: note(.stopRequested)
        case .cancelInstances: note(.cancelRequested)
        case .finish(let status): note(.runFinished(status: status))
        default: break
        }
    }

    private mutating func note(_ kind: Event.Kind) {
        outbox.append(Event(at: now(), kind))
    }

    private mutating func sendEvents() async {
        guard !outbox.isEmpty else { return }
        // Instances stamp their events in tasks of their own; in the order of the run time never goes back.
        for index in outbox.indices {
            lastEventAt = max(lastEventAt, outbox[index].at)
            outbox[index].at = lastEventAt
        }
        await sink.send(outbox)
        outbox.removeAll(keepingCapacity: true)
    }

    private func report(_ status: RunStatus) -> RunReport {
        let entries = plan.waves.flatMap { wave in
            wave.instances.map { instance in
                RunReport.Entry(name: instance.name, wave: wave.name, result: results[instance.name] ?? InstanceResult(outcome: .pending))
            }
        }
        return RunReport(
            run: id,
            fleet: plan.fleet,
            status: status,
            startedAt: startedAt,
            finishedAt: lastEventAt,
            haltReason: haltReason,
            instances: entries
        )
    }
}

extension InstanceResult {
    fileprivate static let cancelledBeforeStart = InstanceResult(
        outcome: .interrupted,
        failure: Failure(.interrupted, "cancelled before it began; nothing was touched", hint: "run the same command again")
    )
}
