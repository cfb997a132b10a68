internal import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// Writes down that a run begins; before anything else of it.
    ///
    /// - Parameter plan: what ``plan(of:)`` returns when the run is resumed; the journal does not read it.
    package func begin(_ run: RunRecord, plan: Data) async throws(JournalError) {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO runs (id, fleet, fleet_file, direction, target, steps, instances, plan, started_at, convoy_version, started_by)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    run.id.description, run.fleet, run.fleetFile, run.change.direction.rawValue, run.change.target?.description,
                    run.change.steps,
                    run.instances, plan, run.startedAt.rfc3339, run.convoyVersion, run.startedBy,
                ]
            )
        }
    }

    /// Makes events durable, in order. Returns when they would survive a loss of power; one wait on the disk may cover many calls.
    ///
    /// `runFinished` also ends the run's record, and `runResumed` opens it again, in the same transaction; one that was abandoned stays so. Cancelling the task does not end
    /// the call. Where it throws, nothing of the events is written, and a later call can work: a full disk may have room again.
    package func append(_ events: [Event], to run: RunID) async throws(JournalError) {
        guard !events.isEmpty else { return }
        let rows = events.map(EventRow.init)
        let run = run.description
        try await write { db in
            let insert = try db.cachedStatement(
                sql: "INSERT INTO events (run, at, type, instance, outcome, json) VALUES (?, ?, ?, ?, ?, ?)"
            )
            for row in rows {
                try insert.execute(arguments: [run, row.at, row.type, row.instance, row.outcome, row.json])
                guard let end = row.end else { continue }
                if end.status == nil { try self.checkNotAbandoned(run, db) }
                try db.execute(
                    sql: "UPDATE runs SET status = ?, finished_at = ? WHERE id = ?",
                    arguments: [end.status?.rawValue, end.status == nil ? nil : row.at, run]
                )
            }
        }
    }

    private func checkNotAbandoned(_ run: String, _ db: Database) throws {
        guard let person = try String.fetchOne(db, sql: "SELECT abandoned_by FROM runs WHERE id = ?", arguments: [run]) else { return }
        throw JournalError(path: path, message: "run \(run) was abandoned by \(person)", hint: "start a new run with `convoy migrate`")
    }

    /// Leaves a request for the process that works on a run.
    package func post(_ request: OperatorRequest.Kind, to run: RunID, by person: String, at date: Date) async throws(JournalError) {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO requests (run, kind, argument, requested_by, at) VALUES (?, ?, ?, ?, ?)",
                arguments: [run.description, request.columns.kind, request.columns.argument, person, date.rfc3339]
            )
        }
    }

    /// Abandons a run for good. Hold its ``RunLock`` meanwhile, so that no process works on it.
    package func abandon(_ run: RunID, by person: String, at date: Date) async throws(JournalError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE runs SET status = ?, finished_at = ?, abandoned_by = ? WHERE id = ?",
                arguments: [RunEnding.abandoned.rawValue, date.rfc3339, person, run.description]
            )
        }
    }
}

/// An event as the table has it, made before the transaction.
private struct EventRow: Sendable {
    /// What it makes of the run's record; a nil status opens it again.
    struct End: Sendable {
        var status: RunEnding?
    }

    var at: String
    var type: String
    var instance: String?
    var outcome: String?
    var json: String
    var end: End?

    init(_ event: Event) {
        at = event.at.rfc3339
        type = event.kind.type.rawValue
        instance = event.kind.instance
        outcome = event.kind.outcome?.rawValue
        json = event.json.line
        switch event.kind {
        case .runFinished(let status): end = End(status: status)
        case .runResumed: end = End(status: nil)
        default: break
        }
    }
}
