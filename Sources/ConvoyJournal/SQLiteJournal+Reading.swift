import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// The newest runs, newest first.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; several fleets may share a journal.
    package func runs(limit: Int, fleet: String? = nil) async throws(JournalError) -> [RunRecord] {
        try await records("fleet = coalesce(?, fleet)", [fleet], limit: limit)
    }

    /// The runs that a person may mean, newest first: the one with that id, else those whose id begins with the text; `latest` is the newest.
    ///
    /// One is found, none, or several among which the person has to choose.
    ///
    /// - Parameter fleet: only runs of the fleet with that name; several fleets may share a journal.
    package func runs(named text: String, fleet: String? = nil, limit: Int = 10) async throws(JournalError) -> [RunRecord] {
        if text == "latest" { return try await runs(limit: 1, fleet: fleet) }
        let found = try await records(
            "fleet = coalesce(?, fleet) AND substr(id, 1, length(?)) = ?",
            [fleet, text, text],
            limit: limit
        )
        return found.first { $0.id.description == text }.map { [$0] } ?? found
    }

    /// What was given to ``begin(_:plan:)``; nil if the journal does not have the run.
    package func plan(of run: RunID) async throws(JournalError) -> Data? {
        try await read { db in try Data.fetchOne(db, sql: "SELECT plan FROM runs WHERE id = ?", arguments: [run.description]) }
    }

    /// How the instances of a run stand, as far as it got: how many ended how.
    package func outcomes(of run: RunID) async throws(JournalError) -> [Outcome: Int] {
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
            return rows.reduce(into: [:]) { outcomes, row in
                // A damaged row is skipped, like its event.
                guard let outcome = String.fromDatabaseValue(row[0]).flatMap(Outcome.init(rawValue:)) else { return }
                outcomes[outcome, default: 0] += Int.fromDatabaseValue(row[1]) ?? 0
            }
        }
    }

    /// The number of the last event of a run; 0 if it has no events.
    package func lastEvent(of run: RunID) async throws(JournalError) -> Int64 {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT max(number) FROM events WHERE run = ?", arguments: [run.description]) ?? 0
        }
    }

    /// A page of the events of a run, in order.
    ///
    /// - Parameters:
    ///   - selection: which of them.
    ///   - number: the last one that the caller has; 0 begins at the beginning.
    /// - Throws: ``JournalError`` if the journal cannot be read.
    package func events(
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
            return rows.map(Self.recordedEvent)
        }
    }

    /// Reads `number, type, json` of an event, whatever stands there.
    static func recordedEvent(_ row: Row) -> RecordedEvent {
        var recorded = RecordedEvent(
            number: Int64.fromDatabaseValue(row[0]) ?? 0,
            event: nil,
            type: String.fromDatabaseValue(row[1]) ?? "",
            json: String.fromDatabaseValue(row[2]) ?? ""
        )
        do {
            recorded.event = try JSONDecoder().decode(Event.self, from: Data(recorded.json.utf8))
        } catch {
            recorded.isDamaged = !(error is UnknownEventType)
        }
        return recorded
    }

    /// The events of a run in order, read in pages.
    ///
    /// - Parameter selection: which of them.
    package func events(of run: RunID, _ selection: RecordedEvents.Selection = .all) -> RecordedEvents {
        RecordedEvents(journal: self, run: run, selection: selection, pageSize: 1000)
    }

    package func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT number, kind, argument, requested_by, at FROM requests WHERE run = ? AND number > ? ORDER BY number",
                arguments: [run.description, number]
            )
            return rows.compactMap { row in
                // What is damaged, or of a kind that only a newer program knows, cannot be done; those after it can.
                guard let number = Int64.fromDatabaseValue(row[0]), let word = String.fromDatabaseValue(row[1]),
                    let kind = OperatorRequest.Kind(kind: word, argument: String.fromDatabaseValue(row[2]))
                else { return nil }
                return OperatorRequest(
                    number: number,
                    kind: kind,
                    by: String.fromDatabaseValue(row[3]) ?? "",
                    at: String.fromDatabaseValue(row[4]).flatMap(Date.init(rfc3339:)) ?? Date()
                )
            }
        }
    }

    /// The ids of the runs whose records are damaged: ``runs(limit:fleet:)`` leaves them out.
    package func damagedRuns() async throws(JournalError) -> [String] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT \(Self.recordColumns) FROM runs").filter { RunRecord($0) == nil }
                .map { String.fromDatabaseValue($0[0]) ?? "" }
        }
    }

    /// The run that another one undoes, and the kind of a correction, are in the plan only, so that an earlier Convoy reads the record too. A plan can
    /// have megabytes, and begins with its change: only where the kind stands there the whole is read.
    private static let recordColumns = """
        id, fleet, fleet_file, direction, target, steps, instances, started_at, finished_at, status, convoy_version, started_by, abandoned_by,
        CASE WHEN direction = 'down' AND target IS NULL AND steps IS NULL AND json_valid(CAST(plan AS TEXT))
            THEN json_extract(CAST(plan AS TEXT), '$.change.run') END AS undone_run,
        CASE WHEN instr(CAST(substr(plan, 1, 300) AS TEXT), '"kind"') > 0 AND json_valid(CAST(plan AS TEXT))
            THEN json_extract(CAST(plan AS TEXT), '$.change.kind') END AS kind
        """

    private func records(_ condition: String, _ arguments: StatementArguments, limit: Int) async throws(JournalError) -> [RunRecord] {
        try await read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: "SELECT \(Self.recordColumns) FROM runs WHERE \(condition) ORDER BY started_at DESC, id DESC",
                arguments: arguments
            )
            var records: [RunRecord] = []
            // Damaged ones do not count, so that the others are found.
            while records.count < limit, let row = try rows.next() {
                if let record = RunRecord(row) { records.append(record) }
            }
            return records
        }
    }
}

extension RunRecord {
    /// Nil if the record is damaged.
    fileprivate init?(_ row: Row) {
        func text(_ column: String) -> String? { String.fromDatabaseValue(row[column]) }
        let word = text("status")
        guard let id = text("id"), let direction = text("direction"),
            let change = Change(
                direction: direction,
                target: text("target"),
                steps: Int.fromDatabaseValue(row["steps"]),
                kind: text("kind"),
                undoneRun: text("undone_run")
            ),
            let startedAt = text("started_at").flatMap(Date.init(rfc3339:)), let status = word.map(RunEnding.init(rawValue:)) ?? .some(nil)
        else { return nil }
        self.init(
            id: RunID(id),
            fleet: text("fleet") ?? "",
            fleetFile: text("fleet_file") ?? "",
            change: change,
            instances: max(0, Int.fromDatabaseValue(row["instances"]) ?? 0),
            startedAt: startedAt,
            finishedAt: text("finished_at").flatMap(Date.init(rfc3339:)),
            status: status,
            convoyVersion: text("convoy_version") ?? "",
            startedBy: text("started_by") ?? "",
            abandonedBy: text("abandoned_by")
        )
    }
}
