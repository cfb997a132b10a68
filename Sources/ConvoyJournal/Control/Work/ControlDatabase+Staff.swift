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
        let found = try await staff(of: run, isUnsettled: false)
        guard let found, found.isMissing, found.silent > 0, await isUnsettled else { return found }
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
        let takesPart =
            withRefusals ? "NOT EXISTS (SELECT FROM convoy_control.refusals AS f WHERE f.run = r.id AND f.worker = w.id)" : "true"
        var statements = [
            PipelineStatement(
                """
                SELECT w.known, w.seen FROM convoy_control.runs AS r CROSS JOIN LATERAL (
                    SELECT count(*) AS known, count(*) FILTER (WHERE \(Self.isAlive("w"))) AS seen FROM convoy_control.workers AS w
                    WHERE w.fleet = r.fleet AND \(Self.isKnown("w")) AND NOT w.is_draining AND \(takesPart)
                ) AS w WHERE r.id = $1 AND r.status IS NULL AND r.for_workers
                """,
                [id, Self.lifetime]
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
                    WHERE f.run = $1 AND ($3::boolean AND \(Self.isKnown("w")) OR \(Self.isAlive("w"))) ORDER BY f.worker LIMIT \(Self.mostNames)
                    """,
                    [id, Self.lifetime, isUnsettled ? "true" : "false"]
                )
            )
        }
        let sent = statements
        let results = try await transaction(.reading) { transaction throws(ControlError) in try await transaction.commit(sent) }
        guard results.count == sent.count, let row = results[0].rows.first else { return nil }
        return try ControlError.reading { () throws(PostgresError) in
            let (known, seen) = (Int(clamping: try row.int64("known")), Int(clamping: try row.int64("seen")))
            var staff = RunStaff(willing: isUnsettled ? known : seen)
            staff.silent = max(known - seen, 0)
            staff.isUnsettled = isUnsettled && known > 0 && seen == 0
            for row in results[1].rows { staff.holders.append(try row.label("worker")?.visible ?? "") }
            for row in results.dropFirst(2).flatMap(\.rows) {
                let words = try ["worker", "reason", "hint"].map { column throws(PostgresError) in try row.label(column)?.visible ?? "" }
                staff.refusals.append(RunStaff.Refusal(worker: words[0], reason: words[1], hint: words[2]))
            }
            return staff
        }
    }

    /// How many workers of a fleet live and take work, and how many more may: seen within a day, and not signed off.
    package func workersAlive(of fleet: String) async throws(ControlError) -> (seen: Int, silent: Int) {
        let row = try await rows(
            """
            SELECT count(*) AS known, count(*) FILTER (WHERE \(Self.isAlive("w"))) AS seen FROM convoy_control.workers AS w
            WHERE w.fleet = $1 AND \(Self.isKnown("w")) AND NOT w.is_draining
            """,
            [fleet, Self.lifetime]
        ).first
        return try ControlError.reading { () throws(PostgresError) in
            let (known, seen) = (Int(clamping: try row?.int64("known") ?? 0), Int(clamping: try row?.int64("seen") ?? 0))
            return (seen, max(known - seen, 0))
        }
    }

    // MARK: After an outage

    private static let lifetime = "\(RunStaff.lifetime.milliseconds) milliseconds"

    /// Whether a worker has written within its lifetime, which is parameter 2, in the words of SQL.
    ///
    /// A time in the future is of a clock that was wrong, and is not believed for long.
    private static func isAlive(_ worker: String) -> String {
        "\(worker).seen_at > clock_timestamp() - $2::interval AND \(worker).seen_at < clock_timestamp() + $2::interval"
    }

    /// Whether it may be alive, although the control database was away, or its way there.
    private static func isKnown(_ worker: String) -> String { "\(worker).seen_at > clock_timestamp() - interval '1 day'" }

    /// Whether workers have not had the time to write again: this process could not reach the database a moment ago, so they may not have either, or the
    /// server has just been started.
    package var isUnsettled: Bool {
        get async {
            if await hasJustBegun(within: RunStaff.lifetime) { return true }
            // That question may have failed.
            return lastLoss.map { .now - $0 < RunStaff.lifetime } ?? false
        }
    }

    func hasJustBegun(within time: Duration) async -> Bool {
        let question = "SELECT pg_postmaster_start_time() > clock_timestamp() - $1::interval AS is_new"
        let rows = try? await rows(question, ["\(time.milliseconds) milliseconds"], patience: .zero)
        return rows?.first?.value("is_new") == "t"
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
