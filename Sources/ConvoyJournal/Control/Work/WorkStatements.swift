import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// The statements of workers that need no lock of a run.
///
/// Several assignments are locked in the order of their keys, so that no two workers wait for each other. A renewal and a claim wait for no lock.
enum WorkStatements {
    private static func interval(_ duration: Duration) -> String { "\(duration.milliseconds) milliseconds" }

    static func heartbeat(_ worker: WorkerRecord) -> PipelineStatement {
        PipelineStatement(
            """
            INSERT INTO convoy_control.workers (id, fleet, convoy_version, capacity, running, is_draining)
            VALUES ($1, $2, $3, $4::bigint, $5::bigint, $6::boolean)
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), running = excluded.running, is_draining = excluded.is_draining
            RETURNING to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now
            """,
            [worker.id, worker.fleet, worker.convoyVersion, "\(worker.capacity)", "\(worker.running)", "\(worker.isDraining)"]
        )
    }

    static func renewal(of worker: String, for lease: Duration) -> PipelineStatement {
        PipelineStatement(
            """
            UPDATE convoy_control.assignments AS a SET lease_until = clock_timestamp() + $2::interval
            FROM (
                SELECT run, number FROM convoy_control.assignments WHERE worker = $1 AND state = 'claimed'
                ORDER BY run, number FOR UPDATE SKIP LOCKED
            ) AS own
            WHERE a.run = own.run AND a.number = own.number AND a.worker = $1 AND a.state = 'claimed'
            RETURNING a.run, a.number, a.attempt, a.is_cancelled, a.approved_by
            """,
            [worker, interval(lease)]
        )
    }

    static func leases(of worker: String) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT run, number, attempt, is_cancelled, approved_by FROM convoy_control.assignments
            WHERE worker = $1 AND state = 'claimed' ORDER BY run, number
            """,
            [worker]
        )
    }

    static func openRuns(of fleet: String, limit: Int) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT id, fleet_checksum, worker_version, hand_over, turn, last_event, last_request > served_request AS has_requests, resumed_by
            FROM convoy_control.runs WHERE fleet = $1 AND status IS NULL AND for_workers ORDER BY recorded_at LIMIT $2::bigint
            """,
            [fleet, "\(limit)"]
        )
    }

    /// From each run in turn, so that none waits for the others to have nothing left. What was begun before comes first.
    static func candidates(_ search: CandidateSearch) -> PipelineStatement {
        func those(_ condition: String, previousWorker: String) -> String {
            """
            (SELECT number, kind, subject, wave, server, attempt, is_cancelled, \(previousWorker) AS previous_worker
                FROM convoy_control.assignments
                WHERE run = r.id AND \(condition)
                    AND ($2::text[] IS NULL OR server IS NULL OR is_cancelled OR server = ANY ($2::text[]))
                ORDER BY attempt = 0, number LIMIT $3::bigint + $4::bigint)
            """
        }
        let expired =
            search.takesOver
            ? "UNION ALL \(those("state = 'claimed' AND lease_until < clock_timestamp()", previousWorker: "worker"))" : ""
        return PipelineStatement(
            """
            SELECT r.id AS run, c.number, c.kind, c.subject, c.wave, c.server, c.attempt, c.is_cancelled, c.previous_worker
            FROM unnest($1::text[]) AS r (id)
            CROSS JOIN LATERAL (
                SELECT either.*, row_number() OVER (ORDER BY either.attempt = 0, either.number) AS place FROM (
                    \(those("state = 'waiting'", previousWorker: "NULL::text"))
                    \(expired)
                ) AS either
            ) AS c
            ORDER BY c.attempt = 0, c.place, r.id LIMIT $3::bigint OFFSET $4::bigint
            """,
            [
                ControlText.array(search.runs.map(\.description)), search.servers.map { ControlText.array($0.sorted()) },
                "\(search.limit)", "\(search.offset)",
            ]
        )
    }

    /// Of runs that have not been handed over anew: a run and its open assignments change together, so that one look at both is enough.
    static func claim(
        _ keys: [Assignment.Key],
        for worker: String,
        lease: Duration,
        handOvers: [RunID: String],
        takesOver: Bool
    ) -> PipelineStatement {
        let keys = keys.filter { handOvers[$0.run] != nil }
        let isFree = "c.state = 'waiting'" + (takesOver ? " OR c.state = 'claimed' AND c.lease_until < clock_timestamp()" : "")
        return PipelineStatement(
            """
            UPDATE convoy_control.assignments AS a
            SET state = 'claimed', worker = $1, attempt = a.attempt + 1, lease_until = clock_timestamp() + $2::interval
            FROM (
                SELECT c.run, c.number, c.worker
                FROM unnest($3::text[], $4::bigint[], $5::text[]) AS wanted (run, number, hand_over)
                JOIN convoy_control.runs AS r ON r.id = wanted.run AND r.hand_over = wanted.hand_over
                JOIN convoy_control.assignments AS c ON c.run = wanted.run AND c.number = wanted.number
                WHERE \(isFree)
                ORDER BY c.run, c.number FOR UPDATE OF c SKIP LOCKED
            ) AS chosen
            WHERE a.run = chosen.run AND a.number = chosen.number
            RETURNING a.run, a.number, a.kind, a.subject, a.wave, a.server, a.attempt, a.is_cancelled, chosen.worker AS previous_worker
            """,
            [
                worker, interval(lease), ControlText.array(keys.map(\.run.description)), ControlText.array(keys.map(\.number)),
                ControlText.array(keys.map { handOvers[$0.run] ?? "" }),
            ]
        )
    }

    static func giveBack(_ leases: [Lease], of worker: String) -> PipelineStatement {
        PipelineStatement(
            """
            UPDATE convoy_control.assignments AS a SET state = 'waiting', worker = NULL, lease_until = NULL
            FROM (
                SELECT c.run, c.number
                FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS given (run, number, attempt)
                JOIN convoy_control.assignments AS c ON c.run = given.run AND c.number = given.number AND c.attempt = given.attempt
                WHERE c.state = 'claimed' AND c.worker = $1
                ORDER BY c.run, c.number FOR UPDATE OF c
            ) AS own
            WHERE a.run = own.run AND a.number = own.number
            """,
            [
                worker, ControlText.array(leases.map(\.key.run.description)), ControlText.array(leases.map(\.key.number)),
                ControlText.array(leases.map(\.attempt)),
            ]
        )
    }

    static func signOff(_ worker: String) -> PipelineStatement {
        PipelineStatement(
            "DELETE FROM convoy_control.workers WHERE id = $1 OR seen_at < clock_timestamp() - interval '1 day'",
            [worker]
        )
    }

    static func plan(of run: String) -> PipelineStatement {
        PipelineStatement("SELECT convert_from(plan, 'UTF8') AS plan FROM convoy_control.runs WHERE id = $1", [run])
    }

    static func counts(of fleet: String) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT count(*) FILTER (WHERE a.state = 'waiting') AS waiting, count(*) FILTER (WHERE a.state = 'claimed') AS claimed
            FROM convoy_control.runs AS r JOIN convoy_control.assignments AS a ON a.run = r.id AND a.state IN ('waiting', 'claimed')
            WHERE r.fleet = $1 AND r.status IS NULL AND r.for_workers
            """,
            [fleet]
        )
    }
}
