package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials
internal import GRDB

/// What the newest runs of a fleet remember of its instances.
extension SQLiteJournal {
    /// Whether the end of an instance says at which version it is, in the words of SQL.
    static let learnt =
        "(outcome IN (\(Outcome.allCases.filter(\.learntVersion).map { "'\($0.rawValue)'" }.joined(separator: ", ")))"
        + " OR json_valid(json) AND json_extract(json, '$.to') IS NOT NULL)"

    package func lastEndings(
        of instances: [String],
        fleet: String,
        except run: RunID?,
        _ detail: EndingDetail
    ) async throws(JournalError) -> [RecordedEnding] {
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet).map(\.id).filter { $0 != run }
        guard !runs.isEmpty, !instances.isEmpty else { return [] }
        return try await read { db in
            var endings = NewestEndings(of: instances)
            for (run, number) in try Self.byLastEvent(runs, db) {
                if endings.isComplete(before: number) { break }
                let rows = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT instance, max(number), max(CASE WHEN \(Self.learnt) THEN number END) FROM events
                        WHERE run = ? AND outcome IS NOT NULL AND instance IS NOT NULL GROUP BY instance
                        """,
                    arguments: [run.description]
                )
                for row in rows {
                    guard let name = String.fromDatabaseValue(row[0]) else { continue }
                    let places = [Int64.fromDatabaseValue(row[1]), Int64.fromDatabaseValue(row[2])].map { number in
                        number.map { NewestEndings.Place(run: run, number: $0, position: $0) }
                    }
                    endings.add(name, last: places[0], learnt: places[1])
                }
            }
            let event = try db.cachedStatement(sql: "SELECT number, type, \(detail.column) FROM events WHERE number = ?")
            return try endings.found.compactMap { place, isLast in
                try Row.fetchOne(event, arguments: [place.number]).map {
                    RecordedEnding(run: place.run, event: Self.recordedEvent($0), isLast: isLast)
                }
            }
        }
    }

    /// The runs with the numbers of their last events, the highest first.
    private static func byLastEvent(_ runs: [RunID], _ db: Database) throws -> [(run: RunID, number: Int64)] {
        try runs.map { run in
            (run, try Int64.fetchOne(db, sql: "SELECT max(number) FROM events WHERE run = ?", arguments: [run.description]) ?? 0)
        }.sorted { $0.1 > $1.1 }
    }

    package func instancesInDoubt(since positions: [String: Int64], fleet: String) async throws(JournalError) -> Set<String> {
        guard let first = positions.values.min() else { return [] }
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet).map(\.id)
        return try await read { db in
            var inDoubt: Set<String> = []
            for (run, number) in try Self.byLastEvent(runs, db) {
                // Those that follow have older events only.
                guard number > first else { break }
                let rows = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT number, instance, outcome FROM events
                        WHERE run = ? AND number > ? AND instance IS NOT NULL AND (outcome IS NOT NULL OR type IN (?, ?)) ORDER BY number
                        """,
                    arguments: [
                        run.description, first, EventType.instanceStarted.rawValue, EventType.rollbackStarted.rawValue,
                    ]
                )
                var open = OpenInstances(since: positions)
                while let row = try rows.next() {
                    guard let name = String.fromDatabaseValue(row[1]), let number = Int64.fromDatabaseValue(row[0]) else { continue }
                    open.add(name, at: number, outcome: String.fromDatabaseValue(row[2]))
                }
                inDoubt.formUnion(open.names)
            }
            return inDoubt
        }
    }

    package func firstApplied(above version: MigrationVersion?, to instance: String, in run: RunID) async throws(JournalError) -> Date? {
        try await read { db in
            try String.fetchOne(
                db,
                sql: """
                    SELECT at FROM events WHERE run = ? AND instance = ? AND type = ? AND json_valid(json)
                        AND json_extract(json, '$.direction') = 'up' AND CAST(json_extract(json, '$.version') AS INTEGER) > ?
                    ORDER BY number LIMIT 1
                    """,
                arguments: [run.description, instance, EventType.migrationApplied.rawValue, version?.value ?? 0]
            ).flatMap(Date.init(rfc3339:))
        }
    }
}

extension EndingDetail {
    /// In the words of SQLite.
    fileprivate var column: String {
        switch self {
        case .whole: "json"
        case .brief:
            """
            CASE WHEN json_valid(json) AND json_array_length(json, '$.applied') > 1
                THEN json_set(json, '$.applied', json_array(json_extract(json, '$.applied[#-1]'))) ELSE json END
            """
        }
    }
}
