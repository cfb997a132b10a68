import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Finding out what holds after a connection was lost.
extension InstanceChange {
    /// Reconnects, makes sure that the old server processes are gone, reads what they left, and takes the advisory lock again. An old process may still
    /// be working through the window, so the ledger means nothing while it lives.
    ///
    /// - Throws: `unknown` where the database cannot be reached again, `interrupted` where the loss came from cancelling, `failed` where the same
    ///   migration has cost the connection before.
    func recover(from error: PostgresError, during migration: Migration) async throws(Failure) {
        let (late, isWaitingForStandby) = (unconfirmed, sightings.isWaitingForStandby)
        unconfirmed = nil
        var refusals = 0
        var orphans = [facts?.identity, keeper].compactMap(\.self)
        let administrator = admin?.identity
        lost += orphans.map { LostSession(identity: $0, isAdministrators: false) }
        lost += [administrator].compactMap(\.self).map { LostSession(identity: $0, isAdministrators: true) }
        connection?.close()
        admin?.connection.close()
        connection = nil
        admin = nil
        lockIsLost()
        let isInterrupted = error.code == .cancelled || Task.isCancelled
        if !isInterrupted { report(.instanceWaiting(instance: instance.name, reason: "\(error.message); connecting again")) }

        // An operator who cancels does not want to wait for a server that is gone; the next run finds out by itself.
        let wait = isInterrupted ? min(runner.timing.reconnectWait, runner.timing.interruptedReconnectWait) : runner.timing.reconnectWait
        let deadline = ContinuousClock.now + wait
        let probe = InstanceProbe(instance: instance, sessionName: sessionName(run: run), cancellation: .ignored)
        while true {
            do {
                let connection = try await probe.session()
                self.connection = connection
                try await checkThatItIsTheSame(connection)
                // A standby that was promoted may never have heard of the statement.
                if let before = standing?.timeline, await timeline(of: connection) != before { standing = nil }
                for orphan in orphans { try await end(orphan, by: connection, until: deadline) }
                if let administrator { try await end(administrator, by: adminSession(.ignored).connection, until: deadline) }
                // No process writes for this run any more: from here on its work is known, even if another migrator gets the lock.
                let reading = try await probe.read(connection)
                facts = reading.facts
                if let identity = reading.facts.identity { orphans.append(identity) }
                ledgerVersions = Set(reading.contents?.applied ?? [])
                // A server that crashed may have lost a commit that it had confirmed, where synchronous_commit is off.
                applied.removeAll { ledgerVersions.contains($0.version) != (change.direction == .up) }
                try await noteCommitsFound(reading, connection)
                if !isInterrupted { try await acquireLock(.ignored) }
                connection.cancellation = .observed
                admin?.connection.cancellation = .observed
                keeper = nil
                lost = []
                break
            } catch {
                connection?.close()
                if error.kind == .lockBusy { throw error }
                // A server that answers and refuses will not change its mind.
                if error.kind != .unreachable { refusals += 1 }
                guard ContinuousClock.now < deadline, refusals < 5, isInterrupted || !Task.isCancelled else {
                    throw Failure(
                        .unknown,
                        "the connection was lost in migration \(migration.version) or just after it, and "
                            + (refusals < 5
                                ? "the database could not be reached again within \(wait): " : "what holds could not be found out: ")
                            + error.message,
                        version: migration.version,
                        file: migration.file,
                        sqlstate: error.sqlstate,
                        hint:
                            "no migration is half applied, because each is one transaction; run the command again when the database is back"
                    )
                }
            }
            await pause(for: .milliseconds(Int.random(in: 200...500)), cancellation: .ignored)
        }
        if isInterrupted {
            let isThere = ledgerVersions.contains(migration.version) == (change.direction == .up)
            let message =
                isThere
                ? "interrupted while migration \(migration.version) was committed: it stands"
                : "interrupted in migration \(migration.version)"
            throw Failure(.interrupted, message, version: migration.version, file: migration.file)
        }
        if let late { try judge(late, isWaitingForStandby: isWaitingForStandby) }
        // What floods us once would do so again.
        let isFlood = error.code == .overBudget
        guard countLoss() < (isFlood ? 1 : 2) || ledgerVersions.contains(migration.version) == (change.direction == .up) else {
            throw Failure(
                .failed,
                isFlood ? error.message : "the connection was lost twice in this migration: \(error.message)",
                version: migration.version,
                file: migration.file,
                sqlstate: error.sqlstate,
                hint: isFlood ? Failure.floodHint : "check the server's log: did the statement crash its server process?"
            )
        }
    }

    /// What is to be said of a COMMIT that took longer than `commit_wait`, now that its session has been ended and the ledger read again.
    private func judge(_ version: MigrationVersion, isWaitingForStandby: Bool) throws(Failure) {
        let file = runner.set[version]?.file
        let wait = settings.commitWait
        guard ledgerVersions.contains(version) == (change.direction == .up) else {
            throw Failure(
                .failed,
                "the COMMIT of migration \(version) was not done within \(wait), and the migration was rolled back",
                version: version,
                file: file,
                hint: "check for a slow deferred trigger and for a slow or full disk, or raise commit_wait"
            )
        }
        guard isWaitingForStandby else { return }
        throw Failure(
            .unknown,
            "migration \(version) is committed on this server, but no synchronous standby confirmed it within \(wait): it would be lost with the server",
            version: version,
            file: file,
            hint: Self.standbyHint
        )
    }

    /// A standby, also one that is about to be promoted, does not know yet what was committed; nor does a server that only can be read where it
    /// could be written before, nor another cluster. They are not reached yet.
    private func checkThatItIsTheSame(_ connection: PostgresConnection) async throws(Failure) {
        let row: QueryResult.Row
        let problem: String?
        do {
            row = try await connection.query(
                """
                SELECT pg_catalog.pg_is_in_recovery() AS in_recovery,
                    pg_catalog.current_setting('default_transaction_read_only') = 'on' AS is_read_only,
                    (SELECT c.system_identifier FROM pg_catalog.pg_control_system() c)::text AS system
                """,
                timeout: InstanceProbe.silenceTimeout
            ).onlyRow()
            if try row.bool("in_recovery") {
                problem = "the server that answers is a standby"
            } else if facts?.isReadOnlyByDefault == false, try row.bool("is_read_only") {
                problem = "the server that answers is read-only"
            } else if let identity = facts?.identity, try row.text("system") != identity.systemIdentifier {
                problem = "the server that answers is another one than before"
            } else {
                problem = nil
            }
        } catch {
            throw Failure(error, doing: "connecting again", settings: settings)
        }
        if let problem { throw Failure(.unreachable, problem) }
    }

    /// Records what the old server process committed after the connection was lost. The audit log distinguishes our commits from the app's;
    /// without an audit log, every migration of the batch that is applied counts as ours.
    private func noteCommitsFound(_ reading: InstanceProbe.Reading, _ connection: PostgresConnection) async throws(Failure) {
        let isThere = change.direction == .up
        var candidates = window.filter { ledgerVersions.contains($0) == isThere }
        candidates.subtract(applied.map(\.version))
        guard !candidates.isEmpty else { return }
        var durations: [MigrationVersion: Duration] = [:]
        if writesAuditLog {
            do {
                let statement = PipelineStatement(
                    "SELECT version, duration_ms FROM convoy.migration_log WHERE run = $1 AND direction = $2 LIMIT \(Ledger.versionLimit)",
                    [run, change.direction.rawValue]
                )
                let opening = InstanceProbe(instance: instance).opening(on: connection) + reading.facts.settingRole(for: reading.ledger)
                let results = try await connection.transaction(opening + [statement, PipelineStatement("COMMIT")])
                for row in results[opening.count].rows {
                    durations[MigrationVersion(try row.int64("version"))] = Duration(
                        clampingMilliseconds: try row.int64("duration_ms")
                    )
                }
            } catch {
                throw Failure(error, doing: "reading the audit log", settings: settings)
            }
            candidates.formIntersection(durations.keys)
        }
        for version in candidates.sorted(by: { isThere ? $0 < $1 : $0 > $1 }) { committed(version, in: durations[version] ?? .zero) }
    }

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
