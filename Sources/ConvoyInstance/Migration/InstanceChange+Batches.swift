import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Applying: several migrations in one pipeline, the next pipeline only after the server is idle again.
extension InstanceChange {
    /// How a batch ended, beside what it committed.
    enum BatchEnd {
        case committed
        /// The server refused a statement; everything after it up to the sync was skipped.
        case refused(MigrationExchange.Place, ServerMessage, Migration)
        case lost(PostgresError)
        case failed(Failure)
    }

    /// Runs the versions in order.
    ///
    /// - Returns: false when the ledger has to be read again, because another migrator changed it or because the connection was lost.
    func apply(_ versions: [MigrationVersion]) async throws(Failure) -> Bool {
        var remaining = versions[...]
        // Going up, what the first one stands on must still be there.
        var predecessor = versions.first.flatMap { log.predecessor(of: $0) }
        log.waitsBegan(at: .now)
        while let next = remaining.first.flatMap({ runner.set[$0] }) {
            guard !Task.isCancelled else {
                throw Failure(.interrupted, "interrupted before migration \(next.version)", version: next.version)
            }
            guard connection?.isOpen == true else {
                try await recover(from: PostgresError(.connectionLost, "the connection was lost"), during: next)
                return false
            }
            let before = log.applied.count
            let end = try await applyBatch(remaining, next, predecessor)
            remaining = remaining.dropFirst(log.applied.count - before)
            predecessor = log.applied.last?.version ?? predecessor
            switch end {
            case .committed: break
            case .failed(let failure):
                try await rollBack()
                throw failure
            case .refused(let place, let message, let migration):
                try await rollBack()
                if try await resolve(message, at: place, of: migration) == .readAgain { return false }
            case .lost(let error):
                try await recover(from: error, during: remaining.first.flatMap { runner.set[$0] } ?? next)
                return false
            }
        }
        return true
    }

    private func applyBatch(
        _ remaining: ArraySlice<MigrationVersion>,
        _ next: Migration,
        _ predecessor: MigrationVersion?
    ) async throws(Failure) -> BatchEnd {
        guard let section = next.section(change.direction) else {
            throw Failure(.blocked, "migration \(next.version) has no way down", version: next.version, file: next.file)
        }
        if !section.isTransactional { return try await applyAlone(next, section, predecessor) }
        if needsAdmin(next, section) { return try await applyAsAdmin(next, section, predecessor) }
        let exchange = try exchange(for: next)
        if section.hasStep {
            return await send(
                exchange.parts(of: next, section: section, predecessor: predecessor),
                of: next,
                on: try openConnection(),
                exchange
            )
        }
        return await send(try nextBatch(remaining, predecessor), on: try openConnection())
    }

    /// As many transactional migrations without steps as fit into one batch.
    private func nextBatch(
        _ versions: ArraySlice<MigrationVersion>,
        _ predecessor: MigrationVersion?
    ) throws(Failure) -> [MigrationExchange.Item] {
        var items: [MigrationExchange.Item] = []
        var predecessor = predecessor
        var bytes = 0
        for version in versions.prefix(runner.timing.windowMigrations) {
            guard let migration = runner.set[version], let section = migration.section(change.direction),
                section.isTransactional, !section.hasStep, !needsAdmin(migration, section)
            else { break }
            var exchange = try exchange(for: migration)
            exchange.repeated = keepsStatements ? repeatedStatements(isFirst: items.isEmpty) : nil
            for case .items(let part) in exchange.parts(of: migration, section: section, predecessor: predecessor) {
                items += part
                bytes += part.reduce(0) { $0 + $1.statement.sql.utf8.count }
            }
            predecessor = version
            if bytes >= runner.timing.windowBytes { break }
        }
        return items
    }

    /// The statements that every migration repeats are parsed once in a session: by the first migration of its first batch.
    private func repeatedStatements(isFirst: Bool) -> RepeatedStatements {
        var statements = repeated ?? RepeatedStatements(round: 0, isPrepared: false, audit: auditUse)
        if !isFirst {
            // The batch's first migration has prepared them by then.
            statements.isPrepared = true
        } else if !statements.isPrepared || statements.audit != auditUse {
            // The audit log can become writable in the middle of a run, or no longer be.
            statements = RepeatedStatements(round: statements.round + 1, isPrepared: false, audit: auditUse)
            repeated = statements
        }
        return statements
    }

    private var auditUse: RepeatedStatements.AuditUse { writesAuditLog ? readsAuditLog ? .writesAndReads : .writes : .none }

    /// Whether migrations can read the audit log that they write: not where it is another role's, which may let them only insert.
    private var readsAuditLog: Bool {
        guard writesAuditLog, let facts else { return false }
        guard let table = facts.auditTable else { return true }
        return table.owner == (try? InstanceAssessment.ledger(in: facts, settings: settings).get().ledger.owner)
    }

    /// What surrounds the statements of migrations on the owner's connection.
    func exchange(for migration: Migration) throws(Failure) -> MigrationExchange {
        guard let facts, let identity = facts.identity,
            let ledger = try? InstanceAssessment.ledger(in: facts, settings: settings).get().ledger
        else {
            throw Failure(.unknown, "the catalogue has not been read")
        }
        let section = migration.section(change.direction)
        let lockTimeout = section?.lockTimeout ?? settings.lockTimeout
        var retry = lockRetry ?? newLockRetry(lockTimeout)
        retry.lockTimeout = lockTimeout
        // What only a superuser may do cannot be done as the owner; then a trigger would run with a superuser's rights.
        let isSuperusers = section?.admin != nil && facts.isSuperuser && facts.roleToSet(for: ledger) != nil
        return MigrationExchange(
            ledger: ledger,
            identity: identity,
            run: run,
            direction: change.direction,
            role: isSuperusers ? nil : facts.roleToSet(for: ledger),
            writesAuditLog: writesAuditLog,
            readsAuditLog: readsAuditLog,
            ledgerLockWait: settings.lockWait - (ContinuousClock.now - log.lastProgress),
            lockTimeout: retry.currentLockTimeout,
            statementTimeout: settings.statementTimeout,
            serverVersion: connection?.serverVersion ?? 0,
            guardsAgainstTriggers: isSuperusers
        )
    }
}

extension MigrationSection {
    var hasStep: Bool {
        elements.contains { element in
            if case .step = element { true } else { false }
        }
    }
}
