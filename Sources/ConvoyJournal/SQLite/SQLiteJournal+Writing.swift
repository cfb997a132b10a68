import ConvoyIO
internal import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// The kernel lets a lock go only with its process, so the one that the caller has holds.
    package func begin(
        _ run: RunRecord,
        plan: Data,
        beside others: Set<RunID>,
        under start: (any RunLock)?
    ) async throws(JournalError) {
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

    /// Nothing is to be done: a process that is only slow keeps its lock.
    package func exclude(
        othersThan run: RunID,
        of fleet: String,
        beside others: Set<RunID>,
        under start: any RunLock
    ) async throws(JournalError) {}

    package func reopen(_ run: RunID, unchangedSince basis: RunBasis, under start: any RunLock) async throws(JournalError) {
        try await write { db in
            try self.checkNotAbandoned(run.description, db)
            try self.check(run, unchangedSince: basis, db)
            try db.execute(sql: "UPDATE runs SET status = NULL, finished_at = NULL WHERE id = ?", arguments: [run.description])
        }
    }

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
        throw JournalError.abandoned(path, run, by: person)
    }

    private func check(_ run: RunID, unchangedSince basis: RunBasis, _ db: Database) throws {
        let last = try Int64.fetchOne(db, sql: "SELECT max(number) FROM events WHERE run = ?", arguments: [run.description]) ?? 0
        guard last != basis.lastEvent else { return }
        throw JournalError.changed(path, run, since: basis, RunBasis(lastEvent: last))
    }

    @discardableResult
    package func post(
        _ request: OperatorRequest.Kind,
        to run: RunID,
        by person: String,
        at date: Date,
        unlessAskedWithin period: Duration?
    ) async throws(JournalError) -> Bool {
        let columns = request.columns
        let left = OneShot<Bool>()
        try await write { db in
            if let period {
                let asked = try String.fetchAll(
                    db,
                    sql: "SELECT at FROM requests WHERE run = ? AND kind = ? AND argument IS ?",
                    arguments: [run.description, columns.kind, columns.argument]
                )
                // The clock of the machine may have been set back since.
                if asked.compactMap(Date.init(rfc3339:)).contains(where: { abs(date.timeIntervalSince($0)) < period.seconds }) { return }
            }
            try db.execute(
                sql: "INSERT INTO requests (run, kind, argument, requested_by, at) VALUES (?, ?, ?, ?, ?)",
                arguments: [run.description, columns.kind, columns.argument, person, date.rfc3339]
            )
            left.fulfil(true)
        }
        return left.current ?? false
    }

    package func abandon(_ run: RunID, unchangedSince basis: RunBasis, by person: String, at date: Date) async throws(JournalError) {
        try await write { db in
            try self.check(run, unchangedSince: basis, db)
            try db.execute(
                sql: "UPDATE runs SET status = ?, finished_at = ?, abandoned_by = ? WHERE id = ?",
                arguments: [RunEnding.abandoned.rawValue, date.rfc3339, person, run.description]
            )
        }
    }
}
