package import ConvoyJournal
import ConvoyReporting
package import ConvoyRun

/// What a process waits for in a run that another process carries out.
package enum RunGoal: String, Sendable, Hashable, CaseIterable {
    /// The end of the run, however it ends.
    case finished
    /// The run waits at a gate.
    case gate
    /// A stop rule, a gate, a hook or the journal has halted the run.
    case halted
}

/// How a wait for a run ended.
package enum RunWaitResult: Sendable {
    /// The run waits at this gate.
    case gate(GateLog)
    /// The run is halted, and instances may still be in progress.
    case halted(HaltReason)
    /// No process works on the run any more.
    ///
    /// - Parameter outcomes: of all its instances, as exit codes count them; those that it did not reach are `pending`.
    case ended(RunState, outcomes: [Outcome: Int])
    /// The time was over, or the task was cancelled.
    case timedOut
}

/// Waits for a run, by reading from the journal what it has got since the last reading. Connects to no database.
package struct RunWait: Sendable {
    private let catalog: RunCatalog
    private let journal: any RunStore
    /// Between two readings, each of which takes one row and the new events that matter here; ten times as long where the journal says when there is one.
    private let interval: Duration

    package init(_ catalog: RunCatalog, in journal: any RunStore, interval: Duration = .milliseconds(500)) {
        (self.catalog, self.journal, self.interval) = (catalog, journal, interval)
    }

    /// Returns at once if the run has reached the goal or has ended.
    ///
    /// - Parameter timeout: how long to wait at most; nil waits without a limit.
    /// - Throws: ``FleetError/Code/run`` if the run vanishes from the journal, and ``FleetError/Code/journal``.
    package func result(of run: RunID, for goal: RunGoal, within timeout: Duration?) async throws(FleetError) -> RunWaitResult {
        let deadline = timeout.map { ContinuousClock.now + min($0, .longest) }
        var log = RunLog()
        var trail = EventTrail()
        let news = journal.news(of: run)
        var shortages = ShortageNotes()
        while true {
            let record = try await catalog.run(run.description, .any, in: journal)
            // Read before the events, so that a run that ends meanwhile is seen with its last event.
            let state = try await catalog.state(of: record, in: journal)
            try await fold(run, after: &trail, into: &log)
            guard state == .running else { return .ended(state, outcomes: try await outcomes(of: record)) }
            if let reason = await shortages.next(of: run, in: journal) { catalog.warn(.note("run \(run) waits: \(reason)")) }
            switch goal {
            case .gate: if let gate = log.gate { return .gate(gate) }
            case .halted: if let reason = log.haltReason { return .halted(reason) }
            case .finished: break
            }
            let left = deadline.map { $0 - .now } ?? interval
            guard left > .zero, !Task.isCancelled else { return .timedOut }
            await news.wait(atMost: min(interval, left), listening: min(interval * 10, left))
        }
    }

    private func fold(_ run: RunID, after trail: inout EventTrail, into log: inout RunLog) async throws(FleetError) {
        var isAnew = false
        while true {
            var next = trail
            let page = try await catalog.explaining { () async throws(JournalError) in
                try await next.next(of: run, .waits, limit: 1000, in: journal)
            }
            trail = next
            if page.lastShared != nil {
                log = RunLog()
                // Where that changes again at once, the next look begins anew.
                if isAnew { return }
                isAnew = true
            }
            for event in page.events.compactMap(\.event) { log.apply(event) }
            guard page.isFull else { return }
        }
    }

    private func outcomes(of run: RunRecord) async throws(FleetError) -> [Outcome: Int] {
        let outcomes = try await catalog.explaining { () async throws(JournalError) in try await journal.outcomes(of: run.id) }
        // Only a whole log says which of those that are ahead the fleet file accepts.
        if outcomes[.ahead] != nil {
            let (report, _) = try await catalog.report(on: run, in: journal)
            return report.log.instances.reduce(into: [:]) { $0[$1.judgedOutcome, default: 0] += 1 }
        }
        let left = run.instances - outcomes.values.reduce(0, +)
        return left > 0 ? outcomes.merging([.pending: left], uniquingKeysWith: +) : outcomes
    }
}
