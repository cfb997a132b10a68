package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials
internal import GRDB

/// The end of an instance in a run.
package struct RecordedEnding: Sendable {
    package var run: RunID
    package var event: RecordedEvent
    /// Whether it is the last end of the instance; false for one before it that learnt the version, where the last one did not.
    package var isLast: Bool
}

/// What the newest runs of a fleet remember of its instances.
extension SQLiteJournal {
    /// How much of an end is read.
    package enum EndingDetail: Sendable {
        case whole
        /// Of the applied migrations only the last one: a fraction of the text.
        case brief

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

    /// Whether the end of an instance says at which version it is, in the words of SQL.
    static let learnt =
        "(outcome IN (\(Outcome.allCases.filter(\.learntVersion).map { "'\($0.rawValue)'" }.joined(separator: ", ")))"
        + " OR json_valid(json) AND json_extract(json, '$.to') IS NOT NULL)"

    /// How instances last ended in the newest runs of a fleet, and where that end did not learn the version, the last one that did, in the order in
    /// which they happened. The last is the last by time: a run that was resumed may have begun before others.
    ///
    /// - Parameters:
    ///   - instances: the instances to search for.
    ///   - run: a run that does not count.
    package func lastEndings(
        of instances: [String],
        fleet: String,
        except run: RunID?,
        _ detail: EndingDetail = .whole
    ) async throws(JournalError) -> [RecordedEnding] {
        let runs = try await runs(limit: Self.instanceRuns, fleet: fleet).map(\.id).filter { $0 != run }
        guard !runs.isEmpty, !instances.isEmpty else { return [] }
        return try await read { db in
            let wanted = Set(instances)
            var last: [String: Place] = [:]
            var learnt: [String: Place] = [:]
            for (run, number) in try Self.byLastEvent(runs, db) {
                if wanted.allSatisfy({ learnt[$0].map { $0.number > number } ?? false }) { break }
                let rows = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT instance, max(number), max(CASE WHEN \(Self.learnt) THEN number END) FROM events WHERE run = ? AND outcome IS NOT NULL AND instance IS NOT NULL GROUP BY instance
                        """,
                    arguments: [run.description]
                )
                for row in rows {
                    guard let name = String.fromDatabaseValue(row[0]), wanted.contains(name) else { continue }
                    if let number = Int64.fromDatabaseValue(row[1]) { Place(run: run, number: number).replaceOlder(in: &last[name]) }
                    if let number = Int64.fromDatabaseValue(row[2]) { Place(run: run, number: number).replaceOlder(in: &learnt[name]) }
                }
            }
            let event = try db.cachedStatement(sql: "SELECT number, type, \(detail.column) FROM events WHERE number = ?")
            let places = last.values.map { ($0, true) } + learnt.filter { last[$0] != $1 }.values.map { ($0, false) }
            return try places.sorted { $0.0 < $1.0 }.compactMap { place, isLast in
                try Row.fetchOne(event, arguments: [place.number]).map {
                    RecordedEnding(run: place.run, event: Self.recordedEvent($0), isLast: isLast)
                }
            }
        }
    }

    /// Where an event is.
    private struct Place: Comparable {
        var run: RunID
        var number: Int64

        static func < (left: Place, right: Place) -> Bool { left.number < right.number }

        func replaceOlder(in place: inout Place?) {
            guard let other = place, other >= self else { return place = self }
        }
    }

    /// The runs with the numbers of their last events, the highest first.
    private static func byLastEvent(_ runs: [RunID], _ db: Database) throws -> [(run: RunID, number: Int64)] {
        try runs.map { run in
            (run, try Int64.fetchOne(db, sql: "SELECT max(number) FROM events WHERE run = ?", arguments: [run.description]) ?? 0)
        }.sorted { $0.1 > $1.1 }
    }

    /// Those of the instances on which a run began to work after a time, and of which is not known how that ended: it may have been committed.
    ///
    /// - Parameter times: the instances, and for each the time.
    package func instancesInDoubt(since times: [String: Date], fleet: String) async throws(JournalError) -> Set<String> {
        guard let first = times.values.min() else { return [] }
        let runs = try await runs(limit: Self.instanceRuns, fleet: fleet).map(\.id)
        return try await read { db in
            var inDoubt: Set<String> = []
            for (run, number) in try Self.byLastEvent(runs, db) {
                let at = try String.fetchOne(db, sql: "SELECT at FROM events WHERE number = ?", arguments: [number])
                // Those that follow have older events only.
                guard let at, at > first.rfc3339 else { break }
                let rows = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT at, instance, outcome FROM events
                        WHERE run = ? AND at > ? AND instance IS NOT NULL AND (outcome IS NOT NULL OR type IN (?, ?)) ORDER BY number
                        """,
                    arguments: [
                        run.description, first.rfc3339, EventType.instanceStarted.rawValue, EventType.rollbackStarted.rawValue,
                    ]
                )
                var open: Set<String> = []
                while let row = try rows.next() {
                    guard let name = String.fromDatabaseValue(row[1]), let time = times[name],
                        let at = String.fromDatabaseValue(row[0]), at > time.rfc3339
                    else { continue }
                    let outcome = String.fromDatabaseValue(row[2]).map(Outcome.init(rawValue:))
                    if let outcome, outcome != .unknown { open.remove(name) } else { open.insert(name) }
                }
                inDoubt.formUnion(open)
            }
            return inDoubt
        }
    }

    /// When a run first applied a migration above a version to an instance; nil if the journal does not have that event.
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
