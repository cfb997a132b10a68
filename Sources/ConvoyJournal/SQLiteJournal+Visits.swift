package import ConvoyRun
internal import GRDB

extension SQLiteJournal {
    /// A page of the events of a run about one instance, in order, with those in between that change all instances: a resumed run starts again
    /// what was in progress.
    ///
    /// - Parameters:
    ///   - number: the last event of the run that the caller has; 0 begins at the beginning. Without it all events of the run are searched.
    ///   - limit: the most events to read.
    /// - Throws: ``JournalError`` if the journal cannot be read.
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

    /// Which of these runs were started with `--now`: without gates and without the maintenance window.
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
