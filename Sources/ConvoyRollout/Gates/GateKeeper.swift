package import ConvoyFleet
import ConvoyIO
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText

/// Watches a wave's gate: whether its conditions hold for the whole soak, and whether it was approved.
///
/// Checks, command and URL run when the gate opens, again every ``Gate/every`` while the gate is closed, and once more at the end: when the
/// soak is over and the approval is there. The first bad result fails the gate. An approval counts from the moment when it is given, also
/// during the soak.
package struct GateKeeper: Sendable {
    /// How a gate ended.
    package enum Verdict: Sendable, Hashable {
        case passed
        /// What turned bad: the instance and its check, the command, or the URL.
        case failed(reason: String)
        /// The approval did not come within that time.
        case notApproved(within: Duration)
        /// The task was cancelled before it was decided.
        case cancelled
    }

    private let hooks: HookRunner
    private let limits: ConnectionLimits
    private let clock: any Clock<Duration>
    private let httpTimeout: Duration
    private let healthChecks: HealthCheckRunner

    /// - Parameters:
    ///   - hooks: runs the gate's command, with its time limit.
    ///   - limits: bound the connections of the checks.
    ///   - clock: what the soak is measured with.
    ///   - httpTimeout: how long a gate's URL may take to answer.
    ///   - healthChecks: runs the gate's checks.
    package init(
        hooks: HookRunner,
        limits: ConnectionLimits,
        clock: any Clock<Duration> = ContinuousClock(),
        httpTimeout: Duration = .seconds(10),
        healthChecks: @escaping HealthCheckRunner
    ) {
        self.hooks = hooks
        self.limits = limits
        self.clock = clock
        self.httpTimeout = httpTimeout
        self.healthChecks = healthChecks
    }

    /// Watches a gate until it passes, fails, or the task is cancelled; then what it runs is stopped first.
    ///
    /// - Parameters:
    ///   - wave: the wave that the gate comes after.
    ///   - instances: the wave's instances that succeeded; the checks run there.
    ///   - approvals: one element, the operator's name, for each approval; the first one counts. The stream serves one gate only.
    ///   - resumedAfter: how much of the soak an earlier process of the run has waited already.
    ///   - waiting: called with what the gate waits for, at the start and when that changes.
    @concurrent
    package func verdict(
        on gate: Gate,
        after wave: String,
        instances: [Instance],
        run: String,
        direction: MigrationDirection,
        approvals: AsyncStream<String>,
        resumedAfter: Duration = .zero,
        waiting: @Sendable (_ reason: String) -> Void = { _ in }
    ) async -> Verdict {
        let occasion = HookOccasion(run: run, direction: direction, wave: wave)
        return await watch(gate, occasion, instances, approvals, resumedAfter, clock, waiting)
    }

    private func watch(
        _ gate: Gate,
        _ occasion: HookOccasion,
        _ instances: [Instance],
        _ approvals: AsyncStream<String>,
        _ resumedAfter: Duration,
        _ clock: some Clock<Duration>,
        _ waiting: @Sendable (String) -> Void
    ) async -> Verdict {
        let deadline = gate.approve ? gate.approveWithin.map { clock.now.advanced(by: $0) } : nil
        let soakEnd = clock.now.advanced(by: max(.zero, gate.soak - resumedAfter))
        let approval = OneShot<String>()
        if !gate.approve { approval.fulfil("") }
        return await withTaskGroup(of: Void.self) { listener in
            if gate.approve {
                listener.addTask { for await who in approvals { return approval.fulfil(who) } }
            }
            defer { listener.cancelAll() }
            var told: String?
            while true {
                let roundStart = clock.now
                if let limit = gate.approveWithin, let deadline, roundStart >= deadline, approval.current == nil {
                    return .notApproved(within: limit)
                }
                let isLast = roundStart >= soakEnd && approval.current != nil
                if !isLast {
                    let soakLeft = roundStart < soakEnd ? roundStart.duration(to: soakEnd) : nil
                    let reason = Self.reason(soakLeft: soakLeft, approval.current == nil, within: gate.approveWithin)
                    // The remaining time changes with each round; the reason of the wait does not.
                    if told != reason.kind { waiting(reason.text) }
                    told = reason.kind
                }
                let problem = await problem(gate, occasion, instances)
                if Task.isCancelled { return .cancelled }
                if let problem { return .failed(reason: problem) }
                if isLast { return .passed }

                let round = roundStart.advanced(by: max(gate.every, .milliseconds(1)))
                let next = approval.current == nil ? min(round, deadline ?? round) : round
                if clock.now < soakEnd {
                    try? await clock.sleep(until: min(next, soakEnd), tolerance: nil)
                } else {
                    _ = await approval.value { try await clock.sleep(until: next, tolerance: nil) }
                }
                if Task.isCancelled { return .cancelled }
            }
        }
    }

    private static func reason(soakLeft: Duration?, _ needsApproval: Bool, within: Duration?) -> (kind: String, text: String) {
        let approval = needsApproval ? "an approval\(within.map { " within \($0.human)" } ?? "") (convoy approve)" : nil
        let kind = [soakLeft.map { _ in "soak" }, approval].compactMap(\.self).joined(separator: " and ")
        let text = [soakLeft.map { "its soak of \($0.human)" }, approval].compactMap(\.self).joined(separator: " and ")
        return (kind, text)
    }

    // MARK: One round

    /// The first problem found now, without secrets; nil if there is none.
    private func problem(_ gate: Gate, _ occasion: HookOccasion, _ instances: [Instance]) async -> String? {
        if !gate.checks.isEmpty, let problem = await checkProblem(gate.checks, instances) {
            return hooks.serverMask.masked(problem)
        }
        if Task.isCancelled { return nil }
        if !gate.command.isEmpty {
            let outcome = await hooks.runGate(gate.command, for: occasion)
            if let problem = outcome.problem { return hooks.mask.masked("command \(HookRunner.name(of: gate.command)): \(problem)") }
        }
        if Task.isCancelled { return nil }
        guard let url = gate.http else { return nil }
        return await HTTPCheck(url: url, timeout: httpTimeout).problem().map(hooks.mask.masked)
    }

    /// Asks the checks on every instance, within the connection limits, until one does not hold.
    private func checkProblem(_ checks: [Check], _ instances: [Instance]) async -> String? {
        var queue = StartQueue(
            instances.map { StartQueue.Entry(server: $0.server, connections: 1) },
            maxParallel: nil,
            budgets: ServerBudgets(limits)
        )
        return await withTaskGroup(of: (Int, Failure?).self) { group in
            while true {
                while !Task.isCancelled, let index = queue.next() {
                    group.addTask { (index, await healthChecks(checks, instances[index])) }
                }
                guard let (index, failure) = await group.next() else { return nil }
                queue.finished(index)
                if let failure {
                    group.cancelAll()
                    return "\(instances[index].name): \(failure.message)"
                }
            }
        }
    }
}
