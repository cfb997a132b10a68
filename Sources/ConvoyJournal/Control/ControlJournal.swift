import ConvoyIO
import ConvoyPostgres
package import ConvoyRun
import ConvoyText
internal import Synchronization

/// The runs in a control database, which any number of processes on any number of machines share.
///
///     let control = ControlDatabase(parameters)
///     try await control.prepare()
///     let store = ControlJournal(control)
package final class ControlJournal: RunStore {
    /// Where the runs are.
    package let control: ControlDatabase
    /// Listens while a run is waited for.
    private let listener: ControlListener
    private let appenders = Mutex<[RunID: ControlAppender]>([:])

    /// How long a lock that is held is tried again: some are held for a moment only.
    private static let lockWait = Duration.milliseconds(100)

    /// The runs of a database that has its tables.
    package init(_ control: ControlDatabase) {
        self.control = control
        listener = ControlListener(control)
    }

    deinit { listener.stop() }

    package var path: String { control.place }

    package func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        guard !events.isEmpty else { return }
        try await appender(of: run).append(events.map(EventRow.init))
    }

    package func appendLast(_ events: [Event], to run: RunID) async throws(JournalError) {
        guard !events.isEmpty else { return }
        try await appender(of: run).appendLast(events.map(EventRow.init))
    }

    private func appender(of run: RunID) -> ControlAppender {
        appenders.withLock { appenders in
            if let known = appenders[run] { return known }
            let made = ControlAppender(run, control)
            appenders[run] = made
            return made
        }
    }

    package func lock(_ run: RunID) async throws(JournalError) -> any RunLock {
        let name = run.description.storable
        let token = ControlLease.newToken()
        guard try await take(name, token) else {
            let holder = try await holder(of: run) ?? "another process"
            throw .stillRunning(path, run, holder + "; if that is gone, its lease ends within \(control.timing.lease.human)")
        }
        let appender = appender(of: run)
        appender.hold(token)
        return ControlLease(control, name, token: token) {
            appender.lose(token, to: $0)
        } onRelease: {
            appender.hold(nil)
        }
    }

    package func lockStart(of fleet: String) async throws(JournalError) -> any RunLock {
        // No run has such an id.
        let name = "starting:\(fleet)".storable
        let token = ControlLease.newToken()
        guard try await take(name, token) else {
            let holder = try await explaining { () async throws(ControlError) in try await ControlLease.holderSince(control, name) }
            throw .starting(path, holder ?? "another process")
        }
        return ControlLease(control, name, token: token)
    }

    /// The lease of a process that was killed while it started a run has ended by then.
    package var startPatience: Duration { control.timing.lease + .seconds(5) }

    private func take(_ name: String, _ token: String) async throws(JournalError) -> Bool {
        let deadline = ContinuousClock.now + Self.lockWait
        while true {
            if try await explaining({ () async throws(ControlError) in try await ControlLease.take(control, name, token: token) }) {
                return true
            }
            guard .now < deadline else { return false }
            await pause(for: .milliseconds(10), cancellation: .ignored)
        }
    }

    package func hurry(_ run: RunID) { appender(of: run).hurry() }

    /// The token of the lock of a run that this process has.
    package func token(of run: RunID) -> String? { appender(of: run).token }

    /// - Throws: ``JournalError`` if this process had the run, and another one has it now.
    func checkLoss(of run: RunID) throws(JournalError) {
        if let loss = appenders.withLock({ $0[run]?.loss }) { throw loss }
    }

    package func holder(of run: RunID) async throws(JournalError) -> String? {
        // Whether a worker lives or not: as soon as one does, it continues the run.
        let isForWorkers = try await rows(
            "SELECT FROM convoy_control.runs WHERE id = $1 AND status IS NULL AND for_workers",
            [run.description.storable]
        )
        guard isForWorkers.isEmpty else { return "the workers of its fleet" }
        return try await explaining { () async throws(ControlError) in try await ControlLease.holder(control, run.description.storable) }
    }

    package func basis(of run: RunID) async throws(JournalError) -> RunBasis {
        try await explaining { () async throws(ControlError) in
            let found = try await control.rows(
                "SELECT last_event, hand_over FROM convoy_control.runs WHERE id = $1",
                [run.description.storable]
            )
            guard let row = found.first else { throw .refused(.unknownRun(path, run)) }
            return try ControlError.reading { () throws(PostgresError) in try RunBasis(row) }
        }
    }

    package func staff(of run: RunID) async throws(JournalError) -> RunStaff? {
        try await explaining { () async throws(ControlError) in try await control.staff(of: run) }
    }

    package func news(of run: RunID) -> any RunNews {
        listener.start()
        return listener.news(of: run)
    }

    package func close() async throws(JournalError) {
        listener.stop()
        await control.close()
    }

    // MARK: Asking

    func explaining<Value>(_ body: () async throws(ControlError) -> Value) async throws(JournalError) -> Value {
        do throws(ControlError) {
            return try await body()
        } catch {
            throw await control.journalError(error)
        }
    }

    /// Reads with one statement.
    func rows(_ sql: String, _ parameters: [String?] = []) async throws(JournalError) -> [QueryResult.Row] {
        try await explaining { () async throws(ControlError) in try await control.rows(sql, parameters) }
    }

    /// Reads with several statements, in one snapshot.
    func reading<Value: Sendable>(
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(JournalError) -> Value {
        try await explaining { () async throws(ControlError) in try await control.transaction(.reading, body) }
    }

    /// Writes what finds out by itself whether an earlier attempt was committed.
    func writing<Value: Sendable>(
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(JournalError) -> Value {
        try await explaining { () async throws(ControlError) in try await control.transaction(.writing, isRepeatable: true, body) }
    }
}

extension JournalError {
    static func unknownRun(_ place: String, _ run: RunID) -> JournalError {
        JournalError(path: place, message: "it has no run \(run)", hint: "`convoy runs` lists the runs")
    }

    /// - Parameter holder: who has the lock now; nil if it is free.
    static func takenOver(_ place: String, _ run: RunID, by holder: String?) -> JournalError {
        var error = JournalError(
            path: place,
            message: holder.map { "run \(run) was taken over by \(ControlLease.shown($0))" } ?? "the lock of run \(run) was removed",
            hint: "this process writes nothing more; `convoy runs show \(run)` shows how the run stands"
        )
        error.reason = .takenOver
        return error
    }

    /// - Parameter count: how many events that were confirmed are not there any more.
    static func lostEvents(_ place: String, _ run: RunID, _ count: Int64) -> JournalError {
        JournalError(
            path: place,
            message: "the last \(count) recorded events of run \(run) are not there any more: "
                + "a standby that was behind has become the primary",
            hint: "continue with `convoy resume \(run)`, and let commits wait for a standby (synchronous_standby_names)"
        )
    }

    /// - Parameter problem: what came in between.
    static func overtaken(_ place: String, _ problem: String) -> JournalError {
        var error = JournalError(path: place, message: problem, hint: "try again")
        error.reason = .overtaken
        return error
    }
}
