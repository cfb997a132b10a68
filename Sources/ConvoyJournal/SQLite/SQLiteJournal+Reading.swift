package import ConvoyRun
package import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    package func runs(limit: Int, fleet: String?) async throws(JournalError) -> [RunRecord] {
        try await records("fleet = coalesce(?, fleet)", [fleet], limit: limit)
    }

    package func activeRuns(of fleet: String) async throws(JournalError) -> [RunRecord] {
        var active: [RunRecord] = []
        for run in try await runs(limit: RunStoreLimits.searchedRuns, fleet: fleet) where run.status == nil {
            if try await holder(of: run.id) != nil { active.append(run) }
        }
        return active
    }

    package func runs(beginningWith text: String, fleet: String?, limit: Int) async throws(JournalError) -> [RunRecord] {
        let found = try await records(
            "fleet = coalesce(?, fleet) AND substr(id, 1, length(?)) = ?",
            [fleet, text, text],
            limit: limit
        )
        return found.first { $0.id.description == text }.map { [$0] } ?? found
    }

    package func plan(of run: RunID) async throws(JournalError) -> Data? {
        try await read { db in try Data.fetchOne(db, sql: "SELECT plan FROM runs WHERE id = ?", arguments: [run.description]) }
    }

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

    package func lastEvent(of run: RunID) async throws(JournalError) -> Int64 {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT max(number) FROM events WHERE run = ?", arguments: [run.description]) ?? 0
        }
    }

    package func events(
        of run: RunID,
        _ selection: RecordedEvents.Selection,
        after number: Int64,
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT number, type, json FROM events WHERE run = ? AND number > ? AND \(selection.condition(in: "events")) ORDER BY number LIMIT ?
                    """,
                arguments: [run.description, number, limit]
            )
            return rows.map(Self.recordedEvent)
        }
    }

    /// Reads `number, type, json` of an event, whatever stands there.
    static func recordedEvent(_ row: Row) -> RecordedEvent {
        let number = Int64.fromDatabaseValue(row[0]) ?? 0
        return RecordedEvent(
            number: number,
            position: number,
            type: String.fromDatabaseValue(row[1]) ?? "",
            json: String.fromDatabaseValue(row[2]) ?? ""
        )
    }

    package func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT number, kind, argument, requested_by, at FROM requests WHERE run = ? AND number > ? ORDER BY number",
                arguments: [run.description, number]
            )
            return rows.compactMap { row in
                OperatorRequest(
                    number: Int64.fromDatabaseValue(row[0]),
                    kind: String.fromDatabaseValue(row[1]),
                    argument: String.fromDatabaseValue(row[2]),
                    by: String.fromDatabaseValue(row[3]),
                    at: String.fromDatabaseValue(row[4])
                )
            }
        }
    }

    package func damagedRuns() async throws(JournalError) -> [String] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT \(Self.recordColumns) FROM runs").filter { RunColumns($0).record == nil }
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
                if let record = RunColumns(row).record { records.append(record) }
            }
            return records
        }
    }
}

extension RunColumns {
    fileprivate init(_ row: Row) {
        func text(_ column: String) -> String? { String.fromDatabaseValue(row[column]) }
        self.init(
            id: text("id"),
            fleet: text("fleet"),
            fleetFile: text("fleet_file"),
            direction: text("direction"),
            target: text("target"),
            steps: Int.fromDatabaseValue(row["steps"]),
            kind: text("kind"),
            undoneRun: text("undone_run"),
            instances: Int.fromDatabaseValue(row["instances"]),
            startedAt: text("started_at"),
            finishedAt: text("finished_at"),
            status: text("status"),
            convoyVersion: text("convoy_version"),
            startedBy: text("started_by"),
            abandonedBy: text("abandoned_by")
        )
    }
}
