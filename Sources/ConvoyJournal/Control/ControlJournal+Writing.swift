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

    package func begin(_ run: RunRecord, plan: Data) async throws(JournalError) {
        let parameters = Self.parameters(of: run, plan: plan)
        let isThere = try await writing { transaction throws(ControlError) in
            let results = try await transaction.commit([
                PipelineStatement(Self.insertion, parameters),
                // Where an earlier attempt was committed, the run is there as it is to be.
                PipelineStatement(
                    "SELECT FROM convoy_control.runs WHERE id = $1 AND plan = decode($2, 'base64') AND started_by = $3 AND last_event = 0",
                    [run.id.description.storable, plan.base64EncodedString(), run.startedBy.storable]
                ),
            ])
            return results.last?.rows.isEmpty == false
        }
        guard isThere else {
            throw JournalError(path: path, message: "it has another run \(run.id)", hint: "start the run again: it gets another id")
        }
    }

    /// Of a run's row.
    static let insertion = """
        INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, target, steps, kind, undone_run, instances, is_immediate, plan,
            started_at, convoy_version, started_by)
        VALUES ($1, $2, $3, $4, $5, $6::bigint, $7, $8, $9::bigint, $10::boolean, decode($11, 'base64'), $12::timestamptz, $13, $14)
        ON CONFLICT (id) DO NOTHING
        """

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

    package func post(_ request: OperatorRequest.Kind, to run: RunID, by person: String, at date: Date) async throws(JournalError) {
        let columns = request.columns
        let key = UInt64.random(in: 0...UInt64.max).hexadecimal + UInt64.random(in: 0...UInt64.max).hexadecimal
        let isThere = try await writing { transaction throws(ControlError) in
            let results = try await transaction.commit([
                PipelineStatement("SELECT FROM convoy_control.runs WHERE id = $1 FOR NO KEY UPDATE", [run.description.storable]),
                PipelineStatement(
                    """
                    WITH moved AS (
                        UPDATE convoy_control.runs SET last_request = last_request + 1
                        WHERE id = $1 AND NOT EXISTS (SELECT FROM convoy_control.requests WHERE key = $2) RETURNING last_request
                    )
                    INSERT INTO convoy_control.requests (run, number, key, kind, argument, requested_by, at)
                    SELECT $1, last_request, $2, $3, $4, $5, $6::timestamptz FROM moved
                    """,
                    [run.description.storable, key, columns.kind, columns.argument?.storable, person.storable, date.rfc3339]
                ),
            ])
            return results.first?.rows.isEmpty == false
        }
        guard isThere else { throw .unknownRun(path, run) }
    }

    package func abandon(_ run: RunID, by person: String, at date: Date) async throws(JournalError) {
        try await writing { transaction throws(ControlError) in
            _ = try await transaction.takeFromWorkers(run, in: self.path)
            transaction.add(
                "UPDATE convoy_control.runs SET status = $2, finished_at = $3::timestamptz, abandoned_by = $4 WHERE id = $1",
                [run.description.storable, RunEnding.abandoned.rawValue, date.rfc3339, person.storable]
            )
        }
    }
}
