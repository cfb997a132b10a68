import ConvoyRun

/// What earlier processes did in the run, by instance: ``RolloutMachine/Past`` as the rules look it up.
struct RunHistory: Sendable {
    /// The last finish of each instance; changed if any of its finishes was.
    private var finishes: [String: RolloutMachine.Finish] = [:]
    private let past: RolloutMachine.Past

    init(_ past: RolloutMachine.Past) {
        self.past = past
        for var finish in past.finishes {
            if finishes[finish.instance]?.isChanged == true { finish.isChanged = true }
            finishes[finish.instance] = finish
        }
    }

    var haltReason: HaltReason? { past.haltReason }

    func milestones(of wave: String) -> WaveLog.Milestones { past.waves[wave] ?? [] }

    /// How the instance ended, if it is not to be started again.
    func settled(_ instance: String) -> RolloutMachine.Finish? {
        guard let finish = finishes[instance], finish.outcome.isSettled || isRolledBack(instance) else { return nil }
        return finish
    }

    /// Whether the run changed something there, and no rollback has come to an end since.
    func isChanged(_ instance: String) -> Bool { finishes[instance]?.isChanged == true && !isRolledBack(instance) }

    /// Whether its rollback has come to an end, good or bad.
    func isRolledBack(_ instance: String) -> Bool { past.rollbacks[instance]?.isSettled == true }

    /// Whether instances of the wave are to be rolled back because the run was halted for what the migration did there.
    func calledBad(_ wave: String) -> Bool { past.haltReason?.badWave == wave }

    /// Of all that ended, in the order of the record, what is not to be started again.
    var settledInstances: [RolloutMachine.Finish] {
        var seen: Set<String> = []
        return past.finishes.compactMap { seen.insert($0.instance).inserted ? settled($0.instance) : nil }
    }

    /// Whether every rollback that ended was successful.
    var rollbacksEndedWell: Bool { past.rollbacks.values.allSatisfy { !$0.isSettled || $0.isGood } }
}
