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
        let found = try await staff(of: run, isUnsettled: isLossFresh)
        guard let found, found.isMissing, !isLossFresh, await hasJustBegun(within: RunStaff.lifetime) else { return found }
        return try await staff(of: run, isUnsettled: true)
    }

    private func staff(of run: RunID, isUnsettled: Bool) async throws(ControlError) -> RunStaff? {
        do throws(ControlError) {
            return try await staff(of: run, isUnsettled: isUnsettled, withRefusals: true)
        } catch {
            // A role from before there was this table.
            guard error.isMissingRight, var staff = try await staff(of: run, isUnsettled: isUnsettled, withRefusals: false) else {
                throw error
            }
            let problem = await missingRight(error, on: "refusals")
            staff.gap = "why workers take no part cannot be read: \(problem.message) (\(problem.hint ?? ""))"
            return staff
        }
    }

    private func staff(of run: RunID, isUnsettled: Bool, withRefusals: Bool) async throws(ControlError) -> RunStaff? {
        let id = run.description.storable
        let limits = Self.limits(isUnsettled: isUnsettled)
        let takesPart =
            withRefusals ? "NOT EXISTS (SELECT FROM convoy_control.refusals AS f WHERE f.run = r.id AND f.worker = w.id)" : "true"
        var statements = [
            PipelineStatement(
                """
                SELECT w.willing, w.seen FROM convoy_control.runs AS r CROSS JOIN LATERAL (
                    SELECT count(*) AS willing, count(*) FILTER (WHERE w.seen_at > clock_timestamp() - $2::interval) AS seen
                    FROM convoy_control.workers AS w WHERE w.fleet = r.fleet AND \(Self.isAlive("w")) AND NOT w.is_draining AND \(takesPart)
                ) AS w WHERE r.id = $1 AND r.status IS NULL AND r.for_workers
                """,
                [id] + limits
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
                    WHERE f.run = $1 AND \(Self.isAlive("w")) ORDER BY f.worker LIMIT \(Self.mostNames)
                    """,
                    [id] + limits
                )
            )
        }
        let sent = statements
        let results = try await transaction(.reading) { transaction throws(ControlError) in try await transaction.commit(sent) }
        guard results.count == sent.count, let row = results[0].rows.first else { return nil }
        return try ControlError.reading { () throws(PostgresError) in
            var staff = RunStaff(willing: Int(clamping: try row.int64("willing")))
            let seen = try row.int64("seen")
            staff.isUnsettled = staff.willing > 0 && seen == 0
            for row in results[1].rows { staff.holders.append(try row.label("worker")?.visible ?? "") }
            for row in results.dropFirst(2).flatMap(\.rows) {
                let words = try ["worker", "reason", "hint"].map { column throws(PostgresError) in try row.label(column)?.visible ?? "" }
                staff.refusals.append(RunStaff.Refusal(worker: words[0], reason: words[1], hint: words[2]))
            }
            return staff
        }
    }

    /// How many workers of a fleet live and take work.
    package func workersAlive(of fleet: String) async throws(ControlError) -> Int {
        let count = try await workersAlive(of: fleet, isUnsettled: isLossFresh)
        guard count == 0, !isLossFresh, await hasJustBegun(within: RunStaff.lifetime) else { return count }
        return try await workersAlive(of: fleet, isUnsettled: true)
    }

    private func workersAlive(of fleet: String, isUnsettled: Bool) async throws(ControlError) -> Int {
        let row = try await rows(
            "SELECT count(*) AS count FROM convoy_control.workers AS w WHERE w.fleet = $1 AND \(Self.isAlive("w")) AND NOT w.is_draining",
            [fleet] + Self.limits(isUnsettled: isUnsettled)
        ).first
        return try ControlError.reading { () throws(PostgresError) in Int(clamping: try row?.int64("count") ?? 0) }
    }

    // MARK: After an outage

    /// Whether a worker counts as alive, in the words of SQL. Parameters 2 and 3 are ``limits(isUnsettled:)``.
    ///
    /// As long as the control database has not been back for a worker's lifetime, those that were seen within a day and have not signed off have had no
    /// time to write again.
    ///
    /// - Parameter worker: the row's name in the statement.
    private static func isAlive(_ worker: String) -> String {
        "\(worker).seen_at > clock_timestamp() - CASE WHEN $3::boolean THEN interval '1 day' ELSE $2::interval END"
    }

    private static func limits(isUnsettled: Bool) -> [String?] {
        ["\(RunStaff.lifetime.milliseconds) milliseconds", isUnsettled ? "true" : "false"]
    }

    /// Whether this process could not reach the database a moment ago: nor may the workers have.
    private var isLossFresh: Bool { lastLoss.map { .now - $0 < RunStaff.lifetime } ?? false }

    /// Whether the server has begun to take writes within a time: it was started, has recovered from a crash, or was a standby. Where the last two cannot
    /// be asked, only the first counts.
    func hasJustBegun(within time: Duration) async -> Bool {
        // A server that has recovered, or was a standby, knows how far it has replayed; it notes in its control file when it begins, and at checkpoints.
        let recovery = "CASE WHEN pg_last_wal_replay_lsn() IS NOT NULL THEN (SELECT pg_control_last_modified FROM pg_control_system()) END"
        for start in ["greatest(pg_postmaster_start_time(), \(recovery))", "pg_postmaster_start_time()"] {
            let question = "SELECT \(start) > clock_timestamp() - $1::interval AS is_new"
            guard let rows = try? await rows(question, ["\(time.milliseconds) milliseconds"], patience: .zero) else { continue }
            return rows.first?.value("is_new") == "t"
        }
        return false
    }

    // MARK: Refusals

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
