import ConvoyPostgres
package import ConvoyRun
import FoundationEssentials

/// A run whose row a worker has locked, with all that other processes have written since this one last read.
package struct LockedRun: Sendable {
    /// How many decisions have written something.
    package var turn: Int64
    package var lastEvent: Int64
    /// The number of the assignment that was given out last.
    package var lastAssignment: Int64
    /// Whether the run has not ended, and workers carry it out.
    package var isOpen: Bool
    /// Whether it was handed over anew since the worker has read it, perhaps with other files: read it again.
    package var isOutdated: Bool
    /// The person who asked to resume it, until a worker has.
    package var resumedBy: String?
    /// The last decision of this worker that was committed.
    package var lastDecision: Int64
    /// The turns after the event that this worker has folded last, in order.
    package var turns: [RecordedTurn]
    /// The fingerprint of the event that has the number which this worker knows last; nil if no event has it. Another one than the worker knows, or none,
    /// shows that a server took over that had not got everything: read the whole run again.
    package var knownFingerprint: Int?
    /// What operators asked for and no decision has answered, oldest first.
    package var requests: [OperatorRequest]
    /// Whether there are any, those included that only a newer program knows.
    package var hasRequests: Bool
    package var servedRequest: Int64
    /// Of the assignments that the worker reports on, those that it still has.
    package var own: Set<Int64>
    /// Whether there are more events than were read: read ``ControlDatabase/turns(of:after:limit:)`` first.
    package var isBehind: Bool
}

/// The events of one decision.
package struct RecordedTurn: Sendable {
    package var number: Int64
    package var events: [Event]
    /// The number of its last event.
    package var lastEvent: Int64
    /// Of the text of its last event, within this process.
    package var lastFingerprint: Int
}

/// What one decision on a run writes, all of it or nothing.
package struct RunDecision: Sendable {
    /// An assignment that begins.
    package struct Beginning: Sendable, Hashable {
        package var kind: String
        package var subject: String
        package var wave: String?
        package var server: String?
        /// Whether the worker that decides takes it at once.
        package var isClaimed: Bool

        package init(kind: String, subject: String, wave: String? = nil, server: String? = nil, isClaimed: Bool = false) {
            self.kind = kind
            self.subject = subject
            self.wave = wave
            self.server = server
            self.isClaimed = isClaimed
        }
    }

    /// What is no longer wanted: the worker that has it stops, and nothing is reported.
    package struct Withdrawal: Sendable, Hashable {
        package var kind: String
        package var subject: String

        package init(kind: String, subject: String) {
            (self.kind, self.subject) = (kind, subject)
        }
    }

    /// What happened, in order.
    package var events: [Event] = []
    package var beginnings: [Beginning] = []
    /// The numbers of the assignments that have ended.
    package var done: [Int64] = []
    package var withdrawals: [Withdrawal] = []
    /// The gates, by their waves, that were approved, with the person.
    package var approvals: [(wave: String, by: String)] = []
    /// The kind of the assignments that ``approvals`` are for.
    package var gateKind = ""
    /// Whether everything in progress is cancelled.
    package var cancelsAll = false
    /// The last request that it answers.
    package var servedRequest: Int64 = 0

    package init() {}
}

/// A committed decision.
package struct CommittedDecision: Sendable {
    /// The numbers that ``RunDecision/beginnings`` got, in their order.
    package var numbers: [Int64]
    package var turn: Int64
    package var lastEvent: Int64
    /// Of the text of its last event; nil without events.
    package var lastFingerprint: Int?
}

extension ControlDatabase {
    /// Decides on a run: locks its row, hands over what is new, writes what the body decides, and commits. Two round trips.
    ///
    /// Whether a decision whose COMMIT was not confirmed took place shows in ``LockedRun/lastDecision`` of the next one: the lock of the row waits for the
    /// end of the transaction before.
    ///
    /// - Parameters:
    ///   - worker: who decides. It has announced itself; see ``renew(_:for:)``.
    ///   - count: its number among the decisions of this worker, ascending.
    ///   - handOver: the ``OpenRun/handOver`` with which the worker has read the run.
    ///   - event: the last one that the worker has folded.
    ///   - reports: the assignments that it reports on, each with the attempt that it made.
    ///   - lease: how long it has what it takes.
    ///   - body: gives nil where there is nothing to write. It is called again where the transaction is, because nothing of it was committed; what it
    ///     throws is thrown, and nothing is written.
    /// - Returns: nil where nothing was written.
    /// - Throws: ``ControlError/commitUnknown(_:)`` if the connection was lost before COMMIT was confirmed.
    package func decide(
        on run: RunID,
        by worker: String,
        count: Int64,
        handOver: String,
        after event: Int64,
        reporting reports: [Int64: Int64],
        lease: Duration,
        _ body: @escaping @Sendable (LockedRun) async throws(ControlError) -> RunDecision?
    ) async throws(ControlError) -> CommittedDecision? {
        let opening = DecisionStatements.opening(run, by: worker, after: event, reporting: reports, limit: timing.statement)
        return try await transaction(.calling, patience: .zero) { transaction throws(ControlError) in
            transaction.keep([opening.sql, DecisionStatements.writingCall])
            guard let opened = try await transaction.run([opening]).first else {
                throw .postgres(PostgresError(.unexpectedResult, "the server gave no result"))
            }
            let read = try ControlError.reading { () throws(PostgresError) in try LockedRun(opened, after: event, handOver: handOver) }
            guard let locked = read else {
                throw .refused(JournalError(path: self.place, message: "run \(run) is not there any more"))
            }
            guard let decision = try await body(locked) else { return nil }
            let committed = CommittedDecision(
                numbers: (0..<Int64(clamping: decision.beginnings.count)).map { locked.lastAssignment + 1 + $0 },
                turn: locked.turn + (decision.events.isEmpty ? 0 : 1),
                lastEvent: locked.lastEvent + Int64(clamping: decision.events.count),
                lastFingerprint: decision.events.last.map { EventRow($0).json.hashValue }
            )
            try await transaction.commit([
                DecisionStatements.writing(decision, on: locked, committed, run, by: worker, count: count, lease: lease)
            ])
            return committed
        }
    }

    /// The whole turns of a run after an event, as many as fit; no lock is taken.
    ///
    /// - Returns: the turns, whether there are more, and the fingerprint of the event itself as ``LockedRun/knownFingerprint`` has it.
    @concurrent
    package func turns(of run: RunID, after event: Int64, limit: Int = 5000) async throws(ControlError) -> (
        turns: [RecordedTurn], hasMore: Bool, knownFingerprint: Int?
    ) {
        let statement = DecisionStatements.events(of: run, from: event, limit: limit)
        let results = try await transaction(.reading, patience: .zero) { transaction throws(ControlError) in
            try await transaction.commit([statement])
        }
        let rows = results.first?.rows ?? []
        var (turns, known) = try ControlError.reading { () throws(PostgresError) in try RecordedTurn.turns(rows, from: event) }
        guard rows.count >= limit else { return (turns, false, known) }
        // The last one may continue after the page.
        _ = turns.popLast()
        return turns.isEmpty ? try await self.turns(of: run, after: event, limit: limit * 4) : (turns, true, known)
    }
}
