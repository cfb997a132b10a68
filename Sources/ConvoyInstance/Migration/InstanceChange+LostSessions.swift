import ConvoyFleet
import ConvoyIO
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Ending sessions of this run that live on in the server: their work is not over until they are gone.
extension InstanceChange {
    /// Ends the sessions that an earlier change of this run has lost: they may still commit, and one of them may hold the advisory lock.
    func endLostSessions(by connection: PostgresConnection) async throws(Failure) {
        let deadline = ContinuousClock.now + runner.timing.reconnectWait
        do {
            // A session that a setting gives another role, or other operators, could not end what it began itself.
            let preparation = InstanceProbe.sessionSettings(serverVersion: connection.serverVersion)
            for result in try await connection.pipeline(preparation, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
        } catch {
            throw Failure(error, doing: "preparing the session", settings: settings)
        }
        for session in lost {
            let connection = session.isAdministrators ? try await adminSession().connection : connection
            try await end(session.identity, by: connection, until: deadline)
        }
        lost = []
    }

    /// Terminates a server process of ours, if it is still there and is really ours, and waits until it is gone.
    ///
    /// - Parameter connection: a session with Convoy's own settings.
    func end(_ identity: SessionIdentity, by connection: PostgresConnection, until deadline: ContinuousClock.Instant)
        async throws(Failure)
    {
        // Where the start of a session may not be read, by a role that is not the one that logged in, its names must do.
        let query = PipelineStatement(
            """
            SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
            WHERE a.pid = $1::integer AND a.pid <> pg_catalog.pg_backend_pid() AND (
                a.backend_start = nullif($2, '')::timestamptz
                OR (a.backend_start IS NULL OR $2 = '') AND a.application_name = $3 AND a.datname = pg_catalog.current_database()
                    AND a.usename = session_user)
            """,
            [String(identity.backendPID), identity.backendStart, sessionName(run: run)]
        )
        do {
            let present = try await SessionIdentity(of: connection)
            guard present.systemIdentifier == identity.systemIdentifier else { return }
            while true {
                if try await connection.query(query, timeout: InstanceProbe.silenceTimeout).rows.isEmpty { return }
                guard ContinuousClock.now < deadline else {
                    throw Failure(.unknown, "the old server process \(identity.backendPID) does not end")
                }
                await pause(for: .milliseconds(50), cancellation: .ignored)
            }
        } catch let error as PostgresError {
            throw Failure(error, doing: "ending the old server process", settings: settings)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.failed, "ending the old server process: \(error)")
        }
    }

    /// Ends what an answer that did not come has left on the server, so that it does not hold the advisory lock.
    func endLeftovers() async {
        let deadline = ContinuousClock.now + runner.timing.interruptedReconnectWait
        let probe = InstanceProbe(instance: instance, sessionName: sessionName(run: run), cancellation: .ignored)
        guard let identity = facts?.identity, let session = try? await probe.session() else { return }
        defer { session.close() }
        try? await end(identity, by: session, until: deadline)
    }

    /// Ends the sessions that an earlier process of this run has left behind: killed, it could not say goodbye, and its last transaction may hold locks
    /// or still commit. The run's own process is never older than its sessions. Makes the connection's settings Convoy's own first: until then, names
    /// and operators mean what the database's owner has set for everyone.
    func endSessionsOfAnEarlierProcess(_ connection: PostgresConnection) async throws(Failure) {
        let preparation = InstanceProbe.sessionSettings(serverVersion: connection.serverVersion)
        let found = try await endEarlierSessions(by: connection, after: preparation)
        // The administrator's are the administrator's to end.
        guard found.contains(false), instance.admin != nil else { return }
        _ = try await endEarlierSessions(by: adminSession().connection)
    }

    /// - Returns: for each session that was found first, whether its role is the one that asks.
    private func endEarlierSessions(
        by connection: PostgresConnection,
        after preparation: [PipelineStatement] = []
    ) async throws(Failure) -> [Bool] {
        let deadline = ContinuousClock.now + max(settings.lockWait, .seconds(1))
        var preparation = preparation
        var found: [Bool]?
        while true {
            let ours: [Bool]
            do {
                let results = try await connection.pipeline(preparation + [earlierSessions], timeout: InstanceProbe.silenceTimeout)
                for result in results { _ = try result.get() }
                preparation = []
                let rows = try results[results.count - 1].get().rows
                ours = try rows.map { row throws(PostgresError) in try row.bool("is_ours") }
            } catch {
                throw Failure(error, doing: "ending the sessions of an earlier process", settings: settings)
            }
            if found == nil, ours.contains(true) {
                report(
                    .instanceWaiting(
                        instance: instance.name,
                        reason: "an earlier process of this run has left sessions here: they are ended"
                    )
                )
            }
            found = found ?? ours
            guard ours.contains(true), ContinuousClock.now < deadline, !Task.isCancelled else { return found ?? [] }
            await pause(for: .milliseconds(50), cancellation: .observed)
        }
    }

    private var earlierSessions: PipelineStatement {
        // Measured in the time that has passed here, because clocks differ.
        let age = ContinuousClock.now - runner.created + .milliseconds(250)
        return PipelineStatement(
            """
            SELECT s.is_ours, CASE WHEN s.is_ours THEN pg_catalog.pg_terminate_backend(s.pid) END AS ended
            FROM (
                SELECT a.pid, a.usename = session_user AS is_ours FROM pg_catalog.pg_stat_activity a
                WHERE a.datname = pg_catalog.current_database() AND a.application_name = $1 AND a.pid <> pg_catalog.pg_backend_pid()
                    AND coalesce(a.backend_start < pg_catalog.clock_timestamp() - $2::interval, a.usename <> session_user)
            ) s
            """,
            [sessionName(run: run), "\(age.milliseconds) milliseconds"]
        )
    }
}
