import ConvoyRun

/// What earlier processes did in the run, by instance: ``RolloutMachine/Progress`` as the rules look it up.
struct RunHistory: Sendable {
    /// The last finish of each instance; changed if any of its finishes was.
    private var finishes: [String: RolloutMachine.Finish] = [:]
    private let progress: RolloutMachine.Progress

    init(_ progress: RolloutMachine.Progress) {
        self.progress = progress
        for var finish in progress.finishes {
            if finishes[finish.instance]?.isChanged == true { finish.isChanged = true }
            finishes[finish.instance] = finish
        }
    }

    var haltReason: HaltReason? { progress.haltReason }

    func milestones(of wave: String) -> WaveLog.Milestones { progress.waves[wave] ?? [] }

    /// How the instance ended, if it is not to be started again.
    func settled(_ instance: String) -> RolloutMachine.Finish? {
        guard let finish = finishes[instance], finish.outcome.isSettled || isReturned(instance) else { return nil }
        return finish
    }

    /// Whether the run changed something there, and no rollback has come to an end since.
    func isChanged(_ instance: String) -> Bool { finishes[instance]?.isChanged == true && !isReturned(instance) }

    /// Whether its rollback has come to an end, good or bad.
    func isReturned(_ instance: String) -> Bool { progress.rollbacks[instance]?.isSettled == true }

    /// Whether instances of the wave are to be returned because the run was halted for what the migration did there.
    func calledBad(_ wave: String) -> Bool { progress.haltReason?.badWave == wave }

    /// Of all that ended, in the order of the record, what is not to be started again.
    var settledInstances: [RolloutMachine.Finish] {
        var seen: Set<String> = []
        return progress.finishes.compactMap { seen.insert($0.instance).inserted ? settled($0.instance) : nil }
    }

    /// Whether every rollback that ended was successful.
    var rollbacksEndedWell: Bool { progress.rollbacks.values.allSatisfy { !$0.isSettled || $0.isGood } }
}
