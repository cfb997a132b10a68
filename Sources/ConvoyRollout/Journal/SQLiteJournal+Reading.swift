internal import ConvoyMigrations
public import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// The newest runs, newest first.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; several fleets may share a journal.
    public func runs(limit: Int, fleet: String? = nil) async throws(JournalError) -> [RunRecord] {
        try await records("fleet = coalesce(?, fleet)", [fleet], limit: limit)
    }

    /// The runs that a person may mean, newest first: the one with that id, else those whose id begins with the text; `latest` is the newest.
    ///
    /// One is found, none, or several among which the person has to choose.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; several fleets may share a journal.
    public func runs(named text: String, fleet: String? = nil, limit: Int = 10) async throws(JournalError) -> [RunRecord] {
        if text == "latest" { return try await runs(limit: 1, fleet: fleet) }
        let found = try await records(
            "fleet = coalesce(?, fleet) AND substr(id, 1, length(?)) = ?",
            [fleet, text, text],
            limit: limit
        )
        return found.first { $0.id.description == text }.map { [$0] } ?? found
    }

    /// What was given to ``begin(_:plan:)``; nil where the journal does not have the run.
    public func plan(of run: RunID) async throws(JournalError) -> Data? {
        try await read { db in try Data.fetchOne(db, sql: "SELECT plan FROM runs WHERE id = ?", arguments: [run.description]) }
    }

    /// How the instances of a run stand, as far as it got: how many ended how.
    public func outcomes(of run: RunID) async throws(JournalError) -> [Outcome: Int] {
        try await read { db in
            // With max() the other columns are those of the row that has it.
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT outcome, count(*) FROM (
                        SELECT outcome, max(number) FROM events WHERE run = ? AND outcome IS NOT NULL GROUP BY instance
                    ) GROUP BY outcome
                    """,
                arguments: [run.description]
            )
            return try rows.reduce(into: [:]) { outcomes, row in
                outcomes[try Outcome(column: row[0], path: self.path), default: 0] += row[1]
            }
        }
    }

    /// The number of the last event of a run; 0 where it has none.
    public func lastEvent(of run: RunID) async throws(JournalError) -> Int64 {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT max(number) FROM events WHERE run = ?", arguments: [run.description]) ?? 0
        }
    }

    /// A page of the events of a run, in order.
    ///
    /// - Parameters:
    ///   - selection: which of them.
    ///   - number: the last one that the caller has; 0 begins at the beginning.
    /// - Throws: ``JournalError`` where the journal cannot be read, or where an event in it cannot be understood.
    public func events(
        of run: RunID,
        _ selection: RecordedEvents.Selection = .all,
        after number: Int64,
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT number, type, json FROM events WHERE run = ? AND number > ? AND \(selection.condition) ORDER BY number LIMIT ?
                    """,
                arguments: [run.description, number, limit]
            )
            return try rows.map { try self.recordedEvent($0, of: run) }
        }
    }

    /// Reads `number, type, json` of an event.
    func recordedEvent(_ row: Row, of run: RunID) throws -> RecordedEvent {
        let (number, type, json): (Int64, String, String) = (row[0], row[1], row[2])
        do {
            return RecordedEvent(number: number, event: try JSONDecoder().decode(Event.self, from: Data(json.utf8)), type: type, json: json)
        } catch is UnknownEventType {
            return RecordedEvent(number: number, event: nil, type: type, json: json)
        } catch {
            throw JournalError.damaged(path, "event \(number) (\(type)) of run \(run) cannot be understood")
        }
    }

    /// The events of a run in order, read in pages.
    ///
    /// - Parameter selection: which of them.
    public func events(of run: RunID, _ selection: RecordedEvents.Selection = .all) -> RecordedEvents {
        RecordedEvents(journal: self, run: run, selection: selection, pageSize: 1000)
    }

    public func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT number, kind, argument, requested_by, at FROM requests WHERE run = ? AND number > ? ORDER BY number",
                arguments: [run.description, number]
            )
            return try rows.map { row in
                guard let kind = OperatorRequest.Kind(kind: row[1], argument: row[2]), let at = Date(rfc3339: row[4]) else {
                    throw JournalError(
                        path: self.path,
                        message: "request \(row[0] as Int64) of run \(run) is none that this convoy knows",
                        hint: "a newer convoy may have written it: use the same version everywhere"
                    )
                }
                return OperatorRequest(number: row[0], kind: kind, by: row[3], at: at)
            }
        }
    }

    private func records(_ condition: String, _ arguments: StatementArguments, limit: Int) async throws(JournalError) -> [RunRecord] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, fleet, fleet_file, direction, target, steps, instances, started_at, finished_at, status, convoy_version, started_by,
                        abandoned_by
                    FROM runs WHERE \(condition) ORDER BY started_at DESC, id DESC LIMIT \(limit)
                    """,
                arguments: arguments
            )
            return try rows.map { try RunRecord($0, path: self.path) }
        }
    }
}

extension RunRecord {
    fileprivate init(_ row: Row, path: String) throws {
        let id: String = row["id"]
        let status: String? = row["status"]
        let finishedAt: String? = row["finished_at"]
        guard let change = Change(direction: row["direction"], target: row["target"], steps: row["steps"]),
            let startedAt = Date(rfc3339: row["started_at"]), let status = status.map(Status.init(rawValue:)) ?? .some(nil)
        else { throw JournalError.damaged(path, "the record of run \(id) cannot be understood") }
        self.init(
            id: RunID(id),
            fleet: row["fleet"],
            fleetFile: row["fleet_file"],
            change: change,
            instances: row["instances"],
            startedAt: startedAt,
            finishedAt: finishedAt.flatMap(Date.init(rfc3339:)),
            status: status,
            convoyVersion: row["convoy_version"],
            startedBy: row["started_by"],
            abandonedBy: row["abandoned_by"]
        )
    }
}

extension Outcome {
    fileprivate init(column: String, path: String) throws {
        guard let outcome = Outcome(rawValue: column) else {
            throw JournalError.damaged(path, "it has an outcome that this convoy does not know")
        }
        self = outcome
    }
}
