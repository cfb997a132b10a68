import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres

/// Finding out what holds after a connection was lost.
extension InstanceChange {
    /// Reconnects, makes sure that the old server processes are gone, reads what they left, and takes the advisory lock again. An old process may still
    /// be working through the window, so the ledger means nothing while it lives.
    ///
    /// - Throws: `unknown` where the database cannot be reached again, `interrupted` where the loss came from cancelling, `failed` where the same
    ///   migration has cost the connection before.
    func recover(from error: PostgresError, during migration: Migration) async throws(Failure) {
        var orphans = [facts?.identity, keeper].compactMap(\.self)
        let administrator = admin?.identity
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
                for orphan in orphans { try await end(orphan, by: connection, until: deadline) }
                if let administrator { try await end(administrator, by: adminSession(.ignored).connection, until: deadline) }
                // Nobody writes in our name any more: what we did is known from here on, whoever gets the lock.
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
                break
            } catch {
                connection?.close()
                if error.kind == .lockBusy { throw error }
                guard ContinuousClock.now < deadline, isInterrupted || !Task.isCancelled else {
                    throw Failure(
                        .unknown,
                        "the connection was lost in migration \(migration.version) or just after it, and the database could not be reached "
                            + "again within \(wait): \(error.message)",
                        version: migration.version,
                        file: migration.file,
                        sqlstate: error.sqlstate,
                        hint: "nothing is half done: each migration is one transaction; run migrate again when the database is back"
                    )
                }
            }
            await pause(for: .milliseconds(Int.random(in: 200...500)), cancellation: .ignored)
        }
        if isInterrupted {
            throw Failure(.interrupted, "interrupted in migration \(migration.version)", version: migration.version, file: migration.file)
        }
        // What floods us once would do so again.
        let isFlood = error.code == .overBudget
        guard countLoss() < (isFlood ? 1 : 2) || ledgerVersions.contains(migration.version) == (change.direction == .up) else {
            throw Failure(
                .failed,
                isFlood ? error.message : "the connection was lost twice in this migration: \(error.message)",
                version: migration.version,
                file: migration.file,
                sqlstate: error.sqlstate,
                hint: isFlood ? Failure.floodHint : "look into the server's log: did the statement end its process?"
            )
        }
    }

    /// Notes what the old server process committed after we stopped hearing from it. The audit log tells our own commits from the app's; without it,
    /// what was in the window counts.
    private func noteCommitsFound(_ reading: InstanceProbe.Reading, _ connection: PostgresConnection) async throws(Failure) {
        let isThere = change.direction == .up
        var candidates = window.filter { ledgerVersions.contains($0) == isThere }
        candidates.subtract(applied.map(\.version))
        guard !candidates.isEmpty else { return }
        var durations: [MigrationVersion: Duration] = [:]
        if writesAuditLog {
            do {
                let statement = PipelineStatement(
                    "SELECT version, duration_ms FROM convoy.migration_log WHERE run = $1 AND direction = $2",
                    [run, change.direction.rawValue]
                )
                let opening = InstanceProbe(instance: instance).opening + reading.facts.settingRole(for: reading.ledger)
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

    /// Terminates a server process of ours, if it is still there and is really ours, and waits until it is gone.
    private func end(_ identity: SessionIdentity, by connection: PostgresConnection, until deadline: ContinuousClock.Instant)
        async throws(Failure)
    {
        do {
            let present = try await SessionIdentity(of: connection)
            guard present.systemIdentifier == identity.systemIdentifier else { return }
            let arguments = [String(identity.backendPID), identity.backendStart]
            let condition = "a.pid = $1::integer AND a.backend_start = $2::text::timestamptz AND a.pid <> pg_catalog.pg_backend_pid()"
            while true {
                let found = try await connection.query(
                    "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE \(condition)",
                    arguments,
                    timeout: InstanceProbe.silenceTimeout
                )
                if found.rows.isEmpty { return }
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
}
