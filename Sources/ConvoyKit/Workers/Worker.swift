package import ConvoyFleet
import ConvoyIO
package import ConvoyInstance
package import ConvoyJournal
package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
import FoundationEssentials

/// Takes part in the runs of a fleet that are in a control database: claims work, does it, and decides with the other workers what follows.
///
///     let worker = Worker(control, id: id, fleet: "garage", limits: limits, environment: environment, load: load, log: log)
///     // … a signal handler calls worker.drain()
///     try await worker.run()
///
/// There is no leader. A worker that has something to report locks the run's row, follows what the others have written, lets the rules decide, and
/// writes events, assignments and its report in one transaction: see ``ControlDatabase/decide(on:by:count:handOver:after:reporting:lease:_:)``. What it has
/// claimed it must renew, which a task of its own does, however long the loop takes; a lease that cannot be renewed in time is given up before another
/// worker may take it.
package actor Worker {
    /// What a worker reads anew for each run that it takes part in.
    package struct Files: Sendable {
        package var fleet: Fleet
        package var set: MigrationSet
        package var runner: InstanceRunner
        package var secrets: KnownSecrets
        /// Works on the instances in place of the runner, where only what the workers decide is measured.
        package var standIn: (any InstanceMigrator & InstanceInspector)?

        package init(fleet: Fleet, set: MigrationSet, runner: InstanceRunner, secrets: KnownSecrets) {
            self.fleet = fleet
            self.set = set
            self.runner = runner
            self.secrets = secrets
        }
    }

    /// When it does what.
    package struct Timing: Sendable {
        /// How long its leases hold. It renews them three times as often.
        package var lease = Duration.seconds(15)
        /// Between two rounds, where the control database does not say when there is something new.
        package var round = Duration.milliseconds(500)
        /// Between two rounds, where it does; a lease that has expired is found no sooner.
        package var listeningRound = Duration.seconds(2)
        /// How long before the end of a lease that could not be renewed the work stops: hooks in progress have most of it to end by themselves.
        package var margin: Duration { min(max(.seconds(2), lease / 5), .seconds(6)) }

        package init() {}

        /// As a control database is used by a worker: what does not answer soon is asked again in the next round.
        package var database: ControlDatabase.Timing {
            var timing = ControlDatabase.Timing()
            timing.connect = .seconds(3)
            timing.statement = .seconds(5)
            timing.answer = .seconds(6)
            // One each for its loop, for the renewals and for what reads a run.
            timing.sessions = 3
            return timing
        }
    }

    /// What reaches the loop from elsewhere.
    enum Message: Sendable {
        case round
        /// There is something new in the control database.
        case news(isOnlyWork: Bool)
        case fact(Assignment.Key, attempt: Int64, RunDecider.Fact)
        case ended(Assignment.Key, attempt: Int64)
        case loaded(RunID, load: Int, Result<RunLoader.Loaded, any Error>)
        case restored(RunID, load: Int, Result<RunLoader.Restored, any Error>)
        case drain
        case abandon
    }

    let control: ControlDatabase
    let fleet: String
    let limits: WorkerLimits
    let timing: Timing
    let loader: RunLoader
    let log: @Sendable (String) -> Void
    let mailbox = Mailbox<Message>()
    let clock = ServerClock()
    let leaseEnds = LeaseEnds()
    private let listener: ControlListener
    nonisolated let news: ControlSubscription
    /// Whether the last look found more work than there was room for.
    var leavesWork = false
    /// The same of work that another worker has begun. It comes before what is new, or it would wait until nothing is left to begin.
    var leavesTakeovers = false

    /// Unique for each process.
    package nonisolated let id: String
    private(set) var isDraining = false
    /// The runs that it takes part in.
    var runs: [RunID: WorkerRun] = [:]
    /// What is being read: runs that it does not take part in yet, and deciders that are made anew.
    var loads: [RunID: (number: Int, task: Task<Void, Never>)] = [:]
    var loadCount = 0
    /// Why it does not take part in others, and when it asked itself the last time.
    var refusals: [RunID: (reason: String, at: ContinuousClock.Instant)] = [:]
    /// How the open runs were in the last round.
    var seen: [RunID: OpenRun] = [:]
    /// What the control database is to keep of them; a refusal that is nil is over.
    var unnoted: [RunID: RunStaff.Refusal?] = [:]
    /// Why they could not be kept there.
    var noteTrouble: String?
    var tasks: [Assignment.Key: WorkerTask] = [:]
    /// Tasks whose assignment is lost and that have not ended yet.
    var dying: [WorkerTask.Subject: WorkerTask] = [:]
    /// The last notifications and spans of runs that it no longer takes part in.
    var deliveries: [Int: Task<Void, Never>] = [:]
    var lastDelivery = 0
    var decisions: Int64 = 0
    /// What the decision under way led to, and the last report that is in it.
    var pendingTurn: (turn: RunDecider.Turn, report: Int)?
    var nextRenewal = ContinuousClock.now
    var renewalTrouble: String?
    /// Whether the control database has its tables, and they are those of this program.
    var isPrepared = false
    /// Whether the control database has confirmed a renewal.
    var isAnnounced = false
    var lastRound: ContinuousClock.Instant?
    /// When its loop began its last turn, and when the control database last answered.
    var lastTurn = ContinuousClock.now
    var lastSuccess: ContinuousClock.Instant?
    var trouble: String?

    /// - Parameters:
    ///   - control: with the timing of ``Timing/database``.
    ///   - id: unique for each process, for example `host-4711-ab12cd`.
    ///   - fleet: the name of the fleet whose runs it takes part in.
    ///   - environment: what hooks may inherit from.
    ///   - load: reads the fleet file and the migrations, and asks no database.
    ///   - log: is given one line for the operator at a time, without secrets.
    package init(
        _ control: ControlDatabase,
        id: String,
        fleet: String,
        limits: WorkerLimits,
        timing: Timing = Timing(),
        environment: [String: String],
        load: @escaping @Sendable () async throws -> Files,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.control = control
        self.id = id
        self.fleet = fleet
        self.limits = limits
        self.timing = timing
        loader = RunLoader(control: control, environment: environment, clock: clock, load: load, log: log)
        self.log = log
        listener = ControlListener(control)
        news = listener.news(except: id)
    }

    /// Takes nothing new, finishes what it does, and ends. Watches and gates are given back at once.
    package nonisolated func drain() { mailbox.post(.drain) }

    /// Cancels what it does, gives it back to the other workers, and ends.
    package nonisolated func abandon() { mailbox.post(.abandon) }

    /// Works until it is drained.
    ///
    /// - Throws: a ``JournalError`` if the control database cannot be used, as ``prepare()`` does; it has begun nothing then.
    package func run() async throws(JournalError) {
        let problem = await withTaskGroup(of: Void.self, returning: JournalError?.self) { group in
            group.addTask { [listener] in await listener.run() }
            group.addTask { await self.watchTheTime() }
            defer { group.cancelAll() }
            do throws(JournalError) {
                try await waitForTables()
            } catch {
                return error
            }
            guard isPrepared else { return nil }
            group.addTask { [leaseEnds] in await leaseEnds.watch { await self.leasesExpired() } }
            group.addTask { await self.keepRenewing() }
            await loop()
            return nil
        }
        for (_, task) in loads.values { task.cancel() }
        for task in dying.values { await task.task.value }
        for id in runs.keys { leave(id) }
        for delivery in deliveries.values { await delivery.value }
        if isPrepared { try? await control.signOff(id) }
        await control.close()
        if let problem { throw problem }
    }

    private func loop() async {
        await renew()
        await work()
        // Work that ends in an orderly way keeps its lease until it has ended.
        while !(isDraining && tasks.isEmpty && dying.isEmpty) {
            for message in await mailbox.receive() { take(message) }
            await work()
        }
    }

    func take(_ message: Message) {
        switch message {
        case .round: break
        case .news(let isOnlyWork):
            // A full worker looks when it has room again.
            if isOnlyWork, busy >= limits.total { leavesWork = true } else { lastRound = nil }
        case .fact(let key, let attempt, let fact): take(fact, of: key, attempt)
        case .loaded(let run, let load, let result): take(result, of: run, load)
        case .restored(let run, let load, let result): take(result, of: run, load)
        case .ended(let key, let attempt):
            guard tasks[key]?.lease.attempt == attempt else { return }
            tasks[key]?.hasEnded = true
            if tasks[key]?.isGivenUp == true { lastRound = nil }
        case .drain:
            guard !isDraining else { return }
            isDraining = true
            (lastRound, nextRenewal) = (nil, .now)
            log(busy == 0 ? "draining" : "draining: finishes \(counted(busy, "assignment")) first")
            for (key, task) in tasks where task.work.isGivenBackAtOnce { giveUp(key) }
        case .abandon:
            isDraining = true
            lastRound = nil
            for key in tasks.keys { giveUp(key) }
        }
    }

    private func take(_ fact: RunDecider.Fact, of key: Assignment.Key, _ attempt: Int64) {
        // What a task has not done because its lease was over must not be reported as its end.
        leasesExpired()
        guard let task = tasks[key], task.lease.attempt == attempt, !task.isGivenUp, let run = runs[key.run] else { return }
        if case .slots(let server, let available) = fact, run.decider?.isNews(available: available, on: server) == false { return }
        run.reports.add(fact, of: key, attempt: attempt)
    }

    /// How many assignments it has, without watches.
    var busy: Int { tasks.values.count { !$0.work.isWatch } + dying.keys.count { !$0.work.isWatch } }

    // MARK: Rounds

    /// All that is to be done now. What fails is tried again in the next round.
    private func work() async {
        lastTurn = .now
        // Before that the control database does not know it, nor it the time there.
        guard isAnnounced else { return }
        do throws(ControlError) {
            var failure = await settle()
            if failure == nil { failure = await decideOnReadyRuns() }
            // There is room for what waits.
            if leavesWork, busy < limits.total { lastRound = nil }
            // Also where a decision has failed: the work on the other runs continues.
            if isRoundDue {
                try await makeRound()
                lastRound = .now
                if failure == nil { failure = await decideOnReadyRuns() }
                let noteFailure = await noteRefusals()
                failure = failure ?? noteFailure
            }
            for run in runs.values where run.decider == nil && run.mayTry { restore(run) }
            if let failure { throw failure }
            if trouble != nil { log("the control database \(control.place) answers again") }
            trouble = nil
        } catch {
            let words = error.journalError(control.place).description
            if trouble != words { log("\(words); trying again") }
            trouble = words
        }
    }

    /// Whether a decision was committed must be known before the next one, on whatever run.
    ///
    /// - Returns: why it is not known yet.
    private func settle() async -> ControlError? {
        guard let run = runs.values.first(where: { $0.unsettled != nil }) else { return nil }
        do throws(ControlError) {
            try await decide(on: run)
            return nil
        } catch {
            return error
        }
    }

    /// - Returns: the first error; what it is about is tried again in the next round.
    private func decideOnReadyRuns() async -> ControlError? {
        var failure: ControlError?
        for run in ready {
            do throws(ControlError) {
                try await decide(on: run)
            } catch {
                failure = failure ?? error
                if run.unsettled != nil { return failure }
            }
        }
        return failure
    }

    private var ready: [WorkerRun] { runs.values.filter(\.wantsDecision).sorted { $0.id < $1.id } }

    private func makeRound() async throws(ControlError) {
        let search = search
        let round = try await control.round(of: id, in: fleet, search)
        try await compare(with: round.leases)
        follow(round.runs)
        if let search { try await claim(round.candidates, search) }
    }

    /// Brings what it does in line with what it has.
    private func compare(with leases: [Lease]) async throws(ControlError) {
        let held = Dictionary(leases.map { ($0.key, $0) }) { first, _ in first }
        // What has not stopped yet goes to no other worker.
        let dyingKeys = Set(dying.values.map(\.lease.key))
        for task in dying.values where held[task.lease.key]?.attempt != task.lease.attempt { task.permit.withdraw() }
        var orphans = leases.filter { tasks[$0.key]?.lease.attempt != $0.attempt && !dyingKeys.contains($0.key) }
        for (key, task) in tasks {
            guard let lease = held[key], lease.attempt == task.lease.attempt else {
                lose(key, "it was taken over, or is no longer wanted")
                continue
            }
            if task.isGivenUp {
                if task.hasEnded {
                    orphans.append(lease)
                    lose(key)
                }
                continue
            }
            if lease.isCancelled { task.cancel() }
            if let person = lease.approvedBy { task.approve(person) }
        }
        // Claimed without an answer, or given up.
        try await control.giveBack(orphans, of: id)
    }
}

extension Work {
    /// Whether a worker that drains gives it back before it has ended: it only waits, and another one waits on.
    fileprivate var isGivenBackAtOnce: Bool {
        switch self {
        case .gate, .watchServer, .watchWindow: true
        case .change, .rollBack, .hook: false
        }
    }
}
