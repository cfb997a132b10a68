import ConvoyPostgres
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// The statements of a decision. Names are looked up in `pg_catalog` alone, as in every transaction with a control database.
enum DecisionStatements {
    /// The most events that are read while the run is locked.
    static let mostEvents = 2000
    private static let mostRequests = 100

    static func events(of run: RunID, after event: Int64, limit: Int) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT number, turn, type, json FROM convoy_control.events WHERE run = $1 AND number > $2::bigint
            ORDER BY number LIMIT $3::bigint
            """,
            [run.description, "\(event)", "\(limit)"]
        )
    }

    /// Locks the run, then reads: each statement sees what was committed before the lock was there.
    static func opening(_ run: RunID, by worker: String, after event: Int64, reporting reports: [Int64: Int64]) -> [PipelineStatement] {
        let reports = reports.sorted { $0.key < $1.key }
        return [
            PipelineStatement(
                """
                SELECT status IS NULL AND for_workers AS is_open, turn, last_event, served_request, last_assignment, resumed_by, hand_over
                FROM convoy_control.runs WHERE id = $1 FOR UPDATE
                """,
                [run.description]
            ),
            PipelineStatement("SELECT last_decision FROM convoy_control.workers WHERE id = $1", [worker]),
            events(of: run, after: event, limit: mostEvents),
            PipelineStatement(
                """
                SELECT q.number, q.kind, q.argument, q.requested_by FROM convoy_control.requests AS q
                WHERE q.run = $1 AND q.number > (SELECT r.served_request FROM convoy_control.runs AS r WHERE r.id = $1)
                ORDER BY q.number LIMIT \(mostRequests)
                """,
                [run.description]
            ),
            PipelineStatement(
                """
                SELECT a.number FROM convoy_control.assignments AS a
                JOIN unnest($3::bigint[], $4::bigint[]) AS reported (number, attempt)
                    ON a.number = reported.number AND a.attempt = reported.attempt
                WHERE a.run = $1 AND a.worker = $2 AND a.state = 'claimed'
                ORDER BY a.run, a.number FOR UPDATE OF a
                """,
                [run.description, worker, ControlText.array(reports.map(\.key)), ControlText.array(reports.map(\.value))]
            ),
        ]
    }

    static func writing(
        _ decision: RunDecision,
        _ committed: CommittedDecision,
        _ run: RunID,
        by worker: String,
        count: Int64,
        lease: Duration
    ) -> [PipelineStatement] {
        let news = ControlNews(run, from: worker, isWork: !decision.isMoreThanWork)
        let run = run.description
        var statements: [PipelineStatement] = []
        if !decision.done.isEmpty {
            statements.append(
                PipelineStatement(
                    """
                    UPDATE convoy_control.assignments SET state = 'done', ended_at = clock_timestamp()
                    WHERE run = $1 AND number = ANY ($2::bigint[])
                    """,
                    [run, ControlText.array(decision.done.sorted())]
                )
            )
        }
        if !decision.withdrawals.isEmpty || decision.cancelsAll || !decision.approvals.isEmpty {
            statements.append(lockOfOpenAssignments(run))
        }
        if !decision.withdrawals.isEmpty { statements.append(withdrawal(of: decision.withdrawals, run)) }
        if decision.cancelsAll {
            statements.append(
                PipelineStatement(
                    "UPDATE convoy_control.assignments SET is_cancelled = true WHERE run = $1 AND state IN ('waiting', 'claimed')",
                    [run]
                )
            )
        }
        if !decision.beginnings.isEmpty { statements.append(beginning(decision, committed, run, by: worker, lease)) }
        // Behind it: a gate may begin with an approval.
        if !decision.approvals.isEmpty { statements.append(approval(decision, run)) }
        let end = decision.events.lazy.compactMap(RunEnd.init).last
        statements += [
            PipelineStatement(
                """
                UPDATE convoy_control.runs SET turn = $2::bigint, last_event = $3::bigint, served_request = greatest(served_request, $4::bigint),
                    last_assignment = last_assignment + $5::bigint, resumed_by = CASE WHEN $6 = 'reopened' THEN NULL ELSE resumed_by END,
                    status = CASE $6 WHEN '' THEN status WHEN 'reopened' THEN NULL ELSE $6 END,
                    finished_at = CASE $6 WHEN '' THEN finished_at WHEN 'reopened' THEN NULL ELSE $7::timestamptz END
                WHERE id = $1
                """,
                [
                    run, "\(committed.turn)", "\(committed.lastEvent)", "\(decision.servedRequest)", "\(decision.beginnings.count)",
                    end?.word ?? "", end?.at,
                ]
            ),
            PipelineStatement("UPDATE convoy_control.workers SET last_decision = $2::bigint WHERE id = $1", [worker, "\(count)"]),
        ]
        if decision.isNews { statements.append(news.statement) }
        return statements
    }

    /// In the order in which a worker that gives several back locks them.
    static func lockOfOpenAssignments(_ run: String) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT worker, state = 'claimed' AND lease_until > clock_timestamp() AS is_valid FROM convoy_control.assignments
            WHERE run = $1 AND state IN ('waiting', 'claimed') ORDER BY run, number FOR UPDATE
            """,
            [run]
        )
    }

    private static func withdrawal(of withdrawals: [RunDecision.Withdrawal], _ run: String) -> PipelineStatement {
        PipelineStatement(
            """
            UPDATE convoy_control.assignments AS a SET state = 'withdrawn', ended_at = clock_timestamp()
            FROM unnest($2::text[], $3::text[]) AS w (kind, subject)
            WHERE a.run = $1 AND a.kind = w.kind AND a.subject = w.subject AND a.state IN ('waiting', 'claimed')
            """,
            [run, ControlText.array(withdrawals.map(\.kind)), ControlText.array(withdrawals.map(\.subject))]
        )
    }

    private static func approval(_ decision: RunDecision, _ run: String) -> PipelineStatement {
        PipelineStatement(
            """
            UPDATE convoy_control.assignments AS a SET approved_by = p.person
            FROM unnest($3::text[], $4::text[]) AS p (wave, person)
            WHERE a.run = $1 AND a.kind = $2 AND a.subject = p.wave AND a.state IN ('waiting', 'claimed')
            """,
            [
                run, decision.gateKind, ControlText.array(decision.approvals.map(\.wave)),
                ControlText.array(decision.approvals.map(\.by)),
            ]
        )
    }

    private static func beginning(
        _ decision: RunDecision,
        _ committed: CommittedDecision,
        _ run: String,
        by worker: String,
        _ lease: Duration
    ) -> PipelineStatement {
        let beginnings = decision.beginnings
        return PipelineStatement(
            """
            INSERT INTO convoy_control.assignments (run, number, kind, subject, wave, server, state, worker, attempt, lease_until)
            SELECT $1, b.number, b.kind, b.subject, b.wave, b.server,
                CASE WHEN b.is_claimed THEN 'claimed' ELSE 'waiting' END, CASE WHEN b.is_claimed THEN $2 END,
                CASE WHEN b.is_claimed THEN 1 ELSE 0 END, CASE WHEN b.is_claimed THEN clock_timestamp() + $3::interval END
            FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[])
                AS b (number, kind, subject, wave, server, is_claimed)
            """,
            [
                run, worker, "\(lease.milliseconds) milliseconds", ControlText.array(committed.numbers),
                ControlText.array(beginnings.map(\.kind)),
                ControlText.array(beginnings.map(\.subject)),
                ControlText.array(beginnings.map(\.wave)),
                ControlText.array(beginnings.map(\.server)),
                ControlText.array(beginnings.map { $0.isClaimed ? "t" : "f" } as [String?]),
            ]
        )
    }

    /// What an event makes of the run's row.
    private struct RunEnd {
        var word: String
        var at: String

        init?(_ event: Event) {
            switch event.kind {
            case .runFinished(let status): word = status.rawValue
            case .runResumed: word = "reopened"
            default: return nil
            }
            at = event.at.rfc3339
        }
    }
}
