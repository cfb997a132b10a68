import ConvoyIO
package import ConvoyJournal
package import ConvoyRun

/// Why a run cannot start now.
package enum RunConflict: Error, Sendable {
    /// Another run is active and includes these instances of the plan; empty if the plan of the other run cannot be read.
    case overlapping(RunRecord, instances: [String])
    /// Another run is active. It shares no instance with the plan, so both may be active if the operator agrees.
    case active(RunRecord)
    /// Another process is starting a run; the error says which.
    case starting(JournalError)
    case journal(JournalError)
}

/// Starts runs: at most one at a time works on an instance, whichever process it is in.
package struct RunStart: Sendable {
    private let journal: any RunStore

    package init(in journal: any RunStore) {
        self.journal = journal
    }

    /// Records the run in the journal and takes its lock, unless another active run is in the way.
    ///
    /// - Parameter beside: ids, or beginnings of ids, of runs that may be active at the same time.
    /// - Returns: the run's lock; the caller releases it when the run has ended.
    package func begin(_ run: NewRun, beside: [String] = []) async throws(RunConflict) -> any RunLock {
        try await starting(run.plan.fleet) { start throws(RunConflict) in
            let others = try await check(run.plan, beside: beside)
            return try await explaining { () async throws(JournalError) in
                let lock = try await journal.lock(run.record.id)
                do throws(JournalError) {
                    try await journal.begin(run.record, plan: run.recordedPlan, beside: others, under: start)
                } catch {
                    await lock.release()
                    throw error
                }
                return lock
            }
        }
    }

    /// Records the run for others to carry it out, unless another active run is in the way.
    ///
    /// - Parameter handOver: makes the recorded run theirs, before another run can start; it is given the lock that must still hold then.
    func record(
        _ run: NewRun,
        beside: [String],
        handOver: (_ start: any RunLock) async throws(JournalError) -> Void
    ) async throws(RunConflict) {
        try await starting(run.plan.fleet) { start throws(RunConflict) in
            let others = try await check(run.plan, beside: beside)
            try await explaining { () async throws(JournalError) in
                try await journal.begin(run.record, plan: run.recordedPlan, beside: others, under: start)
                try await handOver(start)
            }
        }
    }

    /// Takes up a run that has ended, or was cut off, unless another active run is in the way. The caller holds its lock.
    ///
    /// - Parameters:
    ///   - plan: what is left of the run.
    ///   - beside: ids, or beginnings of ids, of runs that may be active at the same time.
    ///   - takeOver: makes the run active, before another run can start; it is given the lock that must still hold then.
    package func resume<Value>(
        _ run: RunID,
        _ plan: RunPlan,
        beside: [String],
        takingOver takeOver: (_ start: any RunLock) async throws(JournalError) -> Value
    ) async throws(RunConflict) -> Value {
        try await starting(plan.fleet) { start throws(RunConflict) in
            let others = try await check(plan, beside: beside, own: run)
            return try await explaining { () async throws(JournalError) in
                try await journal.exclude(othersThan: run, of: plan.fleet, beside: others, under: start)
                return try await takeOver(start)
            }
        }
    }

    /// Takes up a run to carry it out in this process; see ``resume(_:_:beside:takingOver:)``.
    ///
    /// - Parameter basis: how far the run had got when that was decided.
    package func resume(
        _ run: RunID,
        _ plan: RunPlan,
        unchangedSince basis: RunBasis,
        beside: [String] = []
    ) async throws(RunConflict) {
        try await resume(run, plan, beside: beside) { start throws(JournalError) in
            try await journal.reopen(run, unchangedSince: basis, under: start)
        }
    }

    // MARK: One at a time

    /// How often a turn is taken again that was lost, because this process was slow.
    private static let turns = 3

    /// Runs a body while no other process starts or resumes a run of the fleet: two that do at the same moment would not see each other's run.
    private func starting<Value>(
        _ fleet: String,
        _ body: (_ start: any RunLock) async throws(RunConflict) -> Value
    ) async throws(RunConflict) -> Value {
        var turn = 1
        while true {
            do throws(RunConflict) {
                let start = try await startLock(fleet)
                return try await start.released { () async throws(RunConflict) in try await body(start) }
            } catch {
                guard case .journal(let problem) = error, problem.reason == .overtaken, turn < Self.turns else { throw error }
                turn += 1
            }
        }
    }

    private func startLock(_ fleet: String) async throws(RunConflict) -> any RunLock {
        let deadline = ContinuousClock.now + journal.startPatience
        while true {
            do throws(JournalError) {
                return try await journal.lockStart(of: fleet)
            } catch {
                // Whatever else it is does not pass while this process waits.
                guard error.reason == .held else { throw .journal(error) }
                guard .now < deadline, !Task.isCancelled else { throw .starting(error) }
                await pause(for: .milliseconds(20), cancellation: .observed)
            }
        }
    }

    /// - Returns: the active runs of the fleet that may be.
    /// - Throws: ``RunConflict`` if another run of the fleet is active, unless it is in `beside` and shares no instance with the plan.
    private func check(_ plan: RunPlan, beside: [String], own: RunID? = nil) async throws(RunConflict) -> Set<RunID> {
        let active = try await explaining { () async throws(JournalError) in try await journal.activeRuns(of: plan.fleet) }
        let instances = plan.instances
        var others: Set<RunID> = []
        for run in active where run.id != own {
            guard let theirs = try? await journal.runPlan(of: run.id).instances else {
                throw .overlapping(run, instances: [])
            }
            let names = Set(theirs.map(\.name))
            let databases = Set(theirs.map { [$0.server, $0.database] })
            let common = instances.filter { names.contains($0.name) || databases.contains([$0.server, $0.database]) }.map(\.name)
            guard common.isEmpty else { throw .overlapping(run, instances: common) }
            guard beside.contains(where: { !$0.isEmpty && run.id.description.hasPrefix($0) }) else { throw .active(run) }
            others.insert(run.id)
        }
        return others
    }

    private func explaining<Value>(_ body: () async throws(JournalError) -> Value) async throws(RunConflict) -> Value {
        do throws(JournalError) {
            return try await body()
        } catch {
            throw .journal(error)
        }
    }
}
