import ConvoyPostgres
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What a worker reads on each of its rounds.
package struct WorkerRound: Sendable {
    /// What it has. An assignment that is missing is no longer its own: it was withdrawn, or another worker has taken it over.
    package var leases: [Lease] = []
    /// The fleet's runs that have not ended.
    package var runs: [OpenRun] = []
    /// What it may claim: assignments that wait, and those whose lease has expired. What was begun before comes first, then what was given out first; the
    /// runs take turns.
    package var candidates: [Assignment] = []
}

/// Which assignments a worker looks for.
package struct CandidateSearch: Sendable, Hashable {
    package var runs: [RunID]
    /// The servers that it works on; nil is all. What needs no server and what is cancelled is found in any case.
    package var servers: Set<String>?
    /// Whether what another worker has is found when its lease has expired.
    package var takesOver: Bool
    /// How many it has found already and leaves.
    package var offset: Int
    /// The most that are found.
    package var limit: Int

    package init(runs: [RunID], servers: Set<String>? = nil, takesOver: Bool = true, offset: Int = 0, limit: Int) {
        (self.runs, self.servers, self.takesOver, self.offset, self.limit) = (runs, servers, takesOver, offset, limit)
    }
}

/// What workers do without the lock of a run. Each call is one round trip.
extension ControlDatabase {
    /// The most open runs of a fleet that a worker looks at.
    private static let mostRuns = 100

    /// Announces that a worker lives, and renews its leases. One that another transaction has locked at this moment is left to the next renewal.
    ///
    /// - Parameter lease: how long they hold from now on.
    /// - Returns: those that were renewed, and what the server's clock says.
    package func renew(_ worker: WorkerRecord, for lease: Duration) async throws(ControlError) -> (leases: [Lease], now: Date?) {
        let statements = [WorkStatements.heartbeat(worker), WorkStatements.renewal(of: worker.id, for: lease)]
        let results = try await transaction(patience: .zero, isRepeatable: true) { transaction throws(ControlError) in
            try await transaction.commit(statements)
        }
        return try ControlError.reading { () throws(PostgresError) in
            (try results[1].values(Lease.init), Date(rfc3339: try results[0].rows.first?.text("now") ?? ""))
        }
    }

    /// Reads what is new.
    ///
    /// - Parameters:
    ///   - worker: whose leases are read.
    ///   - fleet: whose open runs are read.
    ///   - search: what the worker would take; nil takes nothing.
    package func round(of worker: String, in fleet: String, _ search: CandidateSearch?) async throws(ControlError) -> WorkerRound {
        var statements = [WorkStatements.leases(of: worker), WorkStatements.openRuns(of: fleet, limit: Self.mostRuns)]
        if let search { statements.append(WorkStatements.candidates(search)) }
        let sent = statements
        let results = try await transaction(.reading, patience: .zero) { transaction throws(ControlError) in
            try await transaction.commit(sent)
        }
        return try ControlError.reading { () throws(PostgresError) in
            var round = WorkerRound()
            round.leases = try results[0].values(Lease.init)
            round.runs = try results[1].values(OpenRun.init)
            if results.count > 2 { round.candidates = try results[2].values(Assignment.init) }
            return round
        }
    }

    /// Reads what a worker may claim, as ``WorkerRound/candidates``.
    package func candidates(_ search: CandidateSearch) async throws(ControlError) -> [Assignment] {
        let statement = WorkStatements.candidates(search)
        let results = try await transaction(.reading, patience: .zero) { transaction throws(ControlError) in
            try await transaction.commit([statement])
        }
        return try ControlError.reading { () throws(PostgresError) in try results.first?.values(Assignment.init) ?? [] }
    }

    /// Takes assignments that wait or whose lease has expired, for as long as the lease holds.
    ///
    /// - Parameters:
    ///   - handOvers: the ``OpenRun/handOver`` with which the worker has read each run; nothing of a run is taken that was handed over anew.
    ///   - takesOver: whether what another worker has is taken when its lease has expired.
    /// - Returns: those that no other worker was faster to claim.
    package func claim(
        _ keys: [Assignment.Key],
        for worker: String,
        lease: Duration,
        handOvers: [RunID: String],
        takesOver: Bool
    ) async throws(ControlError) -> [Assignment] {
        guard !keys.isEmpty else { return [] }
        let statement = WorkStatements.claim(keys, for: worker, lease: lease, handOvers: handOvers, takesOver: takesOver)
        let results = try await transaction(patience: .zero) { transaction throws(ControlError) in try await transaction.commit([statement])
        }
        return try ControlError.reading { () throws(PostgresError) in try results.first?.values(Assignment.init) ?? [] }
    }

    /// Gives assignments back that a worker has not ended: another one takes them at once.
    package func giveBack(_ leases: [Lease], of worker: String) async throws(ControlError) {
        guard !leases.isEmpty else { return }
        let statement = WorkStatements.giveBack(leases, of: worker)
        let news = Set(leases.map(\.key.run)).map { ControlNews($0, from: worker, isWork: true).statement }
        _ = try await transaction(patience: .zero, isRepeatable: true) { transaction throws(ControlError) in
            try await transaction.commit([statement] + news)
        }
    }

    /// Removes the worker from the list, and those that have not been seen for a day.
    package func signOff(_ worker: String) async throws(ControlError) {
        _ = try await transaction(patience: .zero, isRepeatable: true) { transaction throws(ControlError) in
            try await transaction.commit([WorkStatements.signOff(worker)])
        }
    }

    /// The plan with which a run began, as JSON.
    package func recordedPlan(of run: RunID) async throws(ControlError) -> String {
        let statement = WorkStatements.plan(of: run.description)
        let row = try await rows(statement.sql, statement.parameters).first
        return try ControlError.reading { () throws(PostgresError) in try row?.text("plan") ?? "" }
    }

    /// How many assignments of a fleet wait, and how many workers have.
    package func assignmentCounts(of fleet: String) async throws(ControlError) -> (waiting: Int, claimed: Int) {
        let statement = WorkStatements.counts(of: fleet)
        let row = try await rows(statement.sql, statement.parameters).first
        return try ControlError.reading { () throws(PostgresError) in
            (Int(clamping: try row?.int64("waiting") ?? 0), Int(clamping: try row?.int64("claimed") ?? 0))
        }
    }
}

/// The longest name that is taken from a control database, in bytes: more than anything that Convoy writes there.
private let nameLimit = 1000

extension QueryResult {
    /// What its rows are, without those that cannot be read.
    fileprivate func values<Value>(_ read: (Row) throws(PostgresError) -> Value?) throws(PostgresError) -> [Value] {
        var values: [Value] = []
        for row in rows { if let value = try read(row) { values.append(value) } }
        return values
    }
}

extension QueryResult.Row {
    /// A name that Convoy has written; nil for one that it cannot have.
    func name(_ column: String) throws(PostgresError) -> String? {
        guard let text = try optionalText(column), text.utf8.count <= nameLimit else { return nil }
        return text
    }
}

extension Lease {
    fileprivate init(_ row: QueryResult.Row) throws(PostgresError) {
        self.init(
            key: Assignment.Key(run: RunID(try row.text("run")), number: try row.int64("number")),
            attempt: try row.int64("attempt"),
            isCancelled: try row.bool("is_cancelled"),
            approvedBy: try row.label("approved_by")
        )
    }
}

extension OpenRun {
    fileprivate init?(_ row: QueryResult.Row) throws(PostgresError) {
        guard let id = RunID(recorded: try row.name("id")) else { return nil }
        self.id = id
        fleetChecksum = try row.label("fleet_checksum") ?? ""
        convoyVersion = try row.label("worker_version") ?? ""
        handOver = try row.label("hand_over") ?? ""
        turn = try row.int64("turn")
        lastEvent = try row.int64("last_event")
        hasRequests = try row.bool("has_requests")
        resumedBy = try row.label("resumed_by")
    }
}

extension Assignment {
    /// Nil for one that this program cannot have written.
    fileprivate init?(_ row: QueryResult.Row) throws(PostgresError) {
        guard let run = try row.name("run"), let kind = try row.name("kind"), let subject = try row.name("subject") else { return nil }
        self.init(
            key: Key(run: RunID(run), number: try row.int64("number")),
            kind: kind,
            subject: subject,
            wave: try row.name("wave"),
            server: try row.name("server"),
            attempt: try row.int64("attempt"),
            isCancelled: try row.bool("is_cancelled"),
            previousWorker: try row.label("previous_worker")
        )
    }
}
