package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
internal import GRDB

extension SQLiteJournal {
    /// How many of the newest runs ``typicalDurations(fleet:direction:)`` uses.
    static let typicalRuns = 10
    /// How many events of each it reads at most, from the newest back.
    static let typicalEventsPerRun = 5000

    /// How long each migration took on the instances of runs, as recorded when it was applied; ups before downs, by version.
    ///
    /// Migrations that a killed process committed but did not record are missing.
    package func durations(of runs: [RunID]) async throws(JournalError) -> [MigrationDurations] {
        try await read { db in
            var tally = MigrationDurations.Tally()
            for run in runs { try self.add("events", of: run, to: &tally, db) }
            return tally.durations
        }
    }

    /// How long each migration usually takes on an instance of a fleet: the median over its newest runs. Empty if the journal has none.
    ///
    /// However large the journal is, only the newest events are read: half a second of work at most.
    ///
    /// - Parameters:
    ///   - fleet: the fleet's name.
    ///   - direction: whether the durations are those of applying or of reverting.
    package func typicalDurations(
        fleet: String,
        direction: MigrationDirection = .up
    ) async throws(JournalError) -> [MigrationVersion: Duration] {
        let runs = try await runs(limit: Self.typicalRuns, fleet: fleet)
        let durations = try await read { db in
            var tally = MigrationDurations.Tally()
            for run in runs {
                let newest = "(SELECT * FROM events WHERE run = :run ORDER BY number DESC LIMIT \(Self.typicalEventsPerRun))"
                try self.add(newest, of: run.id, to: &tally, db)
            }
            return tally.durations
        }
        return durations.filter { $0.direction == direction }.reduce(into: [:]) { $0[$1.version] = $1.median }
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
            guard let version = Int64.fromDatabaseValue(row[2]), let isUp = Bool.fromDatabaseValue(row[3]),
                let seconds = Double.fromDatabaseValue(row[4])
            else { continue }
            let migration = AppliedMigration(
                version: MigrationVersion(version),
                direction: isUp ? .up : .down,
                duration: min(max(.microseconds(Int64(clamping: (seconds * 1e6).rounded())), .zero), .longest)
            )
            tally.add(migration, on: String.fromDatabaseValue(row[1]) ?? "")
        }
    }
}
