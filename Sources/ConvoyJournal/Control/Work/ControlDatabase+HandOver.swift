import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Who a run belongs to: the workers of its fleet, or one process.
extension ControlDatabase {
    /// Hands a recorded run over to the workers of its fleet: one that has not begun, one that has ended, or one that they have and no worker works on.
    ///
    /// - Parameters:
    ///   - key: unique for each time that an operator asks for it. The same may be sent twice, because the answer to COMMIT was lost, and the workers may
    ///     have resumed the run, and operators asked something of them, in between: what was handed over with the same key stays as it is.
    ///   - person: who resumes it; nil for a run that has not begun.
    ///   - event: the last one that the caller knows.
    ///   - start: what must still hold, in the same transaction: the lock under which the run was checked; nil asks for none.
    ///   - token: that of the run's own lock, which must still hold too; nil for a run that no process has carried out.
    /// - Throws: ``ControlError/refused(_:)`` if a worker has a lease of it that is still valid; with the reason `overtaken` if it has got further than the
    ///   caller knows.
    package func handOver(
        _ run: RunID,
        key: String,
        fleetChecksum: String,
        resumedBy person: String?,
        after event: Int64,
        under start: (any RunLock)? = nil,
        holding token: String? = nil
    ) async throws(ControlError) {
        let id = run.description.storable
        _ = try await transaction(isRepeatable: true) { transaction throws(ControlError) in
            // Before the locks are asked for: they may be over since.
            let done = try await transaction.query("SELECT FROM convoy_control.runs WHERE id = $1 AND hand_over = $2", [id, key])
            guard done.rows.isEmpty else { return }
            if let start { try await transaction.check(start, self) }
            if let token { try await transaction.check(run, token, self) }
            guard try await transaction.takeFromWorkers(run, after: event, in: self.place) else {
                throw .refused(.overtaken(self.place, "run \(run) was continued meanwhile"))
            }
            // What was asked of an earlier process of the run is not asked again.
            let handedOver = try await transaction.query(
                """
                UPDATE convoy_control.runs SET for_workers = true, fleet_checksum = $2, resumed_by = CASE WHEN last_event > 0 THEN $3 END,
                    status = NULL, finished_at = NULL, worker_version = $4, hand_over = $5,
                    served_request = CASE WHEN $3 IS NULL THEN served_request ELSE last_request END
                WHERE id = $1 AND abandoned_by IS NULL RETURNING id
                """,
                [id, fleetChecksum, person, Convoy.version, key]
            )
            if handedOver.rows.isEmpty { throw .refused(.overtaken(self.place, "run \(run) was abandoned meanwhile")) }
            let news = ControlNews(run).statement
            transaction.add(news.sql, news.parameters)
        }
    }
}

extension ControlTransaction {
    /// Locks a run, and withdraws its open assignments: what a worker still does of it counts no more.
    ///
    /// - Parameters:
    ///   - event: the last one that the caller knows; nil is all.
    ///   - place: the control database, for messages.
    /// - Returns: false if the run has got further than that; nothing is withdrawn then.
    /// - Throws: ``ControlError/refused(_:)`` for a run that is not there, and with the reason `held` if a worker has a lease of it that is still valid.
    func takeFromWorkers(_ run: RunID, after event: Int64? = nil, in place: String) async throws(ControlError) -> Bool {
        let id = run.description.storable
        let results = try await self.run([
            PipelineStatement(
                "SELECT status IS NULL AND for_workers AS is_theirs, last_event FROM convoy_control.runs WHERE id = $1 FOR UPDATE",
                [id]
            ),
            DecisionStatements.lockOfOpenAssignments(id),
        ])
        guard results.count == 2, let row = results[0].rows.first else { throw .refused(.unknownRun(place, run)) }
        let (isTheirs, lastEvent) = try ControlError.reading { () throws(PostgresError) in
            (try row.bool("is_theirs"), try row.int64("last_event"))
        }
        if let event, lastEvent > event { return false }
        let holder = results[1].rows.first { $0.value("is_valid") == "t" }
        if isTheirs, let holder {
            throw .refused(.workedOn(place, run, by: ControlLease.shown(holder.value("worker"))))
        }
        add(
            """
            UPDATE convoy_control.assignments SET state = 'withdrawn', ended_at = clock_timestamp()
            WHERE run = $1 AND state IN ('waiting', 'claimed')
            """,
            [id]
        )
        // Why workers did not take it says nothing of what it is now.
        add("DELETE FROM convoy_control.refusals WHERE run = $1", [id])
        return true
    }
}
