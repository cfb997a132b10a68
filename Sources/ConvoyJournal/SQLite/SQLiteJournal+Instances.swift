package import ConvoyRun
internal import FoundationEssentials
internal import GRDB

extension SQLiteJournal {
    /// How many of the newest runs are searched for what instances did in them.
    static let instanceRuns = 100

    /// How an instance ended in each of the newest runs of a fleet that got to it, newest run first.
    package func endings(of instance: String, fleet: String?) async throws(JournalError) -> [(run: RunRecord, event: RecordedEvent)] {
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet)
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
}
