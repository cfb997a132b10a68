import ConvoyFleet
import ConvoyIO
import ConvoyJournal
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import ConvoyText

extension Worker {
    /// How long a refusal stands before the files are read again.
    private static let refusalTime = Duration.seconds(10)

    /// Takes part in runs that are new, and leaves those that are over.
    func follow(_ open: [OpenRun]) {
        let ids = Set(open.map(\.id))
        // It may still have to send notifications of a run that is over.
        for id in Set(runs.keys).union(loads.keys) where !ids.contains(id) && runs[id]?.owesNews != true { leave(id) }
        refusals = refusals.filter { ids.contains($0.key) }
        unnoted = unnoted.filter { ids.contains($0.key) }
        for run in open {
            if let before = seen[run.id], before.handOver != run.handOver {
                // It may be this worker's now.
                refusals[run.id]?.at = .now - Self.refusalTime * 2
                unnoted[run.id] = nil
                loads.removeValue(forKey: run.id)?.task.cancel()
            }
            if let known = runs[run.id], known.handOver != run.handOver { leave(run.id) }
            if let known = runs[run.id] {
                known.note(run)
            } else if loads[run.id] == nil, !isDraining, refusals[run.id].map({ .now - $0.at > Self.refusalTime }) ?? true {
                join(run)
            }
        }
        seen = Dictionary(open.map { ($0.id, $0) }) { first, _ in first }
    }

    /// Forgets a run; the notifications and spans that are on their way still have some time to arrive.
    ///
    /// - Parameter grace: as in ``lose(_:_:leaving:)``.
    func leave(_ id: RunID, leaving grace: Duration? = .zero) {
        for key in tasks.keys where key.run == id { lose(key, leaving: grace) }
        loads.removeValue(forKey: id)?.task.cancel()
        guard let run = runs.removeValue(forKey: id), run.notifier != nil || run.tracer != nil else { return }
        let (notifier, tracer) = (run.notifier, run.tracer)
        lastDelivery += 1
        let number = lastDelivery
        deliveries[number] = Task {
            await notifier?.finish()
            await tracer?.finish()
            self.deliveries[number] = nil
        }
    }

    /// Leaves a run that was handed over anew, perhaps with other files: it is read again at once.
    func dropOutdated(_ run: WorkerRun) {
        leave(run.id)
        lastRound = nil
    }

    /// Leaves a run of which events are not recorded any more that the worker knows. The numbers of its assignments may mean other work by now.
    func dropLost(_ run: WorkerRun) {
        log(
            "run \(run.id): the control database has lost events that this worker knows: a server that was behind took over; "
                + "its work on the run stops, and the run is read again"
        )
        dropOutdated(run)
    }

    // MARK: Reading runs

    private func join(_ open: OpenRun) {
        load(open.id) { [loader, mailbox] number in
            let result: Result<RunLoader.Loaded, any Error>
            do { result = .success(try await loader.loaded(open)) } catch { result = .failure(error) }
            mailbox.post(.loaded(open.id, load: number, result))
        }
    }

    /// Makes the decider of a run anew, unless that is under way.
    func restore(_ run: WorkerRun) {
        guard loads[run.id] == nil else { return }
        let (id, terms, last) = (run.id, run.terms, run.lastTraced)
        load(id) { [loader, mailbox] number in
            let result: Result<RunLoader.Restored, any Error>
            do { result = .success(try await loader.restored(terms, after: last)) } catch { result = .failure(error) }
            mailbox.post(.restored(id, load: number, result))
        }
    }

    /// Not on the worker's own executor, and not waited for: the work on the other runs continues.
    private func load(_ run: RunID, _ body: @escaping @Sendable (_ number: Int) async -> Void) {
        loadCount += 1
        let number = loadCount
        loads[run] = (number, Task.detached { await body(number) })
    }

    func take(_ result: Result<RunLoader.Loaded, any Error>, of run: RunID, _ load: Int) {
        guard loads[run]?.number == load else { return }
        loads[run] = nil
        guard !isDraining else { return }
        switch result {
        case .success(let loaded):
            if let problem = loaded.restored.problem, loaded.open.resumedBy == nil { return refuse(run, .record(problem)) }
            runs[run] = WorkerRun(
                loaded,
                servers: limits.servers(of: loaded.plan.instances.flatMap { loaded.execution.instances(of: .change($0.name, wave: "")) })
            )
            if refusals.removeValue(forKey: run) != nil { unnoted[run] = .some(nil) }
            // What waits in it is claimed at once.
            lastRound = nil
            log("takes part in run \(run)")
        case .failure(let error): refuse(run, error)
        }
    }

    func take(_ result: Result<RunLoader.Restored, any Error>, of run: RunID, _ load: Int) {
        guard loads[run]?.number == load else { return }
        loads[run] = nil
        switch result {
        case .success(let restored):
            if let problem = restored.problem, seen[run]?.resumedBy == nil { return refuse(run, .record(problem)) }
            runs[run]?.remember(restored)
            runs[run]?.trouble = nil
        case .failure(let error as ControlError) where error.unreadable == nil:
            let words = error.journalError(control.place).description
            if runs[run]?.trouble != words { log("run \(run) cannot be read: \(words); trying again") }
            runs[run]?.trouble = words
            runs[run]?.failed(isPassing: error.isPassing)
        case .failure(let error): refuse(run, error)
        }
    }

    // MARK: Refusals

    private func refuse(_ run: RunID, _ error: any Error) {
        switch error {
        case let refusal as RunRefusal: refuse(run, refusal)
        case let problems as Problems:
            refuse(
                run,
                problems.problems.first.map { "\($0)".visible } ?? "its files cannot be read",
                hint: "correct the files of this worker"
            )
        case let error as ControlError:
            let problem = error.journalError(control.place)
            // One that was only away is no reason to give the run up.
            refuse(run, problem.description, hint: problem.hint ?? "the worker tries again by itself", isNoted: !error.isPassing)
        default: refuse(run, "\(error)".visible, hint: "the worker tries again by itself")
        }
    }

    func refuse(_ run: RunID, _ refusal: RunRefusal) { refuse(run, refusal.description, hint: refusal.hint) }

    func refuse(_ run: RunID, _ reason: String, hint: String, isNoted: Bool = true) {
        if refusals[run]?.reason != reason { log("takes no part in run \(run): \(reason) (\(hint))") }
        refusals[run] = (reason, .now)
        if isNoted { unnoted[run] = RunStaff.Refusal(worker: id, reason: reason.visible, hint: hint.visible) }
        leave(run, leaving: nil)
    }

    /// Keeps in the control database why this worker takes no part in runs.
    ///
    /// - Returns: the first error; what it is about is written with the next round.
    func noteRefusals() async -> ControlError? {
        for (run, refusal) in unnoted {
            do throws(ControlError) {
                try await control.note(refusal, of: run, by: id)
                unnoted[run] = nil
                noteTrouble = nil
            } catch {
                guard !error.mayPass else { return error }
                // It is noted again when the files are read again. That it is over is not: then the worker has read them.
                if refusal != nil || error.isMissingRight { unnoted[run] = nil }
                let problem = error.journalError(control.place)
                let words = "why it takes no part in runs cannot be recorded: \(problem.message)\(problem.hint.map { " (\($0))" } ?? "")"
                if noteTrouble != words { log(words) }
                noteTrouble = words
            }
        }
        return nil
    }

    // MARK: Following

    /// Makes sure that a run's decider has all that is recorded, as far as can be seen without its lock.
    ///
    /// - Returns: false if the worker cannot work on the run now.
    func catchUp(_ run: WorkerRun) async throws(ControlError) -> Bool {
        guard run.decider != nil else { return false }
        let found: [RecordedTurn]?
        do throws(ControlError) {
            found = try await loader.turns(of: run.id, after: run.lastEvent, run.lastFingerprint)
        } catch {
            guard let reason = error.unreadable else { throw error }
            refuse(run.id, .record(reason))
            return false
        }
        guard let turns = found else {
            dropLost(run)
            return false
        }
        do throws(RunRefusal) {
            try run.follow(turns)
            return true
        } catch {
            refuse(run.id, error)
            return false
        }
    }
}

extension ControlError {
    /// Whether it says only that the control database could not be reached.
    var mayPass: Bool {
        if case .commitUnknown = self { true } else { isPassing }
    }

    /// Why what was read cannot be used; nil for every other error.
    var unreadable: String? {
        switch self {
        case .postgres(let error) where error.code == .unexpectedResult: error.description.visible
        case .refused(let error): error.description.visible
        case .postgres, .commitUnknown, .statementEnded: nil
        }
    }
}
