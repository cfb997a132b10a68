import ConvoyFleet
import ConvoyJournal
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension Worker {
    /// Reports what its tasks have to say of a run, and lets the rules decide.
    func decide(on run: WorkerRun) async throws(ControlError) {
        if run.decider == nil {
            guard try await catchUp(run) else { return }
        }
        decisions += 1
        let (count, id) = (decisions, run.id)
        let reported = run.reports.count
        let begun = ContinuousClock.now
        run.pendingNews = []
        let committed: CommittedDecision?
        do throws(ControlError) {
            committed = try await control.decide(
                on: run.id,
                by: self.id,
                count: count,
                after: run.lastEvent,
                reporting: Dictionary(run.reports.map { ($0.key.number, $0.attempt) }) { first, _ in first },
                lease: timing.lease
            ) { locked throws(ControlError) in try await self.decision(on: id, locked, count: count) }
        } catch {
            pendingTurn = nil
            // What the rules have decided is not recorded, or may not be.
            if run.isTainted { run.forget() }
            run.isTainted = false
            if case .commitUnknown = error {
                run.unsettled = run.unsettled ?? WorkerRun.Unsettled(count: count, reports: reported, news: run.pendingNews)
            }
            if let reason = error.unreadable { return refuse(run.id, reason) }
            throw error
        }
        defer { pendingTurn = nil }
        guard runs[id] === run else { return }
        run.isTainted = false
        run.lastDecision = .now
        guard let committed else {
            if run.isBehind {
                run.isBehind = false
                _ = try await catchUp(run)
            } else {
                run.isDue = false
            }
            return
        }
        run.isDue = false
        run.lastEvent = committed.lastEvent
        let isClaiming = !run.claimed.isEmpty
        conclude(run, committed)
        if isClaiming { hasClaimed(at: begun) }
    }

    /// What the rules decide on a run that is locked; nil if there is nothing to write.
    private func decision(on id: RunID, _ locked: LockedRun, count: Int64) throws(ControlError) -> RunDecision? {
        guard let run = runs[id], run.decider != nil, !run.isTainted else {
            throw .postgres(PostgresError(.connectionLost, "the connection was lost during a decision"))
        }
        var settled: [Event] = []
        if let unsettled = run.unsettled {
            if locked.lastDecision >= unsettled.count {
                drop(run.reports.prefix(unsettled.reports), of: run)
                settled = unsettled.news
            }
            run.unsettled = nil
        }
        guard !locked.isBehind else {
            run.isBehind = true
            run.notify(of: settled)
            return nil
        }
        do throws(RunRefusal) {
            try run.follow(locked.turns)
        } catch {
            throw .refused(JournalError(path: control.place, message: "run \(id): \(error)", hint: error.hint))
        }
        run.notify(of: settled)
        refuseLostReports(of: run, own: locked.own)
        guard locked.isOpen else {
            run.reports = []
            return nil
        }
        var decision = RunDecision()
        decision.servedRequest = locked.servedRequest
        let now = clock.now
        let decided: RunDecider.Turn?
        let reported: Int
        run.isTainted = true
        if run.decider?.log.isEmpty == true || locked.resumedBy != nil {
            // What was asked for before is decided on next.
            decision.servedRequest = 0
            let window = run.execution.windowClosedUntil(now)
            decided = run.decider?.begin(by: locked.resumedBy ?? "", windowClosedUntil: window, at: now)
            reported = 0
        } else {
            let requests = locked.requests.map { RunDecider.Fact.requested($0.kind, by: $0.by) }
            guard locked.hasRequests || !run.reports.isEmpty else {
                run.isTainted = false
                return nil
            }
            decided = run.decider?.decide(requests + run.reports.map(\.fact), at: now)
            decision.done = run.reports.filter(\.fact.isEnding).map(\.key.number)
            reported = run.reports.count
        }
        guard let turn = decided else { return nil }
        pendingTurn = (turn, reported)
        decision.events = turn.events
        run.pendingNews = run.news(in: turn.events)
        decision.withdrawals = turn.withdraws.map { RunDecision.Withdrawal(kind: $0.kind.rawValue, subject: $0.subject) }
        decision.cancelsAll = turn.cancelsAll
        decision.approvals = turn.approvals.map { ($0.wave, $0.by) }
        decision.gateKind = WorkKind.gate.rawValue
        let offers = turn.begins.map { WorkerLimits.Offer($0, instances: run.execution.instances(of: $0)) }
        let ending = Set(decision.done)
        let running = busy - tasks.count { $0.key.run == id && ending.contains($0.key.number) && !$0.value.work.isWatch }
        let own: Set<Int> = isDraining || turn.cancelsAll || leavesTakeovers ? [] : Set(limits.choose(from: offers, running: running))
        decision.beginnings = offers.enumerated().map { index, offer in
            RunDecision.Beginning(
                kind: offer.work.kind.rawValue,
                subject: offer.work.subject,
                wave: offer.work.wave,
                server: offer.instances.first?.server,
                isClaimed: own.contains(index)
            )
        }
        run.claimed = own
        return decision
    }

    /// A report counts only while its assignment is this worker's: meanwhile another one may have taken it over and ended it.
    private func refuseLostReports(of run: WorkerRun, own: Set<Int64>) {
        let lost = Set(run.reports.map(\.key)).filter { !own.contains($0.number) }
        for key in lost {
            if let task = tasks[key], run.reports.contains(where: { $0.key == key && $0.fact.isEnding }) {
                log(
                    "run \(run.id): the report on \(task.work.title.visible) (attempt \(task.lease.attempt)) is refused: another worker has it now"
                )
            }
            lose(key, "it was taken over, or is no longer wanted")
        }
        run.reports.removeAll { lost.contains($0.key) }
    }

    /// Forgets reports that are recorded, and tasks that have ended with them.
    private func drop(_ reports: some Collection<WorkerRun.Report>, of run: WorkerRun) {
        let endings = Set(reports.filter(\.fact.isEnding).map(\.key))
        run.reports.removeFirst(reports.count)
        for key in endings { tasks[key] = nil }
    }

    /// Does what a decision means for this worker's own tasks, now that it is recorded.
    private func conclude(_ run: WorkerRun, _ committed: CommittedDecision) {
        guard let (turn, reported) = pendingTurn else { return }
        drop(run.reports.prefix(reported), of: run)
        run.notify(of: run.pendingNews)
        run.trace(turn.events, upTo: committed.lastEvent, isOwn: true)
        for work in turn.withdraws {
            for (key, task) in tasks where key.run == run.id && task.work == work { lose(key, leaving: nil) }
        }
        if turn.cancelsAll { for (key, task) in tasks where key.run == run.id { task.cancel() } }
        for (index, work) in turn.begins.enumerated() where run.claimed.contains(index) && index < committed.numbers.count {
            let key = Assignment.Key(run: run.id, number: committed.numbers[index])
            begin(Assignment(key: key, kind: work.kind.rawValue, subject: work.subject, attempt: 1), work, in: run)
        }
        for approval in turn.approvals {
            for (key, task) in tasks where key.run == run.id && task.work == .gate(wave: approval.wave) { task.approve(approval.by) }
        }
        if run.claimed.count < turn.begins.count { leavesWork = true }
        run.claimed = []
    }

    /// Claims what waits, or what another worker has lost.
    func claim(from candidates: [Assignment]) async throws(ControlError) {
        guard !isDraining else { return }
        let known = candidates.compactMap { assignment -> (Assignment, Work, WorkerRun)? in
            guard let run = runs[assignment.key.run], tasks[assignment.key] == nil, let kind = WorkKind(rawValue: assignment.kind) else {
                return nil
            }
            return (assignment, Work(kind, subject: assignment.subject, wave: assignment.wave ?? ""), run)
        }
        let offers = known.map { WorkerLimits.Offer($1, instances: $2.execution.instances(of: $1)) }
        let chosen = limits.choose(from: offers, running: busy)
        let left = Set(offers.indices.filter { limits.takes(offers[$0]) }).subtracting(chosen)
        leavesWork = !left.isEmpty
        leavesTakeovers = left.contains { known[$0].0.attempt > 0 }
        guard !chosen.isEmpty else { return }
        let begun = ContinuousClock.now
        let claimed = try await control.claim(chosen.map { known[$0].0.key }, for: id, lease: timing.lease)
        if !claimed.isEmpty { hasClaimed(at: begun) }
        let works = Dictionary(known.map { ($0.0.key, ($0.1, $0.2)) }) { first, _ in first }
        var followed: Set<RunID> = []
        for assignment in claimed {
            guard let (work, run) = works[assignment.key], runs[run.id] === run else { continue }
            if followed.insert(run.id).inserted {
                guard try await catchUp(run) else { continue }
            }
            begin(assignment, work, in: run)
        }
    }
}
