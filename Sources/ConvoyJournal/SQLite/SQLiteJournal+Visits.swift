package import ConvoyRun
internal import GRDB

extension SQLiteJournal {
    package func events(
        of run: RunID,
        about instance: String,
        after number: Int64,
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT number, type, json FROM events WHERE run = ? AND number > ? AND (instance = ? OR type = ?) ORDER BY number LIMIT ?
                    """,
                arguments: [run.description, number, instance, EventType.runResumed.rawValue, limit]
            ).map(Self.recordedEvent)
        }
    }

    package func immediateRuns(among runs: [RunID]) async throws(JournalError) -> Set<RunID> {
        try await read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT 1 FROM runs WHERE id = ? AND json_valid(CAST(plan AS TEXT)) AND json_extract(CAST(plan AS TEXT), '$.now') = 1
                    """
            )
            return Set(try runs.filter { try Int.fetchOne(statement, arguments: [$0.description]) != nil })
        }
    }
}
