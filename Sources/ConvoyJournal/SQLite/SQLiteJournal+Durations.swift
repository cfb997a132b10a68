package import ConvoyMigrations
package import ConvoyRun
internal import GRDB

extension SQLiteJournal {
    package func durations(of runs: [RunID]) async throws(JournalError) -> [MigrationDurations] {
        try await read { db in
            var tally = MigrationDurations.Tally()
            for run in runs { try self.add("events", of: run, to: &tally, db) }
            return tally.durations
        }
    }

    package func typicalDurations(fleet: String, direction: MigrationDirection) async throws(JournalError) -> [MigrationVersion: Duration] {
        let runs = try await runs(limit: RunStoreLimits.typicalRuns, fleet: fleet)
        return try await read { db in
            var tally = MigrationDurations.Tally()
            for run in runs {
                let newest = "(SELECT * FROM events WHERE run = :run ORDER BY number DESC LIMIT \(RunStoreLimits.typicalEventsPerRun))"
                try self.add(newest, of: run.id, to: &tally, db)
            }
            return tally.durations.medians(direction)
        }
    }

    /// Reads the migrations that a run applied.
    ///
    /// - Parameter events: the table, or a part of it.
    private func add(_ events: String, of run: RunID, to tally: inout MigrationDurations.Tally, _ db: Database) throws {
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT number, instance, CAST(json_extract(json, '$.version') AS INTEGER), json_extract(json, '$.direction') = 'up',
                    json_extract(json, '$.duration')
                FROM \(events) WHERE run = :run AND type = :type AND json_valid(json) AND json_extract(json, '$.checkpoint') IS NULL
                """,
            arguments: ["run": run.description, "type": EventType.migrationApplied.rawValue]
        )
        while let row = try rows.next() {
            // A damaged row is skipped: it is one duration of many.
            let migration = AppliedMigration(
                version: Int64.fromDatabaseValue(row[2]),
                isUp: Bool.fromDatabaseValue(row[3]),
                seconds: Double.fromDatabaseValue(row[4])
            )
            if let migration { tally.add(migration, on: String.fromDatabaseValue(row[1]) ?? "") }
        }
    }
}
