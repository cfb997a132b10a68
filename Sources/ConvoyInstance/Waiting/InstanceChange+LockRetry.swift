import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// Trying again after a lock that could not be taken in time.
extension InstanceChange {
    func newLockRetry(_ lockTimeout: Duration) -> LockRetry {
        LockRetry(
            lockTimeout: lockTimeout,
            deadlockTimeout: facts?.deadlockTimeout ?? .seconds(1),
            lockWait: settings.lockWait,
            autovacuumWait: settings.autovacuumWait
        )
    }

    /// Pauses before the next attempt, or gives up with `lock-busy` and who stands in the way.
    func waitForLocks(_ message: ServerMessage, at place: MigrationExchange.Place, of migration: Migration) async throws(Failure) {
        let exchange = try exchange(for: migration)
        let onLedger = place == .ledgerLock
        if onLedger, sightings.holders.isEmpty, let connection {
            // Only to name it: a failing query must not make the migration fail.
            let rows = try? await connection.query(
                LockHolder.holding(ledgersAgainst: "ShareUpdateExclusiveLock"),
                timeout: InstanceProbe.silenceTimeout
            )
            sightings.holders = rows.map(LockHolder.list) ?? []
        }
        // The guard of the extensions waits for no lock, so nothing else has seen whom it found.
        let onTransactions = message.sqlstate == Ledger.openTransactionCode
        if onTransactions, let connection = facts?.isSuperuser == true ? connection : admin?.connection {
            let rows = try? await connection.query(LockHolder.openTransactions, timeout: InstanceProbe.silenceTimeout)
            sightings.holders = rows.map(LockHolder.list) ?? []
        }
        let holders = sightings.holders
        var retry = lockRetry ?? newLockRetry(exchange.lockTimeout)
        // Work before the first lock that could not be taken does not count as waiting.
        if lockRetry == nil, !onLedger { log.waitsBegan(at: .now) }
        let elapsed = ContinuousClock.now - log.lastProgress
        guard let wait = retry.attemptFailed(elapsed: elapsed, jitter: Double.random(in: 0...1), holders: holders) else {
            let what = onLedger ? "the ledger's lock" : "a lock for migration \(migration.version)"
            var failure = Failure(
                busy: onTransactions
                    ? "extensions are made while no other transaction of this database is open, and one was for \(settings.lockWait)"
                    : "did not get \(what) within \(settings.lockWait)",
                holders
            )
            failure.version = migration.version
            failure.file = migration.file
            failure.sqlstate = message.sqlstate
            if case .statement(let statement) = place {
                failure.line = statement.line
                failure.setStatement(statement.text, position: message.position)
            }
            throw failure
        }
        let waits = "migration \(migration.version) waits for a lock"
        if onTransactions {
            let names = holders.prefix(3).map(\.description).joined(separator: ", ")
            let reason =
                "checkpoint \(migration.version) waits until no other transaction of this database is open"
                + (names.isEmpty ? "" : ": \(names)")
            if sightings.isNews(reason) { report(.instanceWaiting(instance: instance.name, reason: reason, facts: place.facts)) }
        } else if holders.isEmpty, retry.attempts <= 2 {
            // The attempts to come are watched.
            report(
                .instanceWaiting(
                    instance: instance.name,
                    reason: retry.attempts == 1 ? waits : "\(waits); the holder is unknown",
                    facts: place.facts
                )
            )
        }
        lockRetry = retry
        await pause(for: wait, cancellation: .observed)
    }
}

extension MigrationExchange.Place {
    /// The statement that waits there.
    fileprivate var facts: WaitFacts {
        guard case .statement(let statement) = self else { return WaitFacts() }
        return WaitFacts(statement: statement.text, line: statement.line)
    }
}
