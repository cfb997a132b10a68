package import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension ControlJournal {
    package func instanceNames(fleet: String?) async throws(JournalError) -> Set<String> {
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet).map(\.id.description)
        let rows = try await rows(
            """
            SELECT DISTINCT instance FROM convoy_control.events
            WHERE run = ANY ($1::text[]) AND outcome IS NOT NULL AND instance IS NOT NULL
            """,
            [ControlText.array(runs)]
        )
        return Set(rows.compactMap { $0.value("instance") })
    }

    package func startedInstances(of run: RunID) async throws(JournalError) -> Set<String> {
        let rows = try await rows(
            "SELECT DISTINCT instance FROM convoy_control.events WHERE run = $1 AND type = $2 AND instance IS NOT NULL",
            [run.description.storable, EventType.instanceStarted.rawValue]
        )
        return Set(rows.compactMap { $0.value("instance") })
    }

    package func endings(of instance: String, fleet: String?) async throws(JournalError) -> [(run: RunRecord, event: RecordedEvent)] {
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet)
        let rows = try await rows(
            """
            SELECT DISTINCT ON (run) run, number, \(ControlText.position) AS position, type, json FROM convoy_control.events
            WHERE run = ANY ($1::text[]) AND instance = $2 AND outcome IS NOT NULL ORDER BY run, number DESC
            """,
            [ControlText.array(runs.map(\.id.description)), instance.storable]
        )
        let events = Dictionary(rows.map { ($0.value("run") ?? "", RecordedEvent($0)) }) { first, _ in first }
        return runs.compactMap { run in events[run.id.description].map { (run, $0) } }
    }

    package func lastEndings(
        of instances: [String],
        fleet: String,
        except run: RunID?,
        _ detail: EndingDetail
    ) async throws(JournalError) -> [RecordedEnding] {
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet).map(\.id).filter { $0 != run }
        guard !runs.isEmpty, !instances.isEmpty else { return [] }
        return try await reading { transaction throws(ControlError) in
            var endings = NewestEndings(of: instances)
            for (run, position) in try await Self.byLastEvent(runs, transaction) {
                if endings.isComplete(before: position) { break }
                for row in try await transaction.query(Self.endingPlaces, [run.description.storable]).rows {
                    guard let name = row.value("instance"), let number = row.number("number"), let position = row.number("position")
                    else { continue }
                    let place = NewestEndings.Place(run: run, number: number, position: position)
                    let isLearnt = row.value("learnt") == "t"
                    endings.add(name, last: isLearnt ? nil : place, learnt: isLearnt ? place : nil)
                }
            }
            let found = endings.found
            let rows = try await transaction.query(
                """
                SELECT ordinality, number, \(ControlText.position) AS position, type, json
                FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS wanted (run, number, ordinality)
                JOIN convoy_control.events USING (run, number)
                """,
                [ControlText.array(found.map(\.place.run.description)), ControlText.array(found.map { "\($0.place.number)" })]
            ).rows
            let events = Dictionary(rows.map { ($0.number("ordinality") ?? 0, RecordedEvent($0)) }) { first, _ in first }
            return found.enumerated().compactMap { index, found in
                events[Int64(clamping: index + 1)].map { RecordedEnding(run: found.place.run, event: $0, isLast: found.isLast) }
            }
        }
    }

    /// For each instance of a run its last end, and the last that learnt its version.
    private static let endingPlaces = """
        (SELECT DISTINCT ON (instance) instance, number, \(ControlText.position) AS position, false AS learnt FROM convoy_control.events
            WHERE run = $1 AND outcome IS NOT NULL AND instance IS NOT NULL ORDER BY instance, number DESC)
        UNION ALL
        (SELECT DISTINCT ON (instance) instance, number, \(ControlText.position), true FROM convoy_control.events
            WHERE run = $1 AND outcome IS NOT NULL AND instance IS NOT NULL AND is_learnt ORDER BY instance, number DESC)
        """

    /// The runs with the places of their last events, the newest first.
    private static func byLastEvent(
        _ runs: [RunID],
        _ transaction: ControlTransaction
    ) async throws(ControlError) -> [(run: RunID, position: Int64)] {
        let rows = try await transaction.query(
            """
            SELECT id, coalesce((
                SELECT \(ControlText.position) FROM convoy_control.events WHERE run = id ORDER BY number DESC LIMIT 1), 0) AS position
            FROM convoy_control.runs WHERE id = ANY ($1::text[]) ORDER BY position DESC, id COLLATE "C" DESC
            """,
            [ControlText.array(runs.map(\.description))]
        ).rows
        return rows.map { (RunID($0.value("id") ?? ""), $0.number("position") ?? 0) }
    }

    package func instancesInDoubt(since positions: [String: Int64], fleet: String) async throws(JournalError) -> Set<String> {
        guard let first = positions.values.min() else { return [] }
        let runs = try await runs(limit: RunStoreLimits.instanceRuns, fleet: fleet).map(\.id)
        let rows = try await rows(
            """
            SELECT run, \(ControlText.position) AS position, instance, outcome FROM convoy_control.events
            WHERE run = ANY ($1::text[]) AND \(ControlText.position) > $2::bigint AND instance IS NOT NULL
                AND (outcome IS NOT NULL OR type IN ($3, $4)) ORDER BY run, number
            """,
            [
                ControlText.array(runs.map(\.description)), "\(first)", EventType.instanceStarted.rawValue,
                EventType.rollbackStarted.rawValue,
            ]
        )
        var open: [String: OpenInstances] = [:]
        for row in rows {
            guard let run = row.value("run"), let name = row.value("instance"), let position = row.number("position") else { continue }
            open[run, default: OpenInstances(since: positions)].add(name, at: position, outcome: row.value("outcome"))
        }
        return open.values.reduce(into: []) { $0.formUnion($1.names) }
    }

    package func firstApplied(above version: MigrationVersion?, to instance: String, in run: RunID) async throws(JournalError) -> Date? {
        try await rows(
            """
            SELECT \(ControlText.time("at")) AS at FROM convoy_control.events
            WHERE run = $1 AND instance = $2 AND type = $3 AND direction = 'up' AND version > $4::bigint ORDER BY number LIMIT 1
            """,
            [run.description.storable, instance.storable, EventType.migrationApplied.rawValue, "\(version?.value ?? 0)"]
        ).first?.value("at").flatMap(Date.init(rfc3339:))
    }
}
