package import ConvoyRun
internal import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// The events of a run about one instance, in order, without the migrations that the end of the instance repeats. Empty if the run has not
    /// begun to work on it.
    package func events(of run: RunRecord, about instance: String) async throws(JournalError) -> [RecordedEvent] {
        try await read { db in
            // The index has the ends of instances. A run that ended by itself has one for every instance that it began to work on.
            let end = try Int64.fetchOne(
                db,
                sql: "SELECT max(number) FROM events WHERE run = ? AND instance = ? AND outcome IS NOT NULL",
                arguments: [run.id.description, instance]
            )
            if end == nil, run.status == .succeeded || run.status == .failed { return [] }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT number, type, json FROM events
                    WHERE run = ? AND instance = ? AND NOT (type = ? AND number < ?) AND type <> ? ORDER BY number LIMIT 10000
                    """,
                arguments: [
                    run.id.description, instance, EventType.migrationApplied.rawValue, end ?? 0, EventType.instanceProgress.rawValue,
                ]
            )
            return rows.map(Self.recordedEvent)
        }
    }

    /// The names of the instances that the newest runs of a fleet have ended, for a name that is not found.
    package func instanceNames(fleet: String?) async throws(JournalError) -> Set<String> {
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet).map(\.id)
        return try await read { db in
            var names: Set<String> = []
            for run in runs {
                names.formUnion(
                    try String.fetchSet(
                        db,
                        sql: "SELECT DISTINCT instance FROM events WHERE run = ? AND outcome IS NOT NULL AND instance IS NOT NULL",
                        arguments: [run.description]
                    )
                )
            }
            return names
        }
    }
}
