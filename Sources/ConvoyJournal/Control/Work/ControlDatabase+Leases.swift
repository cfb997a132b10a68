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
    /// What it may claim: assignments that wait, and those whose lease has expired. What a worker has begun comes first, then what was given out first.
    package var candidates: [Assignment] = []
    /// What the server's clock says; nil in a round that renews nothing.
    package var now: Date?
}

/// What workers do without the lock of a run. Each call is one round trip.
extension ControlDatabase {
    /// The most open runs of a fleet that a worker looks at.
    private static let mostRuns = 100

    /// Announces that a worker lives, renews all its leases, and reads what is new.
    ///
    /// - Parameters:
    ///   - lease: how long its leases hold from now on; nil only reads.
    ///   - runs: those of which it takes assignments.
    ///   - candidates: the most that are read.
    package func round(
        of worker: WorkerRecord,
        renewing lease: Duration?,
        candidatesOf runs: some Sequence<RunID> & Sendable,
        limit candidates: Int
    ) async throws(ControlError) -> WorkerRound {
        var statements =
            lease.map { [WorkStatements.heartbeat(worker), WorkStatements.renewal(of: worker.id, for: $0)] } ?? [
                WorkStatements.leases(of: worker.id)
            ]
        statements.append(WorkStatements.openRuns(of: worker.fleet, limit: Self.mostRuns))
        let names = runs.map(\.description)
        if candidates > 0, !names.isEmpty { statements.append(WorkStatements.candidates(of: names, limit: candidates)) }
        let sent = statements
        let results = try await transaction(lease == nil ? .reading : .writing, patience: .zero, isRepeatable: true) {
            transaction throws(ControlError) in try await transaction.commit(sent)
        }
        return try ControlError.reading { () throws(PostgresError) in
            var round = WorkerRound()
            if lease != nil { round.now = Date(rfc3339: try results[0].rows.first?.text("now") ?? "") }
            let first = lease == nil ? 0 : 1
            round.leases = try results[first].values(Lease.init)
            round.runs = try results[first + 1].values(OpenRun.init)
            if results.count > first + 2 { round.candidates = try results[first + 2].values(Assignment.init) }
            return round
        }
    }

    /// Takes assignments that wait or whose lease has expired, for as long as the lease holds.
    ///
    /// - Returns: those that no other worker was faster to claim.
    package func claim(_ keys: [Assignment.Key], for worker: String, lease: Duration) async throws(ControlError) -> [Assignment] {
        guard !keys.isEmpty else { return [] }
        let statement = WorkStatements.claim(keys, for: worker, lease: lease)
        let results = try await transaction(patience: .zero) { transaction throws(ControlError) in try await transaction.commit([statement])
        }
        return try ControlError.reading { () throws(PostgresError) in try results.first?.values(Assignment.init) ?? [] }
    }

    /// Gives assignments back that a worker has not ended: another one takes them at once.
    package func giveBack(_ leases: [Lease], of worker: String) async throws(ControlError) {
        guard !leases.isEmpty else { return }
        let statement = WorkStatements.giveBack(leases, of: worker)
        let news = Set(leases.map(\.key.run)).map { ControlNews($0, from: worker).statement }
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

    /// How many workers of a fleet live and take work.
    package func workersAlive(of fleet: String, within lease: Duration) async throws(ControlError) -> Int {
        let statement = WorkStatements.workersAlive(of: fleet, within: lease)
        let row = try await rows(statement.sql, statement.parameters).first
        return try ControlError.reading { () throws(PostgresError) in Int(clamping: try row?.int64("count") ?? 0) }
    }

    /// Hands a recorded run over to the workers of its fleet.
    ///
    /// - Parameters:
    ///   - person: who resumes it; nil for a run that has not begun.
    ///   - lock: what must still hold, in the same transaction: the lock under which the run was checked; nil asks for none.
    package func handOver(
        _ run: RunID,
        fleetChecksum: String,
        resumedBy person: String?,
        under lock: (any RunLock)? = nil
    ) async throws(ControlError) {
        let lease = lock as? ControlLease
        var statement = WorkStatements.handOver(run.description, fleetChecksum: fleetChecksum, resumedBy: person)
        if lease != nil {
            statement.sql += " AND \(ControlLease.isOwn(statement.parameters.count + 1, self))"
            statement.parameters += [lease?.name, lease?.token]
        }
        let statements = [
            ControlLease.locking(lease?.name, lease?.token), statement, ControlNews(run).statement,
            PipelineStatement("SELECT FROM convoy_control.runs WHERE id = $1 AND for_workers AND status IS NULL", [run.description]),
        ]
        let results = try await transaction(isRepeatable: true) { transaction throws(ControlError) in
            try await transaction.commit(statements)
        }
        guard lease != nil, results.last?.rows.isEmpty == true else { return }
        throw .refused(.overtaken(place, "run \(run) was not handed over: another process was faster"))
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
            previousWorker: try row.label("previous_worker")
        )
    }
}
