import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension ControlJournal {
    /// What the list of runs needs of a plan.
    private struct PlanHead: Decodable {
        var now: Bool?
    }

    package func begin(
        _ run: RunRecord,
        plan: Data,
        beside others: Set<RunID>,
        under start: (any RunLock)?
    ) async throws(JournalError) {
        let parameters = Self.parameters(of: run, plan: plan)
        let turn = start.map { StartTurn($0, run.id, of: run.fleet, beside: others, control) }
        let insertion = PipelineStatement(
            Self.insertion(under: turn.map { $0.condition(from: parameters.count + 1) }),
            parameters + (turn?.parameters ?? [])
        )
        // Where an earlier attempt was committed, the run is there as it is to be.
        let question = PipelineStatement(
            "SELECT FROM convoy_control.runs WHERE id = $1 AND plan = decode($2, 'base64') AND started_by = $3 AND last_event = 0",
            [run.id.description.storable, plan.base64EncodedString(), run.startedBy.storable]
        )
        let statements = (turn?.taking ?? []) + [insertion, question] + (turn.map { [$0.question] } ?? [])
        let index = (turn?.taking.count ?? 0) + 1
        let results = try await writing { transaction throws(ControlError) in try await transaction.commit(statements) }
        if results.count > index, !results[index].rows.isEmpty { return }
        if turn != nil { try await checkTurn(results.last) }
        throw JournalError(path: path, message: "it has another run with the id \(run.id)", hint: "start the run again: it gets a new id")
    }

    package func exclude(
        othersThan run: RunID,
        of fleet: String,
        beside others: Set<RunID>,
        under start: any RunLock
    ) async throws(JournalError) {
        let turn = StartTurn(start, run, of: fleet, beside: others, control)
        let results = try await writing { transaction throws(ControlError) in
            try await transaction.commit(turn.taking + [turn.question])
        }
        try await checkTurn(results.last)
    }

    package func reopen(_ run: RunID, unchangedSince basis: RunBasis, under start: any RunLock) async throws(JournalError) {
        let id = run.description.storable
        let token = token(of: run)
        try await writing { transaction throws(ControlError) in
            try await transaction.check(start, self.control)
            try await transaction.check(run, token, self.control)
            if let person = try await transaction.takeFromWorkers(run, unchangedSince: basis, in: self.path) {
                throw .refused(.abandoned(self.path, id, by: person))
            }
            transaction.add(
                "UPDATE convoy_control.runs SET status = NULL, finished_at = NULL, for_workers = false, resumed_by = NULL WHERE id = $1",
                [id]
            )
        }
    }

    /// - Throws: an error with the reason `overtaken` unless the answer to ``StartTurn/question`` is that nothing came in between.
    private func checkTurn(_ result: QueryResult?) async throws(JournalError) {
        let row = result?.rows.first
        guard row?.value("is_own") == "t" else { throw .overtaken(path, "another process is starting a run") }
        guard let other = row?.value("other") else { return }
        let name = other.prefix(bytes: 100).visible
        guard try await damagedRuns().contains(other) else { throw .overtaken(path, "run \(name) has become active") }
        throw JournalError(
            path: path,
            message: "run \(name) is active, and its record cannot be read",
            hint: "use the version of convoy that started it, or remove its row from convoy_control.runs"
        )
    }

    /// Of a run's row.
    ///
    /// - Parameters:
    ///   - recordedAt: when it was recorded, in the words of SQL.
    ///   - condition: on which it is inserted.
    static func insertion(recordedAt: String = "clock_timestamp()", under condition: String? = nil) -> String {
        """
        INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, target, steps, kind, undone_run, instances, is_immediate, plan,
            started_at, convoy_version, started_by, recorded_at)
        SELECT $1, $2, $3, $4, $5, $6::bigint, $7, $8, $9::bigint, $10::boolean, decode($11, 'base64'), $12::timestamptz, $13, $14,
            \(recordedAt)
        WHERE \(condition ?? "true")
        ON CONFLICT (id) DO NOTHING
        """
    }

    static func parameters(of run: RunRecord, plan: Data) -> [String?] {
        let isImmediate = (try? JSONDecoder().decode(PlanHead.self, from: plan))?.now == true
        var undone: String?
        if case .undo(run: let run) = run.change { undone = run }
        return [
            run.id.description.storable, run.fleet.storable, run.fleetFile.storable, run.change.direction.rawValue,
            run.change.target?.description, run.change.steps.map { "\($0)" }, run.change.correctionKind?.rawValue, undone?.storable,
            "\(run.instances)", isImmediate ? "true" : "false", plan.base64EncodedString(), run.startedAt.rfc3339,
            run.convoyVersion.storable, run.startedBy.storable,
        ]
    }

    @discardableResult
    package func post(
        _ request: OperatorRequest.Kind,
        to run: RunID,
        by person: String,
        at date: Date,
        unlessAskedWithin period: Duration?
    ) async throws(JournalError) -> Bool {
        let columns = request.columns
        let key = ControlLease.newToken()
        let results = try await writing { transaction throws(ControlError) in
            try await transaction.commit([
                PipelineStatement("SELECT FROM convoy_control.runs WHERE id = $1 FOR NO KEY UPDATE", [run.description.storable]),
                PipelineStatement(
                    """
                    WITH moved AS (
                        UPDATE convoy_control.runs SET last_request = last_request + 1
                        WHERE id = $1 AND NOT EXISTS (
                            SELECT FROM convoy_control.requests AS other WHERE other.key = $2 OR other.run = $1 AND other.kind = $3
                                AND other.argument IS NOT DISTINCT FROM $4 AND other.recorded_at > clock_timestamp() - $7::interval
                        ) RETURNING last_request
                    )
                    INSERT INTO convoy_control.requests (run, number, key, kind, argument, requested_by, at)
                    SELECT $1, last_request, $2, $3, $4, $5, $6::timestamptz FROM moved
                    """,
                    [
                        run.description.storable, key, columns.kind, columns.argument?.storable, person.storable, date.rfc3339,
                        period.map { "\($0.milliseconds) milliseconds" },
                    ]
                ),
                ControlNews(run).statement,
                PipelineStatement("SELECT FROM convoy_control.requests WHERE key = $1", [key]),
            ])
        }
        guard results.first?.rows.isEmpty == false else { throw .unknownRun(path, run) }
        return results.last?.rows.isEmpty == false
    }

    package func abandon(_ run: RunID, unchangedSince basis: RunBasis, by person: String, at date: Date) async throws(JournalError) {
        let id = run.description.storable
        let token = token(of: run)
        try await writing { transaction throws(ControlError) in
            let lock = try await transaction.lock(id, self.control)
            if token == nil, let lock, lock.isHeld { throw .refused(.stillRunning(self.path, run, ControlLease.shown(lock.holder))) }
            if let token, lock?.token != token { throw .refused(.takenOver(self.path, run, by: lock?.holder)) }
            _ = try await transaction.takeFromWorkers(run, unchangedSince: basis, in: self.path)
            transaction.add(
                "UPDATE convoy_control.runs SET status = $2, finished_at = $3::timestamptz, abandoned_by = $4 WHERE id = $1",
                [id, RunEnding.abandoned.rawValue, date.rfc3339, person.storable]
            )
        }
    }
}
