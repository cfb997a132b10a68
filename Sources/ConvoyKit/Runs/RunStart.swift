package import ConvoyJournal
package import ConvoyRun

/// Why a run cannot start now.
package enum RunConflict: Error, Sendable {
    /// Another run is active and includes these instances of the plan; empty if the plan of the other run cannot be read.
    case overlapping(RunRecord, instances: [String])
    /// Another run is active. It shares no instance with the plan, so both may be active if the operator agrees.
    case active(RunRecord)
    /// Another process is starting a run.
    case starting
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
        // Two processes that start at the same moment would not see each other's run.
        try await startLock().released { () async throws(RunConflict) in
            try await check(run.plan, beside: beside)
            do throws(JournalError) {
                let lock = try await journal.lock(run.record.id)
                do throws(JournalError) {
                    try await journal.begin(run.record, plan: run.recordedPlan)
                } catch {
                    await lock.release()
                    throw error
                }
                return lock
            } catch {
                throw .journal(error)
            }
        }
    }

    /// Records the run for others to carry it out, unless another active run is in the way.
    ///
    /// - Parameter handOver: makes the recorded run theirs, before another run can start.
    func record(
        _ run: NewRun,
        beside: [String],
        handOver: () async throws(JournalError) -> Void
    ) async throws(RunConflict) {
        try await startLock().released { () async throws(RunConflict) in
            try await check(run.plan, beside: beside)
            do throws(JournalError) {
                try await journal.begin(run.record, plan: run.recordedPlan)
                try await handOver()
            } catch {
                throw .journal(error)
            }
        }
    }

    private func startLock() async throws(RunConflict) -> any RunLock {
        for _ in 0..<50 {
            if let lock = try? await journal.lock(.starting) { return lock }
        }
        throw .starting
    }

    /// - Parameters:
    ///   - beside: ids, or beginnings of ids, of runs that may be active at the same time.
    ///   - own: the run itself, if it is resumed.
    /// - Throws: ``RunConflict`` if another run of the fleet is active, unless it is in `beside` and shares no instance with the plan.
    package func check(_ plan: RunPlan, beside: [String], own: RunID? = nil) async throws(RunConflict) {
        let open: [RunRecord]
        do throws(JournalError) {
            open = try await journal.runs(limit: 1000, fleet: plan.fleet).filter { $0.status == nil && $0.id != own }
        } catch {
            throw .journal(error)
        }
        let instances = plan.instances
        for run in open where try await state(of: run) == .running {
            guard let theirs = try? await journal.runPlan(of: run.id).instances else {
                throw .overlapping(run, instances: [])
            }
            let names = Set(theirs.map(\.name))
            let databases = Set(theirs.map { [$0.server, $0.database] })
            let common = instances.filter { names.contains($0.name) || databases.contains([$0.server, $0.database]) }.map(\.name)
            guard common.isEmpty else { throw .overlapping(run, instances: common) }
            guard beside.contains(where: { !$0.isEmpty && run.id.description.hasPrefix($0) }) else { throw .active(run) }
        }
    }

    private func state(of run: RunRecord) async throws(RunConflict) -> RunState {
        do throws(JournalError) {
            return try await journal.state(of: run)
        } catch {
            throw .journal(error)
        }
    }
}
