package import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension ControlJournal {
    /// How many migrations one statement reads.
    static let durationsPage = 50_000

    package func durations(of runs: [RunID]) async throws(JournalError) -> [MigrationDurations] {
        var tally = MigrationDurations.Tally()
        for run in runs {
            var last: Int64 = 0
            while true {
                let rows = try await rows(
                    """
                    SELECT number, instance, version, direction, seconds FROM convoy_control.events
                    WHERE run = $1 AND number > $2::bigint AND type = $3 AND checkpoint IS NULL ORDER BY number LIMIT $4::bigint
                    """,
                    [run.description.storable, "\(last)", EventType.migrationApplied.rawValue, "\(Self.durationsPage)"]
                )
                Self.add(rows, to: &tally)
                guard rows.count == Self.durationsPage, let next = rows.last?.number("number"), next > last else { break }
                last = next
            }
        }
        return tally.durations
    }

    package func typicalDurations(fleet: String, direction: MigrationDirection) async throws(JournalError) -> [MigrationVersion: Duration] {
        let runs = try await runs(limit: RunStoreLimits.typicalRuns, fleet: fleet).map(\.id)
        let rows = try await rows(
            """
            SELECT event.instance, event.version, event.direction, event.seconds
            FROM unnest($1::text[]) AS wanted (run)
            CROSS JOIN LATERAL (
                SELECT * FROM convoy_control.events WHERE run = wanted.run ORDER BY number DESC LIMIT \(RunStoreLimits.typicalEventsPerRun)
            ) AS event
            WHERE event.type = $2 AND event.checkpoint IS NULL
            """,
            [ControlText.array(runs.map(\.description)), EventType.migrationApplied.rawValue]
        )
        var tally = MigrationDurations.Tally()
        Self.add(rows, to: &tally)
        return tally.durations.medians(direction)
    }

    private static func add(_ rows: [QueryResult.Row], to tally: inout MigrationDurations.Tally) {
        for row in rows {
            let migration = AppliedMigration(
                version: row.number("version"),
                isUp: row.value("direction").map { $0 == MigrationDirection.up.rawValue },
                seconds: row.value("seconds").flatMap { Double($0) }
            )
            if let migration { tally.add(migration, on: row.value("instance") ?? "") }
        }
    }

    // MARK: Totals

    package func totals(of fleet: String, after cursor: TotalsCursor?) async throws(JournalError) -> JournalTotals {
        let known = cursor?.lastEvents ?? [:]
        return try await reading { transaction throws(ControlError) in
            var last: [String: Int64] = [:]
            let runs = try await transaction.query("SELECT id, last_event FROM convoy_control.runs WHERE fleet = $1", [fleet.storable]).rows
            for row in runs { if let id = row.value("id") { last[id] = row.number("last_event") ?? 0 } }
            let changed = last.filter { $0.value > known[$0.key] ?? 0 }.keys.sorted()
            let news = changed.isEmpty ? [:] : try await Self.totals(of: changed, after: known, transaction)
            return JournalTotals(
                cursor: TotalsCursor(lastEvents: last),
                runs: Set(last.keys.map { RunID($0) }),
                news: Dictionary(news.map { (RunID($0.key), $0.value) }) { first, _ in first },
                removed: try await Self.removedTotals(of: fleet, transaction)
            )
        }
    }

    /// By run, what its events say.
    ///
    /// - Parameter known: the last event of each run that does not count.
    private static func totals(
        of runs: [String],
        after known: [String: Int64],
        _ transaction: ControlTransaction
    ) async throws(ControlError) -> [String: RunTotals] {
        let (applied, ended) = (EventType.migrationApplied.rawValue, EventType.runFinished.rawValue)
        let rows = try await transaction.query(
            """
            SELECT run, type, word, bucket, count(*) AS count, coalesce(sum(seconds), 0) AS seconds FROM (
                SELECT event.run, type, seconds, \(RunTotals.bucket(of: "seconds")) AS bucket,
                    CASE type WHEN '\(applied)' THEN direction WHEN '\(ended)' THEN ending ELSE outcome END AS word
                FROM unnest($1::text[], $2::bigint[]) AS wanted (run, last) JOIN convoy_control.events AS event
                    ON event.run = wanted.run AND event.number > wanted.last
                WHERE type IN ('\(EventType.instanceFinished.rawValue)', '\(EventType.rollbackFinished.rawValue)', '\(applied)', '\(ended)')
            ) AS event GROUP BY run, type, word, bucket
            """,
            [ControlText.array(runs), ControlText.array(runs.map { "\(known[$0] ?? 0)" })]
        ).rows
        var totals: [String: RunTotals] = [:]
        for row in rows {
            guard let run = row.value("run"), let count = row.number("count") else { continue }
            totals[run, default: RunTotals()].add(
                type: row.value("type"),
                word: row.value("word"),
                bucket: row.number("bucket").map { Int(clamping: $0) },
                count: Int(clamping: count),
                seconds: row.value("seconds").flatMap { Double($0) } ?? 0
            )
        }
        return totals
    }

    private static func removedTotals(of fleet: String, _ transaction: ControlTransaction) async throws(ControlError) -> RunTotals {
        let rows = try await transaction.query("SELECT json FROM convoy_control.removed_totals WHERE fleet = $1", [fleet.storable]).rows
        // One that is damaged begins anew.
        return rows.first?.value("json").flatMap { try? JSONDecoder().decode(RunTotals.self, from: Data($0.utf8)) } ?? RunTotals()
    }

    /// Adds what happened in runs to what is kept of removed ones. Call it in the transaction that removes the runs.
    ///
    /// - Parameter runs: by fleet.
    static func keepTotals(of runs: [String: [String]], _ transaction: ControlTransaction) async throws(ControlError) {
        for (fleet, runs) in runs.sorted(by: { $0.key < $1.key }) {
            // The row is locked, so that two who remove runs do not forget each other's.
            transaction.add(
                "INSERT INTO convoy_control.removed_totals (fleet, json) VALUES ($1, '{}') ON CONFLICT (fleet) DO UPDATE SET fleet = excluded.fleet",
                [fleet.storable]
            )
            var all = try await removedTotals(of: fleet, transaction)
            for totals in try await totals(of: runs, after: [:], transaction).values { all.add(totals) }
            guard let json = try? JSONEncoder().encode(all) else {
                let words = "the totals of fleet \(fleet.visible) cannot be kept, so nothing was removed"
                throw .postgres(PostgresError(.unexpectedResult, words))
            }
            transaction.add(
                "UPDATE convoy_control.removed_totals SET json = $2 WHERE fleet = $1",
                [fleet.storable, String(decoding: json, as: UTF8.self)]
            )
        }
    }
}
