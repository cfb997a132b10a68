package import ConvoyRun
internal import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// How many of the newest runs are searched for what instances did in them.
    static let instanceRuns = 100

    /// How an instance ended in each of the newest runs of a fleet that got to it, newest run first.
    package func endings(of instance: String, fleet: String?) async throws(JournalError) -> [(run: RunRecord, event: RecordedEvent)] {
        let runs = try await runs(limit: Self.instanceRuns, fleet: fleet)
        let events = try await read { db in
            try runs.map { run in
                try Row.fetchOne(
                    db,
                    sql: """
                        SELECT number, type, json FROM events WHERE run = ? AND instance = ? AND outcome IS NOT NULL
                        ORDER BY number DESC LIMIT 1
                        """,
                    arguments: [run.id.description, instance]
                ).map(Self.recordedEvent)
            }
        }
        return zip(runs, events).compactMap { run, event in event.map { (run, $0) } }
    }

    /// The instances that a run has begun to work on.
    package func startedInstances(of run: RunID) async throws(JournalError) -> Set<String> {
        try await read { db in
            try String.fetchSet(
                db,
                sql: "SELECT DISTINCT instance FROM events WHERE run = ? AND type = ? AND instance IS NOT NULL",
                arguments: [run.description, EventType.instanceStarted.rawValue]
            )
        }
    }

    /// How instances last ended in the newest runs of a fleet, one event an instance, in the order in which it happened.
    ///
    /// - Parameters:
    ///   - instances: the instances to search for.
    ///   - run: a run that does not count.
    package func lastEndings(of instances: [String], fleet: String, except run: RunID?) async throws(JournalError) -> [RecordedEvent] {
        let runs = try await runs(limit: Self.instanceRuns, fleet: fleet).map(\.id).filter { $0 != run }
        guard !runs.isEmpty, !instances.isEmpty else { return [] }
        return try await read { db in
            var left = Set(instances)
            var events: [RecordedEvent] = []
            let event = try db.cachedStatement(sql: "SELECT number, type, json FROM events WHERE number = ?")
            for run in runs where !left.isEmpty {
                let rows = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT instance, max(number) FROM events WHERE run = ? AND outcome IS NOT NULL AND instance IS NOT NULL GROUP BY instance
                        """,
                    arguments: [run.description]
                )
                for row in rows where String.fromDatabaseValue(row[0]).map({ left.remove($0) != nil }) == true {
                    guard let number = Int64.fromDatabaseValue(row[1]) else { continue }
                    if let row = try Row.fetchOne(event, arguments: [number]) { events.append(Self.recordedEvent(row)) }
                }
            }
            return events.sorted { $0.number < $1.number }
        }
    }
}
