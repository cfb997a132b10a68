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

        package init(log: RunLog, past: RunLog?, ending: RunEnding? = nil, isTakenOver: Bool = false) {
            (self.log, self.past, self.ending, self.isTakenOver) = (log, past, ending, isTakenOver)
        }

        /// What was known before this work was begun; nil if it is begun for the first time.
        var before: RunLog? { isTakenOver ? log : past }
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

    /// When the maintenance window opens; nil if it is open at that time, or if there is none.
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
                whole = result.corrected(kind)
            } else {
                let work = await inspector.work(of: id.description, on: instance)
                whole = result.completed(by: work, footprint, change.direction, planned: planned)
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
        return { [before] in
            let (result, _) = await perform(job, report)
            let work = asksWhatWasDone && !WorkPermit.isWithdrawn ? await inspector.work(of: id.description, on: instance) : nil
            report(.rollbackFinished(name, before.rolledBack(by: result, work), at: now()))
        }
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
