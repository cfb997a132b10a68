import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Finding out what holds after a connection was lost.
extension InstanceChange {
    /// Reconnects, makes sure that the old server processes are gone, reads what they left, and takes the advisory lock again. An old process may still
    /// be working through the batch, so the ledger means nothing while it lives.
    ///
    /// - Throws: `unknown` where the database cannot be reached again, `interrupted` where the loss came from cancelling, `failed` where the same
    ///   migration has cost the connection before.
    func recover(from error: PostgresError, during migration: Migration) async throws(Failure) {
        let (late, isWaitingForStandby) = (log.lostConnection(), sightings.isWaitingForStandby)
        let isInterrupted = try await reconnect(after: error) { reason in
            Failure(
                .unknown,
                "the connection was lost in migration \(migration.version) or just after it, and \(reason)",
                version: migration.version,
                file: migration.file,
                hint: migration.section(change.direction)?.isTransactional == false
                    ? "this migration runs outside a transaction: its statement may have run without its row in the ledger; "
                        + "run the command again when the database is back"
                    : "no migration is half applied, because each is one transaction; run the command again when the database is back"
            )
        }
        if isInterrupted {
            let message =
                log.isDone(migration.version)
                ? "interrupted while migration \(migration.version) was committed: it stands"
                : "interrupted in migration \(migration.version)"
            throw Failure(.interrupted, message, version: migration.version, file: migration.file)
        }
        if let late { try judge(late, isWaitingForStandby: isWaitingForStandby) }
        // A migration that loses the connection twice is the cause; what floods us once would do so again.
        let isFlood = error.code == .overBudget
        guard log.reconnected() < (isFlood ? 1 : 2) || log.isDone(migration.version) else {
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

    /// Opens the connection again, makes sure that the old server processes are gone, reads what they left, and takes the advisory lock again, unless
    /// the operator has cancelled.
    ///
    /// - Parameter unknown: the failure where the database cannot be reached again, from the reason.
    /// - Returns: whether the loss came from cancelling.
    func reconnect(after error: PostgresError, unknown: (_ reason: String) -> Failure) async throws(Failure) -> Bool {
        var refusals = 0
        var orphans = [facts?.identity, keeper].compactMap(\.self)
        let administrator = admin?.identity
        lost += orphans.map { LostSession(identity: $0, isAdministrators: false) }
        lost += [administrator].compactMap(\.self).map { LostSession(identity: $0, isAdministrators: true) }
        session.disconnect()
        admin?.connection.close()
        admin = nil
        let isInterrupted = error.code == .cancelled || Task.isCancelled
        if !isInterrupted { report(.instanceWaiting(instance: instance.name, reason: "\(error.message); connecting again")) }

        // An operator who cancels does not want to wait for a server that is gone; the next run finds out by itself.
        let wait = isInterrupted ? min(runner.timing.reconnectWait, runner.timing.interruptedReconnectWait) : runner.timing.reconnectWait
        let deadline = ContinuousClock.now + wait
        let probe = InstanceProbe(instance: instance, sessionName: sessionName(run: run), cancellation: .ignored)
        while true {
            do {
                let connection = try await probe.session()
                session.connected(connection)
                try await checkThatItIsTheSame(connection)
                if log.standing != nil {
                    let timeline = await timeline(of: connection)
                    log.reachedServer(on: timeline)
                }
                for orphan in orphans { try await end(orphan, by: connection, until: deadline) }
                if let administrator { try await end(administrator, by: adminSession(.ignored).connection, until: deadline) }
                // No process writes for this run any more: from here on its work is known, even if another migrator gets the lock.
                let reading = try await probe.read(connection)
                session.catalogueRead(reading)
                if let identity = reading.facts.identity { orphans.append(identity) }
                log.ledgerReadAfterLoss(reading.contents?.applied ?? [])
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
                    var failure = unknown(
                        (refusals < 5 ? "the database could not be reached again within \(wait): " : "what holds could not be found out: ")
                            + error.message
                    )
                    failure.sqlstate = error.sqlstate
                    throw failure
                }
            }
            await pause(for: .milliseconds(Int.random(in: 200...500)), cancellation: .ignored)
        }
        return isInterrupted
    }

    /// What is to be said of a COMMIT that took longer than `commit_wait`, now that its session has been ended and the ledger read again.
    private func judge(_ version: MigrationVersion, isWaitingForStandby: Bool) throws(Failure) {
        let file = runner.set[version]?.file
        let wait = settings.commitWait
        guard log.isDone(version) else {
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

    /// Records what the old server process committed after the connection was lost. The audit log distinguishes our commits from the app's.
    private func noteCommitsFound(_ reading: InstanceProbe.Reading, _ connection: PostgresConnection) async throws(Failure) {
        guard !log.unheardCommits.isEmpty else { return }
        var audited: [MigrationVersion: Duration]?
        if writesAuditLog {
            do {
                var durations: [MigrationVersion: Duration] = [:]
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
                audited = durations
            } catch {
                throw Failure(error, doing: "reading the audit log", settings: settings)
            }
        }
        log.foundCommitted(audited: audited, at: .now).forEach(show)
    }
}
