import ConvoyIO
import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// What a worker does with an assignment that it has.
extension Worker {
    /// The work stops, and the assignment is given back as soon as it has.
    func giveUp(_ key: Assignment.Key) {
        guard let task = tasks[key] else { return }
        tasks[key]?.isGivenUp = true
        task.permit.dismissReport()
        task.cancel()
    }

    /// The assignment is no longer this worker's: its work stops, and nothing of it is reported.
    ///
    /// - Parameter grace: how long its programs have to end; nil where no other worker can have it yet, so that hooks which undo something still run.
    func lose(_ key: Assignment.Key, _ reason: String? = nil, leaving grace: Duration? = .zero) {
        guard let task = tasks.removeValue(forKey: key) else { return }
        runs[key.run]?.reports.remove([key])
        if task.hasEnded { leaseEnds.remove(key) }
        guard !task.hasEnded || reason != nil else { return }
        if let reason, !task.work.isWatch {
            log("run \(key.run): \(task.work.title.visible) (attempt \(task.lease.attempt)) stops here: \(reason)")
        }
        task.permit.dismissReport()
        if let grace { task.permit.withdraw(leaving: grace) }
        task.cancel()
        guard !task.hasEnded else { return }
        let subject = WorkerTask.Subject(run: key.run, work: task.work)
        dying[subject] = task
        Task {
            await task.task.value
            self.hasDied(subject, task.task)
        }
    }

    private func hasDied(_ subject: WorkerTask.Subject, _ task: Task<Void, Never>) {
        guard let dead = dying[subject], dead.task == task else { return }
        dying[subject] = nil
        if tasks[dead.lease.key] == nil { leaseEnds.remove(dead.lease.key) }
    }

    /// Begins to work on an assignment that it has.
    ///
    /// - Parameter claimed: when the statement was sent that made it its own.
    func begin(_ assignment: Assignment, _ work: Work, in run: WorkerRun, claimed: ContinuousClock.Instant) {
        guard let decider = run.decider, decider.awaits(work) else { return }
        let (approvals, approve) = AsyncStream.makeStream(of: String.self)
        let (key, attempt) = (assignment.key, assignment.attempt)
        let isUnfinished = work.instance.flatMap { decider.past?.instance($0) }.map { $0.owesRollback || $0.footprint != nil } ?? false
        let standing = WorkExecution.Standing(
            log: decider.log,
            past: decider.past,
            ending: decider.ending,
            isTakenOver: attempt > 1 || isUnfinished,
            wasLost: attempt > 1,
            // It waited for a worker that had room, and the run has been halted since.
            isStopped: attempt == 1 && decider.log.startsNothing,
            isReachable: run.execution.instances(of: work).allSatisfy(limits.takes),
            room: assignment.isCancelled ? room : nil
        )
        let body = run.execution.task(for: work, standing, approvals: approvals) { [mailbox] in
            mailbox.post(.fact(key, attempt: attempt, $0))
        }
        let before = dying[WorkerTask.Subject(run: key.run, work: work)]?.task
        leaseEnds.set(end(from: claimed), for: key)
        // Also a process that was suspended knows at once that its time is over.
        let permit = WorkPermit { [leaseEnds] in leaseEnds.isOver(key) }
        // Not on the worker's own executor.
        let isCancelled = assignment.isCancelled
        let hasRoom = isCancelled || work.isWatch
        let task = Task.detached { [mailbox, room] in
            // Nothing of it is begun: it only answers.
            if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
            await before?.value
            if let body { await permit.covering { if hasRoom { await body() } else { await room.working(body) } } }
            mailbox.post(.ended(key, attempt: attempt))
        }
        tasks[key] = WorkerTask(lease: Lease(key: key, attempt: attempt), work: work, task: task, permit: permit, approval: approve)
        guard attempt > 1 else { return }
        let previous = assignment.previousWorker.map { "worker \($0.visible) has stopped renewing its lease" } ?? "a worker gave it back"
        log("run \(key.run): takes over \(work.title.visible) (attempt \(attempt)): \(previous)")
        if case .change(let name, _) = work {
            let message = "\(previous): worker \(id) continues"
            mailbox.post(.fact(key, attempt: attempt, .event(Event(at: clock.now, .instanceWarned(instance: name, message: message)))))
        }
    }
}

extension Work {
    /// The instance that is changed; nil if it is about something else.
    fileprivate var instance: String? {
        switch self {
        case .change(let name, _), .rollBack(let name, _): name
        case .hook, .gate, .watchServer, .watchWindow: nil
        }
    }
}
