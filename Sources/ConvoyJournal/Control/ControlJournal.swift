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
    private let appenders = Mutex<[RunID: ControlAppender]>([:])

    /// How long a lock that is held is tried again: some are held for a moment only.
    private static let lockWait = Duration.milliseconds(100)

    /// The runs of a database that has its tables.
    package init(_ control: ControlDatabase) {
        self.control = control
    }

    package var path: String { control.place }

    package func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        guard !events.isEmpty else { return }
        try await appender(of: run).append(events.map(EventRow.init))
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
        let token = UInt64.random(in: 0...UInt64.max).hexadecimal + UInt64.random(in: 0...UInt64.max).hexadecimal
        let deadline = ContinuousClock.now + Self.lockWait
        while true {
            if try await explaining({ () async throws(ControlError) in try await ControlLease.take(control, name, token: token) }) {
                let appender = appender(of: run)
                appender.hold(token)
                return ControlLease(control, name, token: token) { appender.hold(nil) }
            }
            guard .now < deadline else { break }
            await pause(for: .milliseconds(10), cancellation: .ignored)
        }
        let holder = try await holder(of: run) ?? "another process"
        throw .stillRunning(path, run, holder + "; if it is gone, its lease ends within \(control.timing.lease.human)")
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

    package func staff(of run: RunID) async throws(JournalError) -> RunStaff? {
        try await explaining { () async throws(ControlError) in try await control.staff(of: run) }
    }

    package func close() async throws(JournalError) { await control.close() }

    // MARK: Asking

    func explaining<Value>(_ body: () async throws(ControlError) -> Value) async throws(JournalError) -> Value {
        do throws(ControlError) {
            return try await body()
        } catch {
            throw error.journalError(path)
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
        JournalError(
            path: place,
            message: holder.map { "run \(run) was taken over by \(ControlLease.shown($0))" } ?? "the lock of run \(run) was removed",
            hint: "this process writes nothing more; `convoy runs show \(run)` shows how the run stands"
        )
    }
}
