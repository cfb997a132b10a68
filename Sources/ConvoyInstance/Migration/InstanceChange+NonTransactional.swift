import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// `transaction:false`: one statement, alone, in autocommit. A second connection holds the ledger's lock meanwhile and writes the ledger after it.
extension InstanceChange {
    func applyAlone(_ migration: Migration, _ section: MigrationSection, _ predecessor: MigrationVersion?) async throws(Failure)
        -> BatchEnd
    {
        let connection = try openConnection()
        guard case .statement(let statement)? = section.elements.first, section.elements.count == 1 else {
            throw Failure(
                .blocked,
                "a migration without a transaction must be one statement",
                version: migration.version,
                file: migration.file
            )
        }
        let keeper = try await turnTakingProbe.session()
        let identity: SessionIdentity
        do {
            identity = try await SessionIdentity(of: keeper)
        } catch {
            keeper.close()
            throw Failure(error, doing: "opening the second connection", settings: settings)
        }
        self.keeper = identity
        let end: Result<BatchEnd, Failure>
        do throws(Failure) {
            end = .success(try await apply(statement, section, of: migration, predecessor, on: connection, beside: keeper))
        } catch {
            end = .failure(error)
        }
        await keeper.end(serverPID: identity.backendPID)
        return try end.get()
    }

    private func apply(
        _ statement: SQLStatement,
        _ section: MigrationSection,
        of migration: Migration,
        _ predecessor: MigrationVersion?,
        on connection: PostgresConnection,
        beside keeper: PostgresConnection
    ) async throws(Failure) -> BatchEnd {
        var exchange = try exchange(for: migration)
        // It idles in its transaction for as long as the statement takes.
        exchange.idleTimeout = .zero
        let start = ContinuousClock.now

        let versions = Ledger.parameters(migration.version, after: predecessor)
        let check = PipelineStatement(exchange.ledger.check(change.direction), versions)
        // A query's snapshot lives until the next statement replaces it, and CREATE INDEX CONCURRENTLY waits for every session that has
        // one.
        let forget = PipelineStatement("SET LOCAL lock_timeout = 0")
        let opening =
            exchange.rehearsal(migration, after: predecessor) + exchange.opening(migration)
            + [(.ledger, check), (.begin, forget)].map { MigrationExchange.Item(migration: migration, place: $0, statement: $1) }
        let timeline = await timeline(of: connection)
        let opened = await send(opening, on: keeper)
        guard case .committed = opened else { return opened }

        if let end = await runAlone(statement, section, of: migration, exchange, on: connection) { return end }
        log.statementRan(migration.version, on: timeline)

        let recording = PipelineStatement(exchange.script.recording, versions)
        let closing =
            [(.ledger, recording), (.constraints, MigrationExchange.immediateConstraints)]
            .map { MigrationExchange.Item(migration: migration, place: $0, statement: $1) } + exchange.closing(migration)
        // The statement stands; that must be written down even when the operator cancels now.
        keeper.cancellation = .ignored
        let end = await send(closing, on: keeper, since: start)
        if case .committed = end { log.statementRecorded() }
        return end
    }

    /// The server's present timeline, which a standby that is promoted leaves; nil where it cannot be had.
    func timeline(of connection: PostgresConnection) async -> String? {
        let query = "SELECT pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) AS timeline"
        return try? await connection.query(query, timeout: InstanceProbe.silenceTimeout).onlyRow().text("timeline")
    }

    private func runAlone(
        _ statement: SQLStatement,
        _ section: MigrationSection,
        of migration: Migration,
        _ exchange: MigrationExchange,
        on connection: PostgresConnection
    ) async -> BatchEnd? {
        do {
            let end = try await answer(to: statement, section, of: migration, exchange, on: connection)
            let wasObserving = connection.cancellation
            connection.cancellation = .ignored
            defer { connection.cancellation = wasObserving }
            let reset = InstanceProbe.sessionSettings(serverVersion: connection.serverVersion)
            do {
                for result in try await connection.pipeline(reset, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
            } catch {
                // A session that is lost here is noticed at its next use; the result of the statement is recorded first. A session that
                // keeps the statement's role and settings must not be used again.
                connection.close()
            }
            return end
        } catch {
            return end(after: error, on: connection)
        }
    }

    /// Runs the statement as the owner, with the migration's settings, which stay, unless it is known to have run before the connection was lost.
    ///
    /// - Returns: nil where the version can be recorded.
    private func answer(
        to statement: SQLStatement,
        _ section: MigrationSection,
        of migration: Migration,
        _ exchange: MigrationExchange,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> BatchEnd? {
        let form = StandaloneStatement(statement.text)
        let index = ConcurrentIndex(form)
        let statementTimeout = section.statementTimeout ?? settings.statementTimeout
        var preparation = [PipelineStatement]()
        if let role = exchange.role { preparation.append(PipelineStatement("SET ROLE \(quotedIdentifier(role))")) }
        preparation.append(
            PipelineStatement(
                """
                SELECT pg_catalog.set_config('search_path', $1, false), pg_catalog.set_config('lock_timeout', $2, false),
                    pg_catalog.set_config('statement_timeout', $3, false), pg_catalog.set_config('default_transaction_read_only', 'off', false),
                    pg_catalog.set_config('default_transaction_isolation', 'read committed', false),
                    pg_catalog.set_config('standard_conforming_strings', 'on', false)
                """,
                [
                    exchange.ledger.searchPath, form.waitsForLocks ? "0" : "\(exchange.lockTimeout.milliseconds)ms",
                    "\(statementTimeout.milliseconds)ms",
                ]
            )
        )
        do {
            for result in try await connection.pipeline(preparation, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
            if log.standing?.version == migration.version {
                warn("the statement of migration \(migration.version) had already run: only its row in the ledger was missing")
            } else if try await runWatched(
                statement,
                index,
                limit: statementTimeout,
                lockTimeout: form.waitsForLocks ? nil : exchange.lockTimeout,
                on: connection
            ) {
                return .failed(ownLockFailure(migration, statement, exchange.ledger))
            }
            guard let result = index?.result else { return nil }
            let row = try await connection.query(result, timeout: InstanceProbe.silenceTimeout).rows.first
            return try indexFailure(row, migration, statement).map(BatchEnd.failed)
        } catch {
            guard error.code == .server, let message = error.server else { throw error }
            if let index { await nameLeftovers(of: index, on: connection) }
            return .refused(.statement(statement), message, migration)
        }
    }

    /// Drops what an earlier attempt left in the way, and runs the statement.
    ///
    /// - Returns: whether it was cancelled because it waited for Convoy's own lock on the ledger.
    private func runWatched(
        _ statement: SQLStatement,
        _ index: ConcurrentIndex?,
        limit: Duration,
        lockTimeout: Duration?,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> Bool {
        guard let process = facts?.identity?.backendPID, let keeper = keeper?.backendPID else {
            throw PostgresError(.unexpectedResult, "the sessions of the migration are not known")
        }
        let watch = OwnLockWatch(
            probe: InstanceProbe(instance: instance, sessionName: sessionName(run: run), busyServer: .leftAlone),
            statement: process,
            keeper: keeper,
            // Often enough to see it before the statement gives up by itself.
            interval: min(runner.timing.ownLockInterval, lockTimeout.map { max($0 / 4, .milliseconds(20)) } ?? .seconds(1))
        )
        let watching = Task { await watch.run() }
        var failure: PostgresError?
        do throws(PostgresError) {
            if let index { try await dropLeftovers(of: index, on: connection) }
            // A little later than on the server, should that fall silent.
            try await connection.query(statement.text, timeout: limit > .zero ? limit + .seconds(30) : nil)
        } catch {
            failure = error
        }
        watching.cancel()
        let wasCancelled = await watching.value
        if wasCancelled, failure?.sqlstate == "57014" { return true }
        if let failure { throw failure }
        return false
    }

    private func ownLockFailure(_ migration: Migration, _ statement: SQLStatement, _ ledger: Ledger) -> Failure {
        Failure(
            .failed,
            "the statement waited, itself or behind another session, for the lock on \(ledger.schema).\(Ledger.tableName) that Convoy holds "
                + "meanwhile: neither would have ended, and the statement was cancelled",
            version: migration.version,
            file: migration.file,
            line: statement.line,
            statement: statement.text,
            hint: "exclude the ledger from the statement: name the other tables, one migration each"
        )
    }
}
