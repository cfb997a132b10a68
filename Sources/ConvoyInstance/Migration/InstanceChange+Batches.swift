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
        for version in versions.prefix(runner.timing.batchMigrations) {
            guard let migration = runner.set[version], let section = migration.section(change.direction),
                section.isTransactional, !section.hasStep, !needsAdmin(migration, section)
            else { break }
            var exchange = try exchange(for: migration)
            exchange.repeated = session.statements.next(isFirstOfBatch: items.isEmpty, audit: exchange.script.audit)
            for case .items(let part) in exchange.parts(of: migration, section: section, predecessor: predecessor) {
                items += part
                bytes += part.reduce(0) { $0 + $1.statement.sql.utf8.count }
            }
            predecessor = version
            if bytes >= runner.timing.batchBytes { break }
        }
        return items
    }

    /// What surrounds the statements of migrations on the owner's connection.
    func exchange(for migration: Migration) throws(Failure) -> MigrationExchange {
        guard let facts, let script = session.script else { throw Failure(.unknown, "the catalogue has not been read") }
        let section = migration.section(change.direction)
        let lockTimeout = section?.lockTimeout ?? settings.lockTimeout
        var retry = lockRetry ?? newLockRetry(lockTimeout)
        retry.lockTimeout = lockTimeout
        return MigrationExchange(
            script: script,
            // What only a superuser may do cannot be done as the owner; then a trigger would run with a superuser's rights.
            hasAdminRights: section?.admin != nil && facts.isSuperuser && script.role != nil,
            ledgerLockWait: settings.lockWait - (ContinuousClock.now - log.lastProgress),
            lockTimeout: retry.currentLockTimeout
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
