import ConvoyFleet
import ConvoyRun

/// The wave that ``RolloutMachine`` works on: what of it is to be started or rolled back, what is in progress, and how the rest ended.
struct WaveUnderWay: Sendable {
    enum Stage: Sendable {
        /// It is current, and nothing of it is in progress. Rollbacks that it owes come first, then its start.
        case entered
        /// Its `before_wave` hook runs.
        case preparing
        /// Its instances are being changed, and failed ones rolled back where `on_failure` wants that.
        case changing
        /// Instances are being rolled back to where they started; none is being changed.
        case rollingBack
        /// Its `after_wave` hook runs.
        case closing
        /// Nothing of it is in progress or left to do.
        case ended
        /// Its gate is being evaluated.
        case gate
    }

    /// What a finish led to.
    enum Ending {
        /// It was not in progress.
        case ignored
        case ended
        /// It is to be rolled back at once, with the connections that it holds.
        case rollsBack
    }

    /// An instance in progress.
    private struct Job: Sendable {
        let member: Int
        let entry: Int
        var isRollback: Bool
    }

    let wave: RolloutMachine.Wave
    /// Whether another wave with instances follows.
    let hasSuccessor: Bool
    /// Whether something may be due in a wave that follows.
    let guardsWhatIsDue: Bool
    /// Whether an earlier process started a later wave.
    let isPassed: Bool
    var stage = Stage.entered
    /// What it has reached; `finished` only while nothing was begun since.
    private(set) var milestones: WaveLog.Milestones

    /// Members that are to be changed, in order.
    private(set) var remaining: [Int] = []
    /// Members that are to be rolled back before anything else happens.
    private(set) var owedRollbacks: [Int] = []
    /// What the run changed and did not roll back.
    private var changed: Set<Int> = []
    /// The names of the failed ones, in the order of their ends.
    private var failures: [String] = []
    private var unreachable: [String] = []
    /// Whether every instance that ended so far was found up to date.
    private var isUntouched = true

    private var queue: StartQueue?
    /// For each entry of the queue its member.
    private var entries: [Int] = []
    private var jobs: [String: Job] = [:]

    init(_ wave: RolloutMachine.Wave, hasSuccessor: Bool, guardsWhatIsDue: Bool, isPassed: Bool, history: RunHistory) {
        self.wave = wave
        self.hasSuccessor = hasSuccessor
        self.guardsWhatIsDue = guardsWhatIsDue
        self.isPassed = isPassed
        milestones = history.milestones(of: wave.name)
        for (index, member) in wave.instances.enumerated() {
            if history.isChanged(member.name) { changed.insert(index) }
            guard let finish = history.settled(member.name) else {
                remaining.append(index)
                continue
            }
            count(finish)
            if wave.onFailure == .rollbackInstance, finish.outcome.isFailure, changed.contains(index) { owedRollbacks.append(index) }
        }
        if history.calledBad(wave.name) || hasFailures { oweRollbackOfWave() }
    }

    /// Whether instances of it are in progress.
    var isBusy: Bool { !jobs.isEmpty }
    /// Whether the change of an instance, or its rollback, was given and has not ended.
    func isInProgress(_ instance: String, asRollback isRollback: Bool) -> Bool { jobs[instance]?.isRollback == isRollback }
    /// Whether the queue has more to give.
    var hasWaiting: Bool { queue.map { $0.waiting > 0 } ?? false }
    /// Whether its gate has to pass before another wave starts. After the last wave with something due there is nothing to guard, and where
    /// every instance was up to date there is nothing to learn.
    var awaitsGate: Bool {
        wave.hasGate && guardsWhatIsDue && !isUntouched && !wave.instances.isEmpty && !milestones.contains(.gatePassed)
    }
    /// Whether its `before_wave` hook is still to run.
    var awaitsPreparation: Bool {
        wave.needsPreparation && remaining.contains { wave.instances[$0].mayBeDue } && !milestones.contains(.prepared)
    }
    /// Whether its `after_wave` hook is still to run.
    var awaitsClosing: Bool {
        wave.needsClosing && !wave.instances.isEmpty && !milestones.contains(.closed) && (!isUntouched || milestones.contains(.prepared))
    }
    /// Whether an instance counts against the migration.
    var hasFailures: Bool { !failures.isEmpty }

    mutating func reached(_ milestone: WaveLog.Milestones) {
        milestones.insert(milestone)
    }

    /// A hook of it begins.
    mutating func beginHook(_ stage: Stage) {
        self.stage = stage
        milestones.remove(.finished)
    }

    /// Queues what remains to be changed.
    mutating func beginChanges(within budgets: ServerBudgets) {
        stage = .changing
        enqueue(remaining, within: budgets)
        remaining = []
    }

    /// Queues the rollbacks that are owed.
    mutating func beginRollbacks(within budgets: ServerBudgets) {
        stage = .rollingBack
        enqueue(owedRollbacks, within: budgets)
        owedRollbacks = []
    }

    private mutating func enqueue(_ members: [Int], within budgets: ServerBudgets) {
        entries = members
        let needs = members.lazy.map { [wave] in
            StartQueue.Entry(server: wave.instances[$0].server, connections: wave.instances[$0].connections)
        }
        queue = StartQueue(needs, maxParallel: wave.maxParallel, budgets: budgets)
    }

    /// Under `on_failure: rollback` owes the rollback of every instance that the run changed.
    mutating func oweRollbackOfWave() {
        if wave.onFailure == .rollbackWave { owedRollbacks = changed.sorted() }
    }

    /// The next instance that may go, its connections taken.
    mutating func next() -> String? {
        guard let entry = queue?.next() else { return nil }
        let name = wave.instances[entries[entry]].name
        jobs[name] = Job(member: entries[entry], entry: entry, isRollback: stage == .rollingBack)
        milestones.remove(.finished)
        return name
    }

    /// The change of an instance has ended.
    ///
    /// - Parameter mayRollBack: whether a failed instance may be rolled back at once.
    mutating func changeFinished(_ finish: RolloutMachine.Finish, mayRollBack: Bool) -> Ending {
        guard let job = jobs[finish.instance], !job.isRollback else { return .ignored }
        count(finish)
        if finish.isChanged { changed.insert(job.member) }
        if mayRollBack, wave.onFailure == .rollbackInstance, finish.outcome.isFailure, changed.contains(job.member) {
            jobs[finish.instance]?.isRollback = true
            return .rollsBack
        }
        release(finish.instance)
        return .ended
    }

    /// The rollback of an instance has ended. Gives false where none was in progress.
    mutating func rollbackFinished(_ instance: String) -> Bool {
        guard let job = jobs[instance], job.isRollback else { return false }
        changed.remove(job.member)
        release(instance)
        return true
    }

    /// Gives the connections of an instance back.
    mutating func release(_ instance: String) {
        if let job = jobs.removeValue(forKey: instance) { queue?.finished(job.entry) }
    }

    mutating func setBudget(of server: String, to connections: Int) {
        queue?.setBudget(of: server, to: connections)
    }

    private mutating func count(_ finish: RolloutMachine.Finish) {
        if finish.outcome != .upToDate { isUntouched = false }
        if finish.outcome.isFailure { failures.append(finish.instance) }
        if finish.outcome == .unreachable { unreachable.append(finish.instance) }
    }

    /// The rule of the wave that no longer holds, the one that says most first.
    ///
    /// - Parameter tally: the failures of the whole run.
    func brokenRule(_ tally: FailureTally) -> HaltReason? {
        let stop = wave.stop
        let count = wave.instances.count
        func isReached(_ percent: Double?, by instances: [String]) -> Double? {
            guard let percent, !instances.isEmpty, Double(instances.count) * 100 >= percent * Double(count) else { return nil }
            return percent
        }
        if let limit = stop.sameFailure, let alike = tally.shared(by: max(1, limit)) {
            return .sameFailure(wave: wave.name, limit: limit, fingerprint: alike.fingerprint, instances: alike.instances)
        }
        if let limit = stop.failures, failures.count >= max(1, limit) {
            return .failures(wave: wave.name, limit: limit, instances: failures)
        }
        if let limit = isReached(stop.failurePercent, by: failures) {
            return .failurePercent(wave: wave.name, limit: limit, count: count, instances: failures)
        }
        if wave.onFailure == .halt || wave.onFailure == .rollbackWave, let instance = failures.first {
            return .onFailure(wave: wave.name, policy: wave.onFailure, instance: instance)
        }
        if let limit = isReached(stop.unreachablePercent, by: unreachable) {
            return .unreachablePercent(wave: wave.name, limit: limit, count: count, instances: unreachable)
        }
        if count > 0, unreachable.count == count, hasSuccessor, wave.guardsWhatFollows, !isPassed {
            return .nothingReached(wave: wave.name)
        }
        return nil
    }
}
