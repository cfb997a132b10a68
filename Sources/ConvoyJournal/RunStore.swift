package import ConvoyMigrations
package import ConvoyRun
package import FoundationEssentials

/// Where runs are written down: a SQLite file on one machine, ``SQLiteJournal``, or a PostgreSQL database for many, ``ControlJournal``.
///
///     let lock = try await store.lock(run.id)
///     try await store.begin(run, plan: plan)
///     try await store.append(events, to: run.id)
///     await lock.release()
///
/// What a call has written survives a loss of power. Where one throws, nothing of it is written, and a later call can work. Calls do not end early
/// when the task is cancelled: a run that is cancelled still has things to note. Numbers of events ascend in a run, and may have gaps.
package protocol RunStore: Journal, AnyObject {
    /// Where it is, for messages: the file as the user named it, or `host:port/database`.
    var path: String { get }

    // MARK: Writing

    /// Writes down that a run begins; before anything else of it.
    ///
    /// - Parameters:
    ///   - plan: what ``plan(of:)`` returns when the run is resumed; the store does not read it.
    ///   - others: the runs of the fleet that may be active beside it.
    ///   - start: the lock of ``lockStart(of:)``, which must still hold; nil checks nothing.
    /// - Throws: an error with the reason `overtaken` if the lock is lost, or if another run is active.
    func begin(_ run: RunRecord, plan: Data, beside others: Set<RunID>, under start: (any RunLock)?) async throws(JournalError)

    /// Sees to it, before a run is resumed, that no process works on other runs of the fleet: one that is only slow, and has lost its lock, does not
    /// continue.
    ///
    /// - Parameters:
    ///   - others: the runs that may be active beside it.
    ///   - start: as in ``begin(_:plan:beside:under:)``.
    func exclude(
        othersThan run: RunID,
        of fleet: String,
        beside others: Set<RunID>,
        under start: any RunLock
    ) async throws(JournalError)

    /// Makes a run that has ended, or was cut off, one that this process carries out alone: active as soon as another process sees it.
    ///
    /// - Parameter start: as in ``begin(_:plan:beside:under:)``.
    func reopen(_ run: RunID, under start: any RunLock) async throws(JournalError)

    /// Leaves a request for the process that works on a run.
    ///
    /// - Parameter period: nothing is left if the same was asked within this time, by the store's clock; nil always leaves it.
    /// - Returns: whether it was left.
    @discardableResult
    func post(
        _ request: OperatorRequest.Kind,
        to run: RunID,
        by person: String,
        at date: Date,
        unlessAskedWithin period: Duration?
    ) async throws(JournalError) -> Bool

    /// Abandons a run for good. Hold its lock meanwhile, so that no process works on it; where it was lost, nothing is changed.
    func abandon(_ run: RunID, by person: String, at date: Date) async throws(JournalError)

    // MARK: Locks

    /// Takes the lock of a run, which says that this process works on it. ``Journal/append(_:to:)`` refuses to write where another process has it.
    ///
    /// - Throws: ``JournalError`` that says who holds it, with the reason `held`.
    func lock(_ run: RunID) async throws(JournalError) -> any RunLock

    /// Takes the lock that a process has while it starts a run of a fleet, so that two do not start at once without seeing each other.
    ///
    /// - Throws: ``JournalError`` with the reason `held` if another process has it.
    func lockStart(of fleet: String) async throws(JournalError) -> any RunLock

    /// How long a process that starts a run may keep others waiting, even if it was killed.
    var startPatience: Duration { get }

    /// The process that works on a run, for example `pid 4711 on db-tools`; nil if no process works on it.
    func holder(of run: RunID) async throws(JournalError) -> String?

    /// Who carries out a run that was handed over to workers and has not ended; nil for every other run.
    func staff(of run: RunID) async throws(JournalError) -> RunStaff?

    // MARK: Runs

    /// The runs of a fleet that have not ended and that a process works on, or that its workers have, newest first.
    func activeRuns(of fleet: String) async throws(JournalError) -> [RunRecord]

    /// The newest runs, newest first by the store's clock. Those whose records are damaged are left out and do not count.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; several fleets may share a store.
    func runs(limit: Int, fleet: String?) async throws(JournalError) -> [RunRecord]

    /// The newest runs whose ids begin with a text, newest first; the one with that id alone, if there is one.
    func runs(beginningWith text: String, fleet: String?, limit: Int) async throws(JournalError) -> [RunRecord]

    /// The ids of the runs whose records are damaged.
    func damagedRuns() async throws(JournalError) -> [String]

    /// What was given to ``begin(_:plan:beside:under:)``; nil if the run does not exist.
    func plan(of run: RunID) async throws(JournalError) -> Data?

    /// Which of these runs were started with `--now`: without gates and without the maintenance window.
    func immediateRuns(among runs: [RunID]) async throws(JournalError) -> Set<RunID>

    /// How the instances of a run stand, as far as it got: how many ended how.
    func outcomes(of run: RunID) async throws(JournalError) -> [Outcome: Int]

    // MARK: Events

    /// The number of the last event of a run; 0 if it has no events.
    func lastEvent(of run: RunID) async throws(JournalError) -> Int64

    /// A page of the events of a run, in order.
    ///
    /// - Parameters:
    ///   - selection: which of them.
    ///   - number: the last one that the caller has; 0 begins at the beginning.
    func events(
        of run: RunID,
        _ selection: RecordedEvents.Selection,
        after number: Int64,
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent]

    /// A page of the events of a run about one instance, in order, with those in between that change all instances: a resumed run starts again
    /// what was in progress.
    ///
    /// - Parameters:
    ///   - number: the last event of the run that the caller has; 0 begins at the beginning. Without it all events of the run are searched.
    ///   - limit: the most events to read.
    func events(of run: RunID, about instance: String, after number: Int64, limit: Int) async throws(JournalError) -> [RecordedEvent]

    /// The events of a run about one instance, in order, without the migrations that the end of the instance repeats. Empty if the run has not
    /// begun to work on it.
    func events(of run: RunRecord, about instance: String) async throws(JournalError) -> [RecordedEvent]

    // MARK: Instances

    /// The names of the instances that the newest runs of a fleet have ended, for a name that is not found.
    func instanceNames(fleet: String?) async throws(JournalError) -> Set<String>

    /// The instances that a run has begun to work on.
    func startedInstances(of run: RunID) async throws(JournalError) -> Set<String>

    /// How an instance ended in each of the newest runs of a fleet that got to it, newest run first.
    func endings(of instance: String, fleet: String?) async throws(JournalError) -> [(run: RunRecord, event: RecordedEvent)]

    /// How instances last ended in the newest runs of a fleet, and where that end did not learn the version, the last one that did, in the order in
    /// which they happened. The last is the last by time: a run that was resumed may have begun before others.
    ///
    /// - Parameters:
    ///   - instances: the instances to search for.
    ///   - run: a run that does not count.
    func lastEndings(
        of instances: [String],
        fleet: String,
        except run: RunID?,
        _ detail: EndingDetail
    ) async throws(JournalError) -> [RecordedEnding]

    /// Those of the instances on which a run began to work after an event, and of which is not known how that ended: it may have been committed.
    ///
    /// - Parameter positions: the instances, and for each the position of an event; see ``RecordedEvent/position``.
    func instancesInDoubt(since positions: [String: Int64], fleet: String) async throws(JournalError) -> Set<String>

    /// When a run first applied a migration above a version to an instance; nil if that event is not there.
    func firstApplied(above version: MigrationVersion?, to instance: String, in run: RunID) async throws(JournalError) -> Date?

    // MARK: Numbers

    /// How long each migration took on the instances of runs, as recorded when it was applied; ups before downs, by version.
    ///
    /// Migrations that a killed process committed but did not record are missing.
    func durations(of runs: [RunID]) async throws(JournalError) -> [MigrationDurations]

    /// How long each migration usually takes on an instance of a fleet: the median over its newest runs. Empty before the first run.
    ///
    /// However many events there are, only the newest are read: half a second of work at most.
    ///
    /// - Parameters:
    ///   - fleet: the fleet's name.
    ///   - direction: whether the durations are those of applying or of reverting.
    func typicalDurations(fleet: String, direction: MigrationDirection) async throws(JournalError) -> [MigrationVersion: Duration]

    /// Counts what happened in the runs of a fleet.
    ///
    /// - Parameter cursor: what the caller has counted; nil counts all.
    func totals(of fleet: String, after cursor: TotalsCursor?) async throws(JournalError) -> JournalTotals

    // MARK: Size

    /// The runs that are the newest one of some instance: the last in which it ended, and the last that learnt its version.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; nil is all fleets, whose instances may have equal names.
    func newestRunsOfInstances(fleet: String?) async throws(JournalError) -> Set<RunID>

    /// Removes runs with all that is known of them, but for what ``totals(of:after:)`` counts. A run that meanwhile can be resumed is left.
    ///
    /// - Returns: those that were removed.
    func remove(_ runs: [RunID]) async throws(JournalError) -> Set<RunID>

    /// How large it is, and how much of it holds nothing, in bytes.
    func size() async throws(JournalError) -> (bytes: Int, free: Int)

    /// Whether the space of removed runs comes back without ``compact()``.
    var reclaimsSpace: Bool { get }

    /// Gives the space that holds nothing back. Nothing can be written meanwhile: no run may be active.
    func compact() async throws(JournalError)

    /// Ends all access; nothing can be written or read after it. Without this it ends when the last reference goes.
    func close() async throws(JournalError)
}

/// The lock that a process holds while it works on a run, so that no second process works on it and so that others can see that it is active.
package protocol RunLock: Sendable {
    /// Lets the lock go. Further calls do nothing.
    func release() async
}

extension RunLock {
    /// Runs a body, and lets the lock go however it ends.
    package func released<Value, Failure: Error>(after body: () async throws(Failure) -> Value) async throws(Failure) -> Value {
        do throws(Failure) {
            let value = try await body()
            await release()
            return value
        } catch {
            await release()
            throw error
        }
    }
}

/// How much is read in questions that have no limit of their own.
enum RunStoreLimits {
    /// How many of the newest runs are searched for what instances did in them.
    static let instanceRuns = 100
    /// How many of the newest runs say how long migrations usually take.
    static let typicalRuns = 10
    /// How many events of each are read at most, from the newest back.
    static let typicalEventsPerRun = 5000
    /// How many events one instance may have in one run.
    static let instanceEvents = 10_000
    /// How many runs one transaction removes: an active run's events wait no longer than that.
    static let removedAtOnce = 100
    /// How many runs are searched for active ones.
    static let searchedRuns = 1000
}

extension RunStore {
    /// Writes down that a run begins, whatever else is active.
    package func begin(_ run: RunRecord, plan: Data) async throws(JournalError) {
        try await begin(run, plan: plan, beside: [], under: nil)
    }

    /// Leaves a request for the process that works on a run.
    package func post(_ request: OperatorRequest.Kind, to run: RunID, by person: String, at date: Date) async throws(JournalError) {
        try await post(request, to: run, by: person, at: date, unlessAskedWithin: nil)
    }

    /// The current state of a run; of a run without an end, its lock says whether a process works on it.
    package func state(of run: RunRecord) async throws(JournalError) -> RunState {
        if let ending = run.status { return .ended(ending) }
        guard try await holder(of: run.id) == nil else { return .running }
        // It may have ended since the record was read.
        let now = try await runs(named: run.id.description).first { $0.id == run.id }
        return now?.status.map { .ended($0) } ?? .cutOff
    }

    /// Where there are no workers.
    package func staff(of run: RunID) async throws(JournalError) -> RunStaff? { nil }

    /// The newest runs of all fleets, newest first.
    package func runs(limit: Int) async throws(JournalError) -> [RunRecord] { try await runs(limit: limit, fleet: nil) }

    /// The runs that a person may mean, newest first: the one with that id, else those whose id begins with the text; `latest` is the newest.
    ///
    /// One is found, none, or several among which the person has to choose.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; several fleets may share a store.
    package func runs(named text: String, fleet: String? = nil, limit: Int = 10) async throws(JournalError) -> [RunRecord] {
        if text == "latest" { return try await runs(limit: 1, fleet: fleet) }
        return try await runs(beginningWith: text, fleet: fleet, limit: limit)
    }

    /// A page of all events of a run, in order.
    package func events(of run: RunID, after number: Int64, limit: Int) async throws(JournalError) -> [RecordedEvent] {
        try await events(of: run, .all, after: number, limit: limit)
    }

    /// The events of a run in order, read in pages.
    ///
    /// - Parameter selection: which of them.
    package func events(of run: RunID, _ selection: RecordedEvents.Selection = .all) -> RecordedEvents {
        RecordedEvents(journal: self, run: run, selection: selection, pageSize: 1000)
    }

    /// How instances last ended, each end whole.
    package func lastEndings(of instances: [String], fleet: String, except run: RunID?) async throws(JournalError) -> [RecordedEnding] {
        try await lastEndings(of: instances, fleet: fleet, except: run, .whole)
    }

    /// How long each migration usually takes to apply.
    package func typicalDurations(fleet: String) async throws(JournalError) -> [MigrationVersion: Duration] {
        try await typicalDurations(fleet: fleet, direction: .up)
    }
}
