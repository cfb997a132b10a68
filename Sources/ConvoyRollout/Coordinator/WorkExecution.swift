package import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// Carries out what the rules of a run ask for, one ``Work`` at a time: as a task of the coordinator, or as an assignment of a worker.
package struct WorkExecution: Sendable {
    /// Takes what happens during the work, and its end. A watch reports again and again.
    package typealias Report = @Sendable (RunDecider.Fact) -> Void

    /// What is known of the run when the work begins.
    package struct Standing {
        /// What has happened so far.
        package var log: RunLog
        /// What had happened before the run was resumed the last time; nil if it was not.
        package var past: RunLog?
        /// How the run ends; only for the hook after it.
        package var ending: RunEnding?
        /// Whether this work was begun before, by a process or worker that was lost.
        package var isTakenOver = false
        /// Whether another worker has begun it since the run was begun or resumed, and was lost.
        package var wasLost = false
        /// Whether the run was halted or is to stop, so that the change of an instance is not begun.
        package var isStopped = false
        /// Whether this process works on the instance. What is cancelled is ended by any worker, and one of another region cannot reach it.
        package var isReachable = true

        package init(
            log: RunLog,
            past: RunLog?,
            ending: RunEnding? = nil,
            isTakenOver: Bool = false,
            wasLost: Bool = false,
            isStopped: Bool = false,
            isReachable: Bool = true
        ) {
            (self.log, self.past, self.ending, self.isTakenOver) = (log, past, ending, isTakenOver)
            (self.wasLost, self.isStopped, self.isReachable) = (wasLost, isStopped, isReachable)
        }

        /// What was known before this work was begun; nil if it is begun for the first time.
        var before: RunLog? { isTakenOver ? log : past }

        /// Whether all that was done to an instance before is recorded.
        func isComplete(_ instance: String) -> Bool {
            !wasLost && past?.instance(instance)?.result.map { $0.outcome != .unknown } == true
        }
    }

    let plan: RunPlan
    let targets: RunTargets
    let id: RunID
    let migrator: any InstanceMigrator
    let inspector: any InstanceInspector
    let surroundings: RunSurroundings
    let window: MaintenanceWindow?
    let timing: Coordinator.Timing
    let now: @Sendable () -> Date
    /// By the names of the instances: the states before the run, and what it does.
    private let starts: [String: InstanceStart]
    private let changes: [String: Change]
    /// Those that the run has on each server.
    private let instancesByServer: [String: [Instance]]
    /// How long an instance is asked what was done to it, although its work was cancelled.
    private static let patience = Duration.seconds(10)

    /// - Parameter coordinator: has what the run needs besides its plan.
    package init(_ coordinator: Coordinator, plan: RunPlan, targets: RunTargets, id: RunID) {
        self.plan = plan
        self.targets = targets
        self.id = id
        migrator = coordinator.migrator
        inspector = coordinator.inspector
        surroundings = coordinator.surroundings
        window = coordinator.window
        timing = coordinator.timing
        now = coordinator.now
        starts = plan.starts
        changes = Dictionary(plan.instances.map { ($0.name, plan.change(of: $0)) }) { first, _ in first }
        instancesByServer = Dictionary(grouping: targets.instances(of: plan), by: \.server)
    }

    /// When the maintenance window opens; nil if it is open at that time, and for a fleet without one.
    package func windowClosedUntil(_ date: Date) -> Date? {
        window.flatMap { $0.isOpen(at: date) ? nil : $0.nextChange(after: date) }
    }

    /// The instances that a piece of work connects to; empty if it connects to none.
    package func instances(of work: Work) -> [Instance] {
        switch work {
        case .change(let name, _), .rollBack(let name, _): targets.instances[name].map { [$0] } ?? []
        case .gate(let name): targets.instances(in: plan.waves.filter { $0.name == name })
        case .watchServer(let server): instancesByServer[server] ?? []
        case .hook, .watchWindow: []
        }
    }

    /// What carries out a piece of work and reports its end. Cancelling its task cancels the work, which then still reports; what it reports
    /// once its `WorkPermit` is withdrawn counts for nothing.
    ///
    /// - Parameters:
    ///   - standing: is read now, and not kept.
    ///   - approvals: for a gate, one element, the operator's name, for each approval.
    /// - Returns: nil where it is about something that the fleet no longer has.
    package func task(
        for work: Work,
        _ standing: Standing,
        approvals: AsyncStream<String> = AsyncStream { $0.finish() },
        report: @escaping Report
    ) -> (@Sendable () async -> Void)? {
        switch work {
        case .change(let name, _): targets.instances[name].map { change($0, standing, report) }
        case .rollBack(let name, _): targets.instances[name].map { rollBack($0, standing, report) }
        case .hook(let point, let wave): hook(point, wave, standing, report)
        case .gate(let wave): gate(wave, standing, approvals, report)
        case .watchServer(let server): watch(server, instances(of: work), report)
        case .watchWindow: watchWindow(isOpen: standing.log.closedUntil == nil, report)
        }
    }

    // MARK: Instances

    private func change(_ instance: Instance, _ standing: Standing, _ report: @escaping Report) -> @Sendable () async -> Void {
        let name = instance.name
        let footprint = standing.before?.instance(name)?.footprint
        let change = changes[name] ?? plan.change
        let (isReachable, isComplete) = (standing.isReachable, standing.isComplete(name))
        if standing.isStopped {
            return {
                var result = InstanceResult.stoppedBeforeStart
                if let footprint {
                    result = result.completed(by: nil, footprint, change.direction, planned: nil)
                    result = result.continuing(.recorded, done: result.applied.count, isComplete: isComplete)
                }
                report(.instanceFinished(name, result, at: now()))
            }
        }
        if case .downSteps = change, footprint != nil {
            return { report(.instanceFinished(name, .unknownSteps, at: now())) }
        }
        let job = InstanceJob(instance, change, run: id.description, isTakenOver: standing.isTakenOver)
        return {
            let (result, planned) = await perform(job, report)
            // Nothing more is asked of an instance that another process has now.
            guard let footprint, !WorkPermit.isWithdrawn else { return report(.instanceFinished(name, result, at: now())) }
            var whole = result
            if let kind = change.correctionKind {
                whole = result.corrected(kind).continuing(.recorded, done: 0, isComplete: isComplete)
            } else {
                let known = await self.known(of: instance, isReachable, planned: planned)
                whole = result.completed(by: known.work, footprint, change.direction, planned: planned)
                whole = whole.continuing(known, done: whole.applied.count, isComplete: isComplete)
            }
            report(.instanceFinished(name, whole, at: now()))
        }
    }

    private func rollBack(_ instance: Instance, _ standing: Standing, _ report: @escaping Report) -> @Sendable () async -> Void {
        let name = instance.name
        let known = standing.log.instance(name)
        var before = known?.lastResult ?? InstanceResult(outcome: .interrupted)
        var versions = Set(before.standing)
        if let footprint = standing.past?.instance(name)?.footprint {
            // A killed process may have committed more than it reported: every migration that was pending when the run began may be applied
            // now.
            let start = starts[name] ?? footprint.start
            versions.formUnion(footprint.applied.map(\.version) + (start?.pending ?? []))
            if let start { before.from = start.version }
        } else if mayHaveChanged(before.outcome), let start = known?.footprint?.start {
            // What was committed after the connection was lost is found only now.
            versions.formUnion(start.pending)
            before.from = start.version
        }
        let asksWhatWasDone = standing.isTakenOver || standing.past != nil || mayHaveChanged(before.outcome)
        let job = InstanceJob(
            instance,
            .revert(versions.sorted(), start: before.from),
            run: id.description,
            isTakenOver: standing.isTakenOver
        )
        let isReachable = standing.isReachable
        let wasBegun = standing.isTakenOver || standing.past?.instance(name)?.owesRollback == true
        return { [before] in
            let (result, planned) = await perform(job, report)
            guard asksWhatWasDone, !WorkPermit.isWithdrawn else {
                return report(.rollbackFinished(name, before.rolledBack(by: result, nil), at: now()))
            }
            let found = await self.known(of: instance, isReachable, planned: planned)
            var rollback = result
            if wasBegun, result == .cancelledBeforeStart {
                rollback.to = found.work?.ledger.max()
                rollback = rollback.continuing(found, done: (found.work?.applied ?? before.applied).count, isComplete: false)
            }
            report(.rollbackFinished(name, before.rolledBack(by: rollback, found.work), at: now()))
        }
    }

    /// What the run has done to an instance until now. The instance is asked also where the work on it was cancelled: a run that ends must not say less than
    /// is known.
    ///
    /// - Parameter planned: what this process found pending: where it got so far, it knows what was done before.
    private func known(of instance: Instance, _ isReachable: Bool, planned: [MigrationVersion]?) async -> KnownWork {
        guard isReachable else { return .notAsked }
        if Task.isCancelled, planned != nil { return .recorded }
        guard Task.isCancelled else { return .asked(await inspector.work(of: id.description, on: instance)) }
        // It has the permit of this one, and not its cancellation.
        let question = Task { await inspector.work(of: id.description, on: instance) }
        let end = Task {
            try await Task.sleep(for: Self.patience)
            question.cancel()
        }
        defer { end.cancel() }
        return .asked(await question.value)
    }

    /// Whether more may have been applied than was reported.
    private func mayHaveChanged(_ outcome: Outcome) -> Bool { outcome == .unknown && plan.change.canBeReverted }

    private func perform(_ job: InstanceJob, _ report: @escaping Report) async -> (InstanceResult, planned: [MigrationVersion]?) {
        guard !Task.isCancelled, !WorkPermit.isWithdrawn else { return (.cancelledBeforeStart, nil) }
        let planned = PlannedVersions()
        let result = await migrator.migrate(job) { kind in
            planned.note(kind)
            report(.event(Event(at: now(), kind)))
        }
        return (result, planned.versions)
    }

    // MARK: Hooks and gates

    private func hook(_ point: HookPoint, _ wave: String?, _ standing: Standing, _ report: @escaping Report) -> @Sendable () async -> Void {
        let context = RunSurroundings.HookContext(
            point: point,
            run: id,
            change: plan.change,
            wave: wave,
            status: point == .afterRun ? standing.ending : nil
        )
        return { report(.hookFinished(await surroundings.runHook(context))) }
    }

    private func gate(
        _ name: String,
        _ standing: Standing,
        _ approvals: AsyncStream<String>,
        _ report: @escaping Report
    ) -> @Sendable () async -> Void {
        guard let wave = plan.waves.first(where: { $0.name == name }), let gate = targets.gate(of: wave) else {
            return { report(.gateEnded(wave: name, .passed)) }
        }
        let context = RunSurroundings.GateContext(
            gate: gate,
            run: id,
            change: plan.change,
            wave: name,
            instances: targets.instances(in: [wave]).filter { standing.log.instance($0.name)?.lastResult?.outcome.isGood == true },
            soaked: Duration(clampingSeconds: standing.before?.soakedSeconds(name) ?? 0),
            approvals: approvals,
            report: { kind in report(.event(Event(at: now(), kind))) }
        )
        return { report(.gateEnded(wave: name, await surroundings.passGate(context))) }
    }

    // MARK: Watches

    private func watch(_ server: String, _ instances: [Instance], _ report: @escaping Report) -> @Sendable () async -> Void {
        // What one role may have says nothing of the others'.
        let haveOneRole = Set(instances.map { ExactText($0.loginRole) }).count == 1
        let connections = instances.map(inspector.connections).max() ?? 1
        return {
            // An instance that answered is asked again; one that does not answer, whose database may be gone, makes room for the next
            // instance.
            var asked = 0
            var last: ServerSlots?
            repeat {
                var slots: ServerSlots?
                for _ in 0..<min(3, instances.count) where slots == nil && !Task.isCancelled {
                    slots = await inspector.slots(on: instances[asked % instances.count], run: id.description)
                    if slots == nil { asked += 1 }
                }
                if haveOneRole { slots?.countRole(connections: connections) }
                // A role that has no connection left cannot ask; its limit is still the same.
                if slots == nil, last?.mostForRole != nil { slots = last }
                last = slots
                if Task.isCancelled { return }
                report(.slots(server: server, available: slots?.available))
            } while await pause(timing.slots)
        }
    }

    private func watchWindow(isOpen: Bool, _ report: @escaping Report) -> @Sendable () async -> Void {
        guard let window else { return {} }
        return {
            var isOpen = isOpen
            repeat {
                if window.isOpen(at: now()) != isOpen {
                    isOpen.toggle()
                    report(.window(closedUntil: isOpen ? nil : window.nextChange(after: now())))
                }
                // The wall clock may be set, and a computer may sleep: it is asked again at least each half minute.
            } while await pause(.seconds(min(30, max(0.01, window.nextChange(after: now()).timeIntervalSince(now())))))
        }
    }

    private func pause(_ duration: Duration) async -> Bool {
        (try? await Task.sleep(for: duration)) != nil
    }
}
