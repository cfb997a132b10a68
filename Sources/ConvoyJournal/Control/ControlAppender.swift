import ConvoyPostgres
import ConvoyRun
internal import Synchronization

/// Writes the events of one run, in order, each once.
///
/// The numbers are given here, so that a COMMIT that was not confirmed can be settled: what the run has beyond the last number that is known was
/// written by that transaction. Where this process has the run's lock, its token must still be there, in the same transaction.
final class ControlAppender: Sendable {
    private struct State {
        /// Of the lock that this process has; nil without one.
        var token: String?
        /// The last event that the run has; nil while that is not known.
        var lastEvent: Int64?
        /// Whether a transaction's end is not known.
        var isInDoubt = false
    }

    private let run: RunID
    private let control: ControlDatabase
    private let state = Mutex(State())
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

    /// Sets the token of the lock that this process has.
    func hold(_ token: String?) {
        state.withLock { state in
            state.token = token
            // Another process may have written meanwhile.
            if !state.isInDoubt { state.lastEvent = nil }
        }
    }

    func append(_ rows: [EventRow]) async throws(JournalError) {
        do {
            try await queue.commit(rows)
        } catch {
            throw error as? JournalError ?? JournalError(path: control.place, message: "\(error)")
        }
    }

    private func write(_ rows: [EventRow]) async throws(JournalError) {
        let deadline = ContinuousClock.now + control.timing.patience
        var rest = rows[...]
        for _ in 0..<Self.attempts where !rest.isEmpty {
            do throws(ControlError) {
                let last = try await lastEvent()
                if try await insert(Array(rest), after: last, patience: max(.zero, deadline - .now)) {
                    state.withLock { ($0.lastEvent, $0.isInDoubt) = (last + Int64(clamping: rest.count), false) }
                    return
                }
                rest = rest.dropFirst(try await settle(Array(rest), after: last))
            } catch {
                if case .commitUnknown = error {
                    state.withLock { $0.isInDoubt = true }
                    if .now < deadline { continue }
                }
                throw error.journalError(control.place)
            }
        }
        guard rest.isEmpty else {
            throw JournalError(
                path: control.place,
                message: "other processes keep writing to run \(run)",
                hint: "only one process may work on a run"
            )
        }
    }

    private func lastEvent() async throws(ControlError) -> Int64 {
        if let known = state.withLock(\.lastEvent) { return known }
        let rows = try await control.rows(
            "SELECT last_event FROM convoy_control.runs WHERE id = $1",
            [run.description.storable],
            patience: control.timing.patience
        )
        guard let last = rows.first?.number("last_event") else { throw .refused(.unknownRun(control.place, run)) }
        state.withLock { $0.lastEvent = last }
        return last
    }

    /// One round trip. The rows of the lock and of the run are locked first, so that the statement that writes sees what holds to its end.
    ///
    /// - Returns: whether the events are written; if not, something was not as expected.
    private func insert(_ rows: [EventRow], after last: Int64, patience: Duration) async throws(ControlError) -> Bool {
        let id = run.description.storable
        let end = rows.last { $0.end != nil }
        let opens = rows.contains { row in row.end.map { $0.status == nil } ?? false }
        let parameters = [
            id, state.withLock(\.token), "\(last)", "\(rows.count)", end == nil ? "false" : "true", end?.end?.status?.rawValue,
            end?.end?.status == nil ? nil : end?.at, opens ? "true" : "false",
        ]
        let statements = [
            PipelineStatement("SELECT FROM convoy_control.locks WHERE name = $1 FOR NO KEY UPDATE", [id]),
            PipelineStatement("SELECT FROM convoy_control.runs WHERE id = $1 FOR NO KEY UPDATE", [id]),
        ]
        let news = rows.contains(where: \.isAwaited) ? [ControlNews(run).statement] : []
        let insertion = PipelineStatement(Self.insertion, parameters + EventColumns.parameters(rows))
        let result = try await control.transaction(.writing, patience: patience) { transaction throws(ControlError) in
            try await transaction.commit(statements + news + [insertion])
        }
        return result.last?.commandTag == "INSERT 0 \(rows.count)"
    }

    private static let insertion = """
        WITH moved AS (
            UPDATE convoy_control.runs SET last_event = last_event + $4::bigint, turn = turn + 1,
                status = CASE WHEN $5::boolean THEN $6::text ELSE status END,
                finished_at = CASE WHEN $5::boolean THEN $7::timestamptz ELSE finished_at END
            WHERE id = $1 AND last_event = $3::bigint AND (abandoned_by IS NULL OR NOT $8::boolean)
                AND CASE WHEN $2::text IS NULL
                    THEN NOT EXISTS (SELECT FROM convoy_control.locks WHERE name = $1 AND expires_at >= clock_timestamp())
                    ELSE EXISTS (SELECT FROM convoy_control.locks WHERE name = $1 AND token = $2::text) END
            RETURNING turn
        )
        INSERT INTO convoy_control.events (\(EventColumns.names))
        SELECT $1, $3::bigint + ordinality, moved.turn, \(EventColumns.values) FROM moved, \(EventColumns.table(from: 9))
        """

    /// Finds out why events were not written.
    ///
    /// - Returns: how many of them are there already, from an earlier transaction whose end was not known.
    /// - Throws: ``ControlError/refused(_:)`` if they may not be written.
    private func settle(_ rows: [EventRow], after last: Int64) async throws(ControlError) -> Int {
        let (token, isInDoubt) = state.withLock { ($0.token, $0.isInDoubt) }
        let id = run.description.storable
        let found = try await control.transaction(.reading, patience: control.timing.patience) { transaction throws(ControlError) in
            try await transaction.commit([
                PipelineStatement("SELECT last_event, abandoned_by FROM convoy_control.runs WHERE id = $1", [id]),
                PipelineStatement(
                    "SELECT token, holder, expires_at >= clock_timestamp() AS is_held FROM convoy_control.locks WHERE name = $1",
                    [id]
                ),
                PipelineStatement(
                    "SELECT json FROM convoy_control.events WHERE run = $1 AND number > $2::bigint ORDER BY number LIMIT $3::bigint",
                    [id, "\(last)", "\(isInDoubt ? rows.count : 0)"]
                ),
            ])
        }
        guard found.count == 3, let standing = found[0].rows.first, let newest = standing.number("last_event") else {
            throw .refused(.unknownRun(control.place, run))
        }
        let lock = found[1].rows.first
        if let token, lock?.value("token") != token {
            throw .refused(.takenOver(control.place, run, by: lock?.value("holder")))
        }
        if token == nil, let lock, lock.value("is_held") == "t" {
            throw .refused(.stillRunning(control.place, run, ControlLease.shown(lock.value("holder"))))
        }
        if let person = standing.value("abandoned_by"), rows.contains(where: { row in row.end.map { $0.status == nil } ?? false }) {
            throw .refused(.abandoned(control.place, run.description, by: person))
        }
        let there = zip(found[2].rows, rows).prefix { $0.value("json") == $1.json }.count
        state.withLock { ($0.lastEvent, $0.isInDoubt) = (newest, false) }
        return there
    }
}
