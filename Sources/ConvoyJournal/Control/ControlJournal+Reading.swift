import ConvoyPostgres
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension ControlJournal {
    package func runs(limit: Int, fleet: String?) async throws(JournalError) -> [RunRecord] {
        try await records("fleet = coalesce($1, fleet)", [fleet?.storable], limit: limit)
    }

    package func activeRuns(of fleet: String) async throws(JournalError) -> [RunRecord] {
        try await records(
            "fleet = $1 AND status IS NULL AND (\(Self.isActive("runs", control)))",
            [fleet.storable],
            limit: RunStoreLimits.searchedRuns
        )
    }

    /// Whether a process works on a run that has not ended, or its workers have it, in the words of SQL.
    ///
    /// - Parameter run: the row's name in the statement.
    static func isActive(_ run: String, _ control: ControlDatabase) -> String {
        """
        \(run).for_workers OR EXISTS (
            SELECT FROM convoy_control.locks AS lock WHERE lock.name = \(run).id AND \(ControlLease.isHeld("lock", control)))
        """
    }

    package func runs(beginningWith text: String, fleet: String?, limit: Int) async throws(JournalError) -> [RunRecord] {
        let text = text.storable
        let exact = try await records("fleet = coalesce($1, fleet) AND id = $2", [fleet?.storable, text], limit: 1)
        if !exact.isEmpty { return exact }
        return try await records("fleet = coalesce($1, fleet) AND starts_with(id, $2)", [fleet?.storable, text], limit: limit)
    }

    package func damagedRuns() async throws(JournalError) -> [String] {
        try await rows("SELECT \(Self.recordColumns) FROM convoy_control.runs").filter { RunColumns($0).record == nil }
            .map { $0.value("id") ?? "" }
    }

    static let recordColumns = """
        id, fleet, fleet_file, direction, target, steps, kind, undone_run, instances, \(ControlText.time("started_at")) AS started,
        \(ControlText.time("finished_at")) AS finished, status, convoy_version, started_by, abandoned_by
        """

    private func records(_ condition: String, _ parameters: [String?], limit: Int) async throws(JournalError) -> [RunRecord] {
        var asked = max(0, limit)
        while true {
            let rows = try await rows(
                """
                SELECT \(Self.recordColumns) FROM convoy_control.runs WHERE \(condition)
                ORDER BY recorded_at DESC, id COLLATE "C" DESC LIMIT $\(parameters.count + 1)::bigint
                """,
                parameters + ["\(asked)"]
            )
            let records = rows.compactMap { RunColumns($0).record }
            // Damaged ones do not count, so that the others are found.
            if records.count >= limit || rows.count < asked { return Array(records.prefix(limit)) }
            asked = asked * 2 + 10
        }
    }

    package func plan(of run: RunID) async throws(JournalError) -> Data? {
        let rows = try await rows(
            "SELECT encode(plan, 'base64') AS plan FROM convoy_control.runs WHERE id = $1",
            [run.description.storable]
        )
        return rows.first?.value("plan").flatMap { Data(base64Encoded: $0, options: .ignoreUnknownCharacters) }
    }

    package func immediateRuns(among runs: [RunID]) async throws(JournalError) -> Set<RunID> {
        let rows = try await rows(
            "SELECT id FROM convoy_control.runs WHERE is_immediate AND id = ANY ($1::text[])",
            [ControlText.array(runs.map(\.description))]
        )
        return Set(rows.compactMap { $0.value("id").map { RunID($0) } })
    }

    package func outcomes(of run: RunID) async throws(JournalError) -> [Outcome: Int] {
        let rows = try await rows(
            """
            SELECT outcome, count(*) AS count FROM (
                SELECT DISTINCT ON (instance) outcome FROM convoy_control.events WHERE run = $1 AND outcome IS NOT NULL
                ORDER BY instance, number DESC
            ) AS last GROUP BY outcome
            """,
            [run.description.storable]
        )
        return rows.reduce(into: [:]) { outcomes, row in
            // A damaged row is skipped, like its event.
            guard let outcome = row.value("outcome").flatMap(Outcome.init(rawValue:)) else { return }
            outcomes[outcome, default: 0] += Int(clamping: row.number("count") ?? 0)
        }
    }

    // MARK: Events

    package func lastEvent(of run: RunID) async throws(JournalError) -> Int64 {
        try await rows("SELECT last_event FROM convoy_control.runs WHERE id = $1", [run.description.storable]).first?.number("last_event")
            ?? 0
    }

    package func events(
        of run: RunID,
        _ selection: RecordedEvents.Selection,
        after number: Int64,
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent] {
        try await events(
            "number > $2::bigint AND \(selection.condition(in: "convoy_control.events"))",
            of: run,
            ["\(number)"],
            limit: limit
        )
    }

    package func events(
        of run: RunID,
        about instance: String,
        after number: Int64,
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent] {
        try await events(
            "number > $2::bigint AND (instance = $3 OR type = $4)",
            of: run,
            ["\(number)", instance.storable, EventType.runResumed.rawValue],
            limit: limit
        )
    }

    package func events(of run: RunRecord, about instance: String) async throws(JournalError) -> [RecordedEvent] {
        try await events(
            """
            instance = $2 AND type <> $3 AND NOT (type = $4 AND number < coalesce((
                SELECT max(number) FROM convoy_control.events WHERE run = $1 AND instance = $2 AND outcome IS NOT NULL), 0))
            """,
            of: run.id,
            [instance.storable, EventType.instanceProgress.rawValue, EventType.migrationApplied.rawValue],
            limit: RunStoreLimits.instanceEvents
        )
    }

    /// - Parameters:
    ///   - condition: on the events of the run, which is `$1`.
    ///   - parameters: from `$2` on.
    private func events(
        _ condition: String,
        of run: RunID,
        _ parameters: [String?],
        limit: Int
    ) async throws(JournalError) -> [RecordedEvent] {
        try await rows(
            """
            SELECT number, \(ControlText.position) AS position, type, json FROM convoy_control.events AS events
            WHERE run = $1 AND \(condition) ORDER BY number LIMIT $\(parameters.count + 2)::bigint
            """,
            [run.description.storable] + parameters + ["\(max(0, limit))"]
        ).map(RecordedEvent.init)
    }

    package func requests(of run: RunID, after number: Int64) async throws(JournalError) -> [OperatorRequest] {
        try checkLoss(of: run)
        let rows = try await rows(
            """
            SELECT number, kind, argument, requested_by, \(ControlText.time("at")) AS at FROM convoy_control.requests
            WHERE run = $1 AND number > $2::bigint ORDER BY number
            """,
            [run.description.storable, "\(number)"]
        )
        return rows.compactMap { row in
            OperatorRequest(
                number: row.number("number"),
                kind: row.value("kind"),
                argument: row.value("argument"),
                by: row.value("requested_by"),
                at: row.value("at")
            )
        }
    }
}

extension RunColumns {
    init(_ row: QueryResult.Row) {
        self.init(
            id: row.value("id"),
            fleet: row.value("fleet"),
            fleetFile: row.value("fleet_file"),
            direction: row.value("direction"),
            target: row.value("target"),
            steps: row.number("steps").map { Int(clamping: $0) },
            kind: row.value("kind"),
            undoneRun: row.value("undone_run"),
            instances: row.number("instances").map { Int(clamping: $0) },
            startedAt: row.value("started"),
            finishedAt: row.value("finished"),
            status: row.value("status"),
            convoyVersion: row.value("convoy_version"),
            startedBy: row.value("started_by"),
            abandonedBy: row.value("abandoned_by")
        )
    }
}

extension RecordedEvent {
    init(_ row: QueryResult.Row) {
        self.init(
            number: row.number("number") ?? 0,
            position: row.number("position") ?? 0,
            type: row.value("type") ?? "",
            json: row.value("json") ?? ""
        )
    }
}
