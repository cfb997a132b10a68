import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Who carries out runs, and who refuses them.
extension ControlDatabase {
    /// The most refusals, and the most holders of leases, that are read.
    private static let mostNames = 20
    /// The longest reason that is kept, in bytes.
    private static let reasonLimit = 1000

    /// Who carries out a run that workers have; nil for a run that has ended, and for one that they do not have.
    package func staff(of run: RunID) async throws(ControlError) -> RunStaff? {
        do throws(ControlError) {
            return try await staff(of: run, withRefusals: true)
        } catch {
            // A role from before there was this table.
            guard error.isMissingRight, var staff = try await staff(of: run, withRefusals: false) else { throw error }
            let problem = await missingRight(error, on: "refusals")
            staff.gap = "why workers take no part cannot be read: \(problem.message) (\(problem.hint ?? ""))"
            return staff
        }
    }

    private func staff(of run: RunID, withRefusals: Bool) async throws(ControlError) -> RunStaff? {
        let id = run.description.storable
        let lifetime = "\(RunStaff.lifetime.milliseconds) milliseconds"
        let takesPart =
            withRefusals ? "NOT EXISTS (SELECT FROM convoy_control.refusals AS f WHERE f.run = r.id AND f.worker = w.id)" : "true"
        var statements = [
            PipelineStatement(
                """
                SELECT (
                    SELECT count(*) FROM convoy_control.workers AS w
                    WHERE w.fleet = r.fleet AND w.seen_at > clock_timestamp() - $2::interval AND NOT w.is_draining AND \(takesPart)
                ) AS willing
                FROM convoy_control.runs AS r WHERE r.id = $1 AND r.status IS NULL AND r.for_workers
                """,
                [id, lifetime]
            ),
            PipelineStatement(
                """
                SELECT DISTINCT worker FROM convoy_control.assignments
                WHERE run = $1 AND state = 'claimed' AND lease_until > clock_timestamp() ORDER BY worker LIMIT \(Self.mostNames)
                """,
                [id]
            ),
        ]
        if withRefusals {
            statements.append(
                PipelineStatement(
                    """
                    SELECT f.worker, f.reason, f.hint FROM convoy_control.refusals AS f JOIN convoy_control.workers AS w ON w.id = f.worker
                    WHERE f.run = $1 AND w.seen_at > clock_timestamp() - $2::interval ORDER BY f.worker LIMIT \(Self.mostNames)
                    """,
                    [id, lifetime]
                )
            )
        }
        let sent = statements
        let results = try await transaction(.reading) { transaction throws(ControlError) in try await transaction.commit(sent) }
        guard results.count == sent.count, let row = results[0].rows.first else { return nil }
        return try ControlError.reading { () throws(PostgresError) in
            var staff = RunStaff(willing: Int(clamping: try row.int64("willing")))
            for row in results[1].rows { staff.holders.append(try row.label("worker")?.visible ?? "") }
            for row in results.dropFirst(2).flatMap(\.rows) {
                let words = try ["worker", "reason", "hint"].map { column throws(PostgresError) in try row.label(column)?.visible ?? "" }
                staff.refusals.append(RunStaff.Refusal(worker: words[0], reason: words[1], hint: words[2]))
            }
            return staff
        }
    }

    /// Keeps why a worker takes no part in a run, for those who wait for it.
    ///
    /// - Parameter refusal: nil where it takes part now.
    package func note(_ refusal: RunStaff.Refusal?, of run: RunID, by worker: String) async throws(ControlError) {
        let statement =
            if let refusal {
                PipelineStatement(
                    """
                    INSERT INTO convoy_control.refusals (run, worker, reason, hint)
                    SELECT r.id, w.id, $3, $4 FROM convoy_control.runs AS r, convoy_control.workers AS w WHERE r.id = $1 AND w.id = $2
                    ON CONFLICT (run, worker) DO UPDATE SET reason = excluded.reason, hint = excluded.hint, refused_at = excluded.refused_at
                    """,
                    [
                        run.description.storable, worker, refusal.reason.prefix(bytes: Self.reasonLimit).storable,
                        refusal.hint.prefix(bytes: Self.reasonLimit).storable,
                    ]
                )
            } else {
                PipelineStatement(
                    "DELETE FROM convoy_control.refusals WHERE run = $1 AND worker = $2",
                    [run.description.storable, worker]
                )
            }
        do throws(ControlError) {
            _ = try await transaction(patience: .zero, isRepeatable: true) { transaction throws(ControlError) in
                try await transaction.commit([statement])
            }
        } catch {
            guard error.isMissingRight else { throw error }
            throw .refused(await missingRight(error, on: "refusals"))
        }
    }
}
