import ConvoyPostgres
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// The statements of a decision: two calls of functions that come with the tables, `open_decision` and `write_decision`. Names are looked up in
/// `pg_catalog` alone, as in every transaction with a control database.
enum DecisionStatements {
    /// The most events that are read while the run is locked.
    static let mostEvents = 2000
    private static let mostRequests = 100

    /// That event, if it is there, and those after it.
    static func events(of run: RunID, from event: Int64, limit: Int) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT number, turn, type AS kind, json AS content FROM convoy_control.events WHERE run = $1 AND number >= $2::bigint
            ORDER BY number LIMIT $3::bigint
            """,
            [run.description, "\(event)", "\(limit)"]
        )
    }

    /// Locks the run, then reads: what was committed before the lock was there.
    ///
    /// - Parameter limit: how long the transaction may wait for its next statement.
    static func opening(
        _ run: RunID,
        by worker: String,
        after event: Int64,
        reporting reports: [Int64: Int64],
        limit: Duration
    ) -> PipelineStatement {
        let reports = reports.sorted { $0.key < $1.key }
        return PipelineStatement(
            "SELECT * FROM convoy_control.open_decision($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                run.description, worker, "\(event)", "\(mostEvents)", "\(mostRequests)", ControlText.array(reports.map(\.key)),
                ControlText.array(reports.map(\.value)), "\(limit.milliseconds)",
            ]
        )
    }

    /// - Parameter locked: as it was when the decision was made.
    static func writing(
        _ decision: RunDecision,
        on locked: LockedRun,
        _ committed: CommittedDecision,
        _ run: RunID,
        by worker: String,
        count: Int64,
        lease: Duration
    ) -> PipelineStatement {
        let end = decision.events.lazy.compactMap(RunEnd.init).last
        let beginnings = decision.beginnings
        let news = decision.isNews ? ControlNews(run, from: worker, isWork: !decision.isMoreThanWork).payload : nil
        let standing: [String?] = [
            run.description, worker, "\(count)", "\(locked.lastEvent)", "\(committed.turn)", "\(locked.lastAssignment)",
            "\(decision.servedRequest)", end?.word ?? "", end?.at,
        ]
        let changes: [String?] = [
            ControlText.array(decision.done.sorted()), ControlText.array(decision.withdrawals.map(\.kind)),
            ControlText.array(decision.withdrawals.map(\.subject)), decision.cancelsAll ? "true" : "false", decision.gateKind,
            ControlText.array(decision.approvals.map(\.wave)), ControlText.array(decision.approvals.map(\.by)),
        ]
        let work: [String?] = [
            "\(lease.milliseconds) milliseconds", ControlText.array(beginnings.map(\.kind)), ControlText.array(beginnings.map(\.subject)),
            ControlText.array(beginnings.map(\.wave)), ControlText.array(beginnings.map(\.server)),
            ControlText.array(beginnings.map { $0.isClaimed ? "t" : "f" } as [String?]),
        ]
        let parameters = standing + changes + work + [news]
        return PipelineStatement(writingCall, parameters + EventColumns.parameters(decision.events.map(EventRow.init)))
    }

    /// How many parameters of `write_decision` come before the columns of its events.
    private static let ownParameters = 23

    static let writingCall: String = {
        let parameters = (1...ownParameters + EventColumns.count).map { "$\($0)" }.joined(separator: ", ")
        return "SELECT convoy_control.write_decision(\(parameters))"
    }()

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
