import ConvoyIO
import ConvoyPostgres
import ConvoyRun
import ConvoyText
internal import Synchronization

/// Writes the events of one run, in order, each once.
///
/// The numbers are given here, so that a COMMIT that was not confirmed can be settled: what the run has beyond the last number that is known was
/// written by that transaction. Where this process has the run's lock, its token must still be there, in the same transaction.
final class ControlAppender: Sendable {
    private struct State {
        /// Of the lock that this process has; nil without one.
        var token: String?
        /// Why this process has the run no longer.
        var loss: JournalError?
        /// The last event that is known to be written; nil while none is.
        var lastEvent: Int64?
        /// Whether the end of a transaction after that event is not known. It stays so until all that is given again is written: what was settled
        /// in between is offered again, too, if a later transaction fails.
        var isInDoubt = false
        /// Whether the last call was given up.
        var hasFailed = false
        /// How long the last events of a cancelled run may take; nil as long as others may come.
        var lastPatience: Duration?
    }

    /// What one call has for all that it asks.
    private struct Time {
        var begun: ContinuousClock.Instant
        var deadline: ContinuousClock.Instant
        /// Whether answers have no more time than that either.
        var isStrict: Bool
    }

    private let run: RunID
    private let control: ControlDatabase
    private let state = Mutex(State())
    private let haste = ControlHaste()
    private let commits = Mutex(CommitQueue<[EventRow]>?.none)

    /// More disagreements than this about the last number are not other processes'.
    private static let attempts = 20

    init(_ run: RunID, _ control: ControlDatabase) {
        (self.run, self.control) = (run, control)
    }

    /// What waits while a transaction is under way shares the next one.
    private var queue: CommitQueue<[EventRow]> {
        commits.withLock { queue in
            if let queue { return queue }
            let made = CommitQueue<[EventRow]> { [weak self] take in
                // A call that waits for the queue keeps the appender.
                guard let self else { throw CancellationError() }
                try await write(take().flatMap(\.self))
            }
            queue = made
            return made
        }
    }

    /// The token of the lock that this process has.
    var token: String? { state.withLock(\.token) }

    /// Why this process has the run no longer; nil if it has, or never had.
    var loss: JournalError? { state.withLock(\.loss) }

    /// Sets the token of the lock that this process has.
    func hold(_ token: String?) {
        state.withLock { state in
            state.token = token
            state.lastPatience = nil
            if token != nil { state.loss = nil }
            // Another process may have written meanwhile.
            if !state.isInDoubt { state.lastEvent = nil }
        }
        if token != nil { haste.end() }
    }

    /// Notes that the lock with that token is another process's now.
    func lose(_ token: String, to holder: String?) {
        state.withLock { state in
            if state.token == token { state.loss = .takenOver(control.place, run, by: holder) }
        }
    }

    /// The operator has cancelled the run: what is under way ends soon, whether the server answers or not. What was not confirmed by then is in doubt,
    /// and is settled when it is given again.
    func hurry() { haste.begin() }

    func append(_ rows: [EventRow]) async throws(JournalError) {
        do {
            try await withTaskCancellationHandler {
                try await queue.commit(rows)
            } onCancel: {
                hurry()
            }
        } catch {
            throw problem(error)
        }
    }

    /// Once the operator has cancelled, all else has ended: what became of it is worth a longer wait, which the operator can end as well.
    func appendLast(_ rows: [EventRow]) async throws(JournalError) {
        guard haste.since != nil else { return try await append(rows) }
        haste.end()
        state.withLock { $0.lastPatience = control.timing.lease }
        do {
            // The task may be cancelled already.
            try await queue.commit(rows)
        } catch {
            throw problem(error)
        }
    }

    private func problem(_ error: any Error) -> JournalError {
        error as? JournalError ?? JournalError(path: control.place, message: "\(error)")
    }

    private func write(_ rows: [EventRow]) async throws(JournalError) {
        let timing = control.timing
        // Once the database has been away for too long, what comes next does not wait for it as long again.
        let (hasFailed, last) = state.withLock { ($0.hasFailed, $0.lastPatience) }
        let usual = last ?? (hasFailed ? timing.laterPatience : timing.patience)
        let patience = haste.since != nil ? timing.interruptedPatience : usual
        let begun = ContinuousClock.now
        do throws(JournalError) {
            try await write(rows, Time(begun: begun, deadline: begun + patience, isStrict: last != nil))
            state.withLock { $0.hasFailed = false }
        } catch {
            state.withLock { $0.hasFailed = true }
            throw error
        }
    }

    private func write(_ rows: [EventRow], _ time: Time) async throws(JournalError) {
        var rest = rows[...]
        var last: Int64?
        var disagreements = 0
        var wait = Duration.milliseconds(50)
        while disagreements < Self.attempts {
            do throws(ControlError) {
                let known = if let last { last } else { try await lastEvent(time) }
                let isWritten = rest.isEmpty ? true : try await insert(Array(rest), after: known, time)
                if isWritten {
                    state.withLock { ($0.lastEvent, $0.isInDoubt) = (known + Int64(clamping: rest.count), false) }
                    return
                }
                let (there, newest) = try await settle(Array(rest), after: known, time)
                rest = rest.dropFirst(there)
                last = newest
                disagreements += 1
            } catch {
                if case .commitUnknown = error {
                    state.withLock { $0.isInDoubt = true }
                    // Cancelled meanwhile: what is in doubt is settled when it is given again.
                    let isHurried = haste.since.map { .now >= max($0, time.begun) + control.timing.interruptedPatience } ?? false
                    if .now + wait < time.deadline, !isHurried {
                        // What loses one COMMIT may lose the next one.
                        await pause(for: wait * Double.random(in: 0.7...1.3), cancellation: .ignored)
                        wait = min(wait * 2, .seconds(1))
                        continue
                    }
                }
                var asking = persistence(time)
                asking.patience = .zero
                throw await control.journalError(error, asking)
            }
        }
        throw JournalError(
            path: control.place,
            message: "other processes keep writing to run \(run)",
            hint: "only one process may work on a run"
        )
    }

    private func persistence(_ time: Time) -> ControlSession.Persistence {
        ControlSession.Persistence(
            patience: max(.zero, time.deadline - .now),
            // A run under way waits for the primary, as for a database that is gone; anything else fails at once.
            waitsForPrimary: token != nil,
            limit: time.isStrict ? max(.zero, time.deadline - .now) : nil,
            haste: haste,
            begun: time.begun
        )
    }

    private func lastEvent(_ time: Time) async throws(ControlError) -> Int64 {
        if let known = state.withLock(\.lastEvent) { return known }
        let question = PipelineStatement("SELECT last_event FROM convoy_control.runs WHERE id = $1", [run.description.storable])
        let results = try await control.ask([question], persistence(time))
        guard let last = results.first?.rows.first.flatMap(Self.lastEvent) else { throw .refused(.unknownRun(control.place, run)) }
        state.withLock { $0.lastEvent = last }
        return last
    }

    /// The number of a row, with room left to count on.
    private static func lastEvent(_ row: QueryResult.Row) -> Int64? {
        row.number("last_event").map { min(max(0, $0), LockedRun.mostNumber) }
    }

    /// One round trip.
    ///
    /// - Returns: whether the events are written; if not, something was not as expected.
    private func insert(
        _ rows: [EventRow],
        after last: Int64,
        _ time: Time
    ) async throws(ControlError) -> Bool {
        let end = rows.last { $0.end != nil }
        let opens = rows.contains { row in row.end.map { $0.status == nil } ?? false }
        let parameters = [
            run.description.storable, token, "\(last)", end == nil ? "false" : "true", end?.end?.status?.rawValue,
            end?.end?.status == nil ? nil : end?.at, opens ? "true" : "false", "\(control.timing.statement.milliseconds)",
        ]
        let isAwaited = rows.contains(where: \.isAwaited)
        let columns = EventColumns.parameters(rows)
        let statement = PipelineStatement(Self.insertion, parameters + [isAwaited ? "true" : "false"] + columns)
        let result = try await control.call(statement, persistence(time))
        return result?.rows.first?.value("is_written") == "t"
    }

    private static let insertion: String = {
        let parameters = (1...9 + EventColumns.count).map { "$\($0)" }.joined(separator: ", ")
        return "SELECT convoy_control.append_events(\(parameters)) AS is_written"
    }()

    /// Finds out why events were not written.
    ///
    /// - Returns: how many of them are there already, from earlier transactions whose end was not known, and the last event that is there.
    /// - Throws: ``ControlError/refused(_:)`` if they may not be written.
    private func settle(
        _ rows: [EventRow],
        after last: Int64,
        _ time: Time
    ) async throws(ControlError) -> (there: Int, newest: Int64) {
        let (token, isInDoubt) = state.withLock { ($0.token, $0.isInDoubt) }
        let id = run.description.storable
        let found = try await control.ask(
            [
                PipelineStatement("SELECT last_event, abandoned_by FROM convoy_control.runs WHERE id = $1", [id]),
                PipelineStatement(
                    "SELECT token, holder, expires_at >= clock_timestamp() AS is_held FROM convoy_control.locks WHERE name = $1",
                    [id]
                ),
                PipelineStatement(
                    "SELECT json FROM convoy_control.events WHERE run = $1 AND number > $2::bigint ORDER BY number LIMIT $3::bigint",
                    [id, "\(last)", "\(isInDoubt ? rows.count : 0)"]
                ),
            ],
            persistence(time)
        )
        guard found.count == 3, let standing = found[0].rows.first, let newest = Self.lastEvent(standing) else {
            throw .refused(.unknownRun(control.place, run))
        }
        let lock = found[1].rows.first
        if let token, lock?.value("token") != token {
            let loss = JournalError.takenOver(control.place, run, by: lock?.value("holder"))
            state.withLock { if $0.token == token { $0.loss = loss } }
            throw .refused(loss)
        }
        if token == nil, let lock, lock.value("is_held") == "t" {
            throw .refused(.stillRunning(control.place, run, ControlLease.shown(lock.value("holder"))))
        }
        if let person = standing.value("abandoned_by"), rows.contains(where: { row in row.end.map { $0.status == nil } ?? false }) {
            throw .refused(.abandoned(control.place, run.description, by: person))
        }
        // This process gives no number twice. One that resumes the run does, and readers notice it: see ``EventTrail``.
        guard newest >= last else { throw .refused(.lostEvents(control.place, run, last - newest)) }
        return (zip(found[2].rows, rows).prefix { $0.value("json") == $1.json }.count, newest)
    }
}
