import ConvoyFleet
import ConvoyJournal
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension Worker {
    /// Reports what its tasks have to say of a run, and lets the rules decide. Where a decision is not settled it finds that out, too; without a decider
    /// it does nothing else.
    func decide(on run: WorkerRun) async throws(ControlError) {
        decisions += 1
        let (count, id, begun) = (decisions, run.id, ContinuousClock.now)
        let hasDecider = run.decider != nil
        let known = hasDecider ? run.lastEvent : .max
        run.pendingNews = []
        let reports = hasDecider ? run.reports.all.map { ($0.key.number, $0.attempt) } : []
        let committed: CommittedDecision?
        do throws(ControlError) {
            committed = try await control.decide(
                on: run.id,
                by: self.id,
                count: count,
                handOver: run.handOver,
                after: known,
                reporting: Dictionary(reports) { first, _ in first },
                lease: timing.lease
            ) { locked throws(ControlError) in try await self.decision(on: id, locked, after: known, count: count) }
        } catch {
            let report = pendingTurn?.report ?? 0
            pendingTurn = nil
            // What the rules have decided is not recorded, or may not be.
            if run.isTainted { run.forget() }
            run.isTainted = false
            if case .commitUnknown = error {
                run.unsettled = run.unsettled ?? WorkerRun.Unsettled(count: count, report: report, news: run.pendingNews)
            }
            if let reason = error.unreadable { return refuse(run.id, .record(reason)) }
            run.failed(isPassing: error.isPassing)
            throw error
        }
        run.succeeded()
        defer { pendingTurn = nil }
        guard runs[id] === run else { return }
        run.isTainted = false
        run.lastDecision = .now
        guard !run.isOutdated else { return dropOutdated(run) }
        guard !run.isLost else { return dropLost(run) }
        guard let committed else {
            if run.isBehind {
                run.isBehind = false
                _ = try await catchUp(run)
            } else if hasDecider {
                run.isDue = false
            }
            return
        }
        run.isDue = false
        run.advance(to: committed)
        conclude(run, committed, begun)
    }

    /// What the rules decide on a run that is locked; nil if there is nothing to write.
    ///
    /// - Parameter known: the last event that the decider had when the run was to be locked.
    private func decision(on id: RunID, _ locked: LockedRun, after known: Int64, count: Int64) throws(ControlError) -> RunDecision? {
        guard let run = runs[id], !run.isTainted, run.decider == nil || run.lastEvent == known else {
            throw .postgres(PostgresError(.connectionLost, "the connection was lost during a decision"))
        }
        if let unsettled = run.unsettled {
            if locked.lastDecision >= unsettled.count {
                drop(through: unsettled.report, of: run)
                run.notify(of: unsettled.news)
            }
            run.unsettled = nil
        }
        guard !locked.isOutdated else {
            run.isOutdated = true
            return nil
        }
        guard run.decider != nil else { return nil }
        guard run.isRecorded(in: locked) else {
            run.isLost = true
            return nil
        }
        guard !locked.isBehind else {
            run.isBehind = true
            return nil
        }
        do throws(RunRefusal) {
            try run.follow(locked.turns)
        } catch {
            throw .refused(JournalError(path: control.place, message: "run \(id): \(error)", hint: error.hint))
        }
        refuseLostReports(of: run, own: locked.own)
        guard locked.isOpen else {
            run.reports.removeAll()
            return nil
        }
        var decision = RunDecision()
        decision.servedRequest = locked.servedRequest
        let now = clock.now
        let decided: RunDecider.Turn?
        let reported: Int
        // Whatever the last round said: another worker may have begun or resumed the run in between.
        let begins = run.decider?.log.isEmpty == true || locked.resumedBy != nil
        guard begins || run.hasBegun else {
            let reason = run.problem ?? "its first event is missing"
            throw .refused(
                JournalError(path: control.place, message: "run \(id): \(reason)", hint: "`convoy runs show \(id)` shows what is recorded")
            )
        }
        run.isTainted = true
        if begins {
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
            decided = run.decider?.decide(requests + run.reports.all.map(\.fact), at: now)
            decision.done = run.reports.all.filter(\.fact.isEnding).map(\.key.number)
            reported = run.reports.last
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
                // A gate is for every worker.
                server: offer.work.isForEveryWorker ? nil : offer.instances.first?.server,
                isClaimed: own.contains(index)
            )
        }
        run.claimed = own
        return decision
    }

    /// A report counts only while its assignment is this worker's: meanwhile another one may have taken it over and ended it.
    private func refuseLostReports(of run: WorkerRun, own: Set<Int64>) {
        let lost = Set(run.reports.all.map(\.key)).filter { !own.contains($0.number) }
        for key in lost {
            if let task = tasks[key], run.reports.all.contains(where: { $0.key == key && $0.fact.isEnding }) {
                log(
                    "run \(run.id): the report on \(task.work.title.visible) (attempt \(task.lease.attempt)) is refused: another worker has it now"
                )
            }
            lose(key, "it was taken over, or is no longer wanted")
        }
        run.reports.remove(lost)
    }

    /// Forgets reports that are recorded, and tasks that have ended with them.
    private func drop(through report: Int, of run: WorkerRun) {
        for key in run.reports.recorded(through: report) {
            tasks[key] = nil
            leaseEnds.remove(key)
        }
    }

    /// Does what a decision means for this worker's own tasks, now that it is recorded.
    ///
    /// - Parameter begun: when it was begun.
    private func conclude(_ run: WorkerRun, _ committed: CommittedDecision, _ begun: ContinuousClock.Instant) {
        guard let (turn, report) = pendingTurn else { return }
        drop(through: report, of: run)
        run.notify(of: run.pendingNews)
        run.trace(turn.events, upTo: committed.lastEvent, isOwn: true)
        for work in turn.withdraws {
            for (key, task) in tasks where key.run == run.id && task.work == work { lose(key, leaving: nil) }
        }
        if turn.cancelsAll { for (key, task) in tasks where key.run == run.id { task.cancel() } }
        for (index, work) in turn.begins.enumerated() where run.claimed.contains(index) && index < committed.numbers.count {
            let key = Assignment.Key(run: run.id, number: committed.numbers[index])
            begin(Assignment(key: key, kind: work.kind.rawValue, subject: work.subject, attempt: 1), work, in: run, claimed: begun)
        }
        for approval in turn.approvals {
            for (key, task) in tasks where key.run == run.id && task.work == .gate(wave: approval.wave) { task.approve(approval.by) }
        }
        if run.claimed.count < turn.begins.count { leavesWork = true }
        run.claimed = []
    }

    // MARK: Claims

    /// The most pages of candidates that are looked at in a round.
    private static let mostPages = 20

    /// What it looks for; nil where it takes nothing.
    var search: CandidateSearch? {
        let runs = isDraining ? [] : self.runs.values.filter(\.hasBegun)
        guard !runs.isEmpty else { return nil }
        let servers = runs.allSatisfy { $0.servers != nil } ? Set(runs.lazy.compactMap(\.servers).joined()) : nil
        return CandidateSearch(
            runs: runs.map(\.id).sorted(),
            servers: servers,
            takesOver: mayTakeOver,
            limit: servers == nil ? 64 : 256
        )
    }

    /// Claims what waits, or what another worker has lost, until it has enough or there is nothing more.
    ///
    /// - Parameter found: what the search has found in the round.
    func claim(_ found: [Assignment], _ search: CandidateSearch) async throws(ControlError) {
        var (page, search) = (found, search)
        (leavesWork, leavesTakeovers) = (false, false)
        for _ in 0..<Self.mostPages {
            let taken = try await claim(from: page, takesOver: search.takesOver)
            // What is behind may be for this worker, although none of this was.
            guard page.count >= search.limit, busy < limits.total, !isDraining else { return }
            search.offset += page.count - taken
            page = try await control.candidates(search)
        }
    }

    /// - Returns: how many were claimed.
    private func claim(from candidates: [Assignment], takesOver: Bool) async throws(ControlError) -> Int {
        let known = candidates.compactMap { assignment -> (assignment: Assignment, work: Work, run: WorkerRun)? in
            guard let run = runs[assignment.key.run], run.hasBegun, tasks[assignment.key] == nil,
                let kind = WorkKind(rawValue: assignment.kind)
            else {
                return nil
            }
            return (assignment, Work(kind, subject: assignment.subject, wave: assignment.wave ?? ""), run)
        }
        let offers = known.map { assignment, work, run in
            WorkerLimits.Offer(work, instances: run.execution.instances(of: work), isCancelled: assignment.isCancelled)
        }
        let chosen = limits.choose(from: offers, running: busy)
        let left = Set(offers.indices.filter { limits.takes(offers[$0]) }).subtracting(chosen)
        leavesWork = leavesWork || !left.isEmpty
        leavesTakeovers = leavesTakeovers || left.contains { known[$0].assignment.attempt > 0 }
        guard !chosen.isEmpty else { return 0 }
        let begun = ContinuousClock.now
        let claimed = try await control.claim(
            chosen.map { known[$0].assignment.key },
            for: id,
            lease: timing.lease,
            handOvers: runs.mapValues(\.handOver),
            takesOver: takesOver
        )
        let works = Dictionary(known.map { ($0.assignment.key, ($0.work, $0.run)) }) { first, _ in first }
        var followed: [RunID: Bool] = [:]
        for assignment in claimed {
            guard let (work, run) = works[assignment.key] else { continue }
            if followed[run.id] == nil { followed[run.id] = try await catchUp(run) }
            guard followed[run.id] == true, runs[run.id] === run else { continue }
            begin(assignment, work, in: run, claimed: begun)
        }
        return claimed.count
    }
}
