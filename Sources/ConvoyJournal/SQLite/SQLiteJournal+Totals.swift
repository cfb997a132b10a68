package import ConvoyRun
import ConvoyText
internal import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    package func totals(of fleet: String, after cursor: TotalsCursor?) async throws(JournalError) -> JournalTotals {
        let number = cursor?.lastEvent ?? 0
        return try await read { db in
            let runs = try String.fetchAll(db, sql: "SELECT id FROM runs WHERE fleet = ?", arguments: [fleet])
            let last = try Int64.fetchOne(db, sql: "SELECT max(number) FROM events") ?? 0
            let known = Set(runs)
            let news = try Self.totals("number > ?", [number], db).filter { known.contains($0.key) }
            return JournalTotals(
                cursor: TotalsCursor(lastEvent: max(number, last)),
                runs: Set(runs.map { RunID($0) }),
                news: Dictionary(news.map { (RunID($0.key), $0.value) }) { first, _ in first },
                removed: try Self.removedTotals(of: fleet, db)
            )
        }
    }

    /// By run, what events say that fulfil a condition.
    private static func totals(_ condition: String, _ arguments: StatementArguments, _ db: Database) throws -> [String: RunTotals] {
        let (applied, ended) = (EventType.migrationApplied.rawValue, EventType.runFinished.rawValue)
        // A damaged event is passed over; a duration that is not a number counts as zero.
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT run, type, word, bucket, count(*), total(seconds) FROM (
                    SELECT run, type, word, seconds, \(RunTotals.bucket(of: "seconds")) AS bucket FROM (
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
            guard let run = String.fromDatabaseValue(row[0]), let count = Int.fromDatabaseValue(row[4]) else { continue }
            totals[run, default: RunTotals()].add(
                type: String.fromDatabaseValue(row[1]),
                word: String.fromDatabaseValue(row[2]),
                bucket: Int.fromDatabaseValue(row[3]),
                count: count,
                seconds: Double.fromDatabaseValue(row[5]) ?? 0
            )
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
