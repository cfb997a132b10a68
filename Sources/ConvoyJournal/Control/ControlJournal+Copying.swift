import ConvoyPostgres
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// What became of a run that was to be copied.
package struct CopiedRun: Sendable, Hashable {
    /// How a run got into the database, or why it did not.
    package enum Result: Sendable, Hashable {
        case copied
        /// It was there already, with as many events and requests.
        case present
        /// It was there already, with other events or requests.
        case different
    }

    package var result: Result
    /// How many events the source has of it.
    package var events: Int
    /// How many requests the source has of it.
    package var requests: Int
}

extension ControlJournal {
    /// How many events one statement writes.
    private static let copiedAtOnce = 1000

    /// Copies a run with its plan, events and requests, as one transaction: after a kill it is there whole or not at all. The numbers of events and
    /// requests begin at 1; damaged events stay damaged.
    ///
    /// - Parameter source: where no process works on the run.
    /// - Throws: ``JournalError`` of either of the two, and where the database counts something else than the source at the end.
    package func copy(_ run: RunRecord, from source: any RunStore) async throws(JournalError) -> CopiedRun {
        let plan = try await source.plan(of: run.id) ?? Data()
        let requests = try await source.requests(of: run.id, after: 0)
        let id = run.id.description.storable
        let path = path
        return try await writing { transaction throws(ControlError) in
            // The order over all runs is that in which they happened, not that in which they are copied.
            let insertion = try await transaction.run([
                PipelineStatement(
                    Self.insertion(recordedAt: "$12::timestamptz"),
                    Self.parameters(of: run, plan: plan)
                )
            ])
            if insertion.first?.commandTag != "INSERT 0 1" {
                let events = try await Self.countEvents(of: run.id, in: source)
                let there = try await Self.counts(id, transaction)
                let isSame = there == (Int64(clamping: events), Int64(clamping: requests.count))
                return CopiedRun(result: isSame ? .present : .different, events: events, requests: requests.count)
            }
            var last: Int64 = 0
            var count = 0
            var at = run.startedAt.rfc3339
            while true {
                let page = try await Self.page(of: run.id, after: last, in: source)
                var rows: [EventRow] = []
                for recorded in page {
                    rows.append(EventRow(recorded, at: at))
                    at = rows.last?.at ?? at
                }
                if !rows.isEmpty { try await transaction.run([Self.copying(rows, of: id, after: count)]).first.map { _ in } }
                count += rows.count
                last = page.last?.number ?? last
                guard page.count == Self.copiedAtOnce else { break }
            }
            for (index, request) in requests.enumerated() {
                transaction.add(
                    """
                    INSERT INTO convoy_control.requests (run, number, key, kind, argument, requested_by, at, recorded_at)
                    VALUES ($1, $2::bigint, $3, $4, $5, $6, $7::timestamptz, $7::timestamptz)
                    """,
                    [
                        id, "\(index + 1)", "copy \(index + 1) of \(id)", request.kind.columns.kind,
                        request.kind.columns.argument?.storable,
                        request.by.storable, request.at.rfc3339,
                    ]
                )
            }
            transaction.add(
                """
                UPDATE convoy_control.runs SET last_event = $2::bigint, last_request = $3::bigint, turn = 1, status = $4,
                    finished_at = $5::timestamptz, abandoned_by = $6 WHERE id = $1
                """,
                [id, "\(count)", "\(requests.count)", run.status?.rawValue, run.finishedAt?.rfc3339, run.abandonedBy?.storable]
            )
            let there = try await Self.counts(id, transaction)
            guard there == (Int64(clamping: count), Int64(clamping: requests.count)) else {
                throw .refused(
                    JournalError(
                        path: path,
                        message: "the copy of run \(run.id) is not complete: \(there.events) of \(counted(count, "event")), "
                            + "\(there.requests) of \(counted(requests.count, "request"))",
                        hint: "nothing of the run was kept; check whether the tables have triggers"
                    )
                )
            }
            return CopiedRun(result: .copied, events: count, requests: requests.count)
        }
    }

    private static func copying(_ rows: [EventRow], of id: String, after count: Int) -> PipelineStatement {
        PipelineStatement(
            """
            INSERT INTO convoy_control.events (\(EventColumns.names), recorded_at)
            SELECT $1, $2::bigint + ordinality, 1, \(EventColumns.values), at FROM \(EventColumns.table(from: 3))
            """,
            [id, "\(count)"] + EventColumns.parameters(rows)
        )
    }

    private static func page(of run: RunID, after last: Int64, in source: any RunStore) async throws(ControlError) -> [RecordedEvent] {
        do throws(JournalError) {
            return try await source.events(of: run, after: last, limit: copiedAtOnce)
        } catch {
            throw .refused(error)
        }
    }

    private static func countEvents(of run: RunID, in source: any RunStore) async throws(ControlError) -> Int {
        var count = 0
        var last: Int64 = 0
        while true {
            let page = try await page(of: run, after: last, in: source)
            count += page.count
            last = page.last?.number ?? last
            guard page.count == copiedAtOnce else { return count }
        }
    }

    private static func counts(
        _ id: String,
        _ transaction: ControlTransaction
    ) async throws(ControlError) -> (events: Int64, requests: Int64) {
        let row = try await transaction.query(
            """
            SELECT (SELECT count(*) FROM convoy_control.events WHERE run = $1) AS events,
                (SELECT count(*) FROM convoy_control.requests WHERE run = $1) AS requests
            """,
            [id]
        ).rows.first
        return (row?.number("events") ?? -1, row?.number("requests") ?? -1)
    }
}

extension EventRow {
    /// An event of another store, its text as it stands there.
    ///
    /// - Parameter at: the time for an event that cannot be read: that of the one before it.
    fileprivate init(_ recorded: RecordedEvent, at: String) {
        if let event = recorded.event {
            self.init(event)
            json = recorded.json
        } else {
            self.init(at: at, type: recorded.type, json: recorded.json)
        }
    }
}
