import ConvoyMigrations
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials
internal import GRDB

/// What a journal has to count, from a moment on.
package struct JournalTotals: Sendable {
    /// The last event that is counted.
    package var lastEvent: Int64
    /// The runs that the journal has now.
    package var runs: Set<RunID>
    /// What happened in them since the event that the caller had.
    package var news: [RunID: RunTotals]
    /// What happened in the runs that were removed.
    package var removed: RunTotals
}

extension SQLiteJournal {
    /// Counts what happened in the runs of a fleet.
    ///
    /// - Parameter number: the last event that the caller has counted; 0 counts all.
    package func totals(of fleet: String, after number: Int64) async throws(JournalError) -> JournalTotals {
        try await read { db in
            let runs = try String.fetchAll(db, sql: "SELECT id FROM runs WHERE fleet = ?", arguments: [fleet])
            let last = try Int64.fetchOne(db, sql: "SELECT max(number) FROM events") ?? 0
            let known = Set(runs)
            let news = try Self.totals("number > ?", [number], db).filter { known.contains($0.key) }
            return JournalTotals(
                lastEvent: max(number, last),
                runs: Set(runs.map { RunID($0) }),
                news: Dictionary(news.map { (RunID($0.key), $0.value) }) { first, _ in first },
                removed: try Self.removedTotals(of: fleet, db)
            )
        }
    }

    /// Which bound a duration is the first to be within; one more than the last for longer ones.
    private static let bucket: String = {
        let cases = RunTotals.bounds.enumerated().map { "WHEN seconds <= \($1) THEN \($0)" }
        return "CASE \(cases.joined(separator: " ")) WHEN seconds IS NOT NULL THEN \(RunTotals.bounds.count) END"
    }()

    /// By run, what events say that fulfil a condition.
    private static func totals(_ condition: String, _ arguments: StatementArguments, _ db: Database) throws -> [String: RunTotals] {
        let (applied, ended) = (EventType.migrationApplied.rawValue, EventType.runFinished.rawValue)
        // A damaged event is passed over; a duration that is not a number counts as zero.
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT run, type, word, bucket, count(*), total(seconds) FROM (
                    SELECT run, type, word, seconds, \(bucket) AS bucket FROM (
                        SELECT run, type,
                            CASE type
                                WHEN '\(applied)' THEN json_extract(json, '$.direction')
                                WHEN '\(ended)' THEN json_extract(json, '$.status')
                                ELSE outcome
                            END AS word,
                            CASE type
                                WHEN '\(applied)'
                                THEN min(max(CAST(json_extract(json, '$.duration') AS REAL), 0), \(Duration.longest.seconds))
                            END AS seconds
                        FROM events
                        WHERE \(condition) AND (
                            type IN ('\(EventType.instanceFinished.rawValue)', '\(EventType.rollbackFinished.rawValue)')
                            OR type IN ('\(applied)', '\(ended)') AND json_valid(json)
                        )
                    )
                )
                GROUP BY run, type, word, bucket
                """,
            arguments: arguments
        )
        var totals: [String: RunTotals] = [:]
        while let row = try rows.next() {
            guard let run = String.fromDatabaseValue(row[0]),
                let type = String.fromDatabaseValue(row[1]).flatMap(EventType.init(rawValue:)), let word = String.fromDatabaseValue(row[2]),
                let count = Int.fromDatabaseValue(row[4])
            else { continue }
            switch type {
            case .migrationApplied:
                // Without a duration, one of zero.
                let bucket = Int.fromDatabaseValue(row[3]) ?? 0
                guard let direction = MigrationDirection(rawValue: word) else { continue }
                let counts = RunTotals.bounds.indices.map { $0 >= bucket ? count : 0 }
                totals[run, default: RunTotals()].add(
                    RunTotals.Durations(counts: counts, count: count, seconds: Double.fromDatabaseValue(row[5]) ?? 0),
                    direction
                )
            case .runFinished: if let ending = RunEnding(rawValue: word) { totals[run, default: RunTotals()].add(count, ending) }
            default: if let outcome = Outcome(rawValue: word) { totals[run, default: RunTotals()].add(count, outcome) }
            }
        }
        return totals
    }

    // MARK: Removed runs

    /// Adds what happened in a run to what is kept of removed ones. Call it in the transaction that removes the run.
    static func keepTotals(of run: String, _ db: Database) throws {
        guard let fleet = try String.fetchOne(db, sql: "SELECT fleet FROM runs WHERE id = ?", arguments: [run]),
            let totals = try totals("run = ?", [run], db)[run]
        else { return }
        // Not a version of the journal of its own: older programs do not know the table, and need not.
        try db.execute(sql: "CREATE TABLE IF NOT EXISTS removed_totals (fleet TEXT NOT NULL PRIMARY KEY, json TEXT NOT NULL) STRICT")
        var all = try removedTotals(of: fleet, db)
        all.add(totals)
        let json = String(decoding: try JSONEncoder().encode(all), as: UTF8.self)
        try db.execute(sql: "INSERT OR REPLACE INTO removed_totals (fleet, json) VALUES (?, ?)", arguments: [fleet, json])
    }

    private static func removedTotals(of fleet: String, _ db: Database) throws -> RunTotals {
        guard try db.tableExists("removed_totals"),
            let json = try String.fetchOne(db, sql: "SELECT json FROM removed_totals WHERE fleet = ?", arguments: [fleet])
        else { return RunTotals() }
        // One that is damaged begins anew.
        return (try? JSONDecoder().decode(RunTotals.self, from: Data(json.utf8))) ?? RunTotals()
    }
}
