import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres

/// `transaction:false`: one statement, alone, in autocommit. A second connection holds the ledger's lock meanwhile and writes the ledger after it.
extension InstanceChange {
    func applyAlone(_ migration: Migration, _ section: MigrationSection, _ predecessor: MigrationVersion?) async throws(Failure)
        -> WindowEnd
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
        var exchange = try exchange(for: migration)
        // It idles in its transaction for as long as the statement takes.
        exchange.idleTimeout = .zero
        let keeper = try await turnTakingProbe.session()
        defer { keeper.close() }
        do {
            self.keeper = try await SessionIdentity(of: keeper)
        } catch {
            throw Failure(error, doing: "opening the second connection", settings: settings)
        }
        let start = ContinuousClock.now

        let versions = Ledger.parameters(migration.version, after: predecessor)
        let check = PipelineStatement(exchange.ledger.check(change.direction), versions)
        // A query's snapshot lives until the next statement takes its place, and CREATE INDEX CONCURRENTLY waits for whoever has one.
        let forget = PipelineStatement("SET LOCAL lock_timeout = 0")
        let opening =
            exchange.opening(migration)
            + [(.ledger, check), (.begin, forget)].map { MigrationExchange.Item(migration: migration, place: $0, statement: $1) }
        let opened = await send(opening, on: keeper)
        guard case .committed = opened else { return opened }

        if let end = await runAlone(statement, section, of: migration, exchange, on: connection) { return end }

        let recording = PipelineStatement(exchange.ledger.recording(change.direction), versions)
        let closing = [MigrationExchange.Item(migration: migration, place: .ledger, statement: recording)] + exchange.closing(migration)
        // The statement stands; that must be written down even when the operator cancels now.
        keeper.cancellation = .ignored
        return await send(closing, on: keeper, since: start)
    }

    private func runAlone(
        _ statement: SQLStatement,
        _ section: MigrationSection,
        of migration: Migration,
        _ exchange: MigrationExchange,
        on connection: PostgresConnection
    ) async -> WindowEnd? {
        do {
            let refusal = try await answer(to: statement, section, exchange, on: connection)
            let wasObserving = connection.cancellation
            connection.cancellation = .ignored
            defer { connection.cancellation = wasObserving }
            let reset = InstanceProbe.sessionSettings(serverVersion: connection.serverVersion)
            // A session that is lost here is noticed at its next use; what the statement did is to be written down first.
            _ = try? await connection.pipeline(reset, timeout: InstanceProbe.silenceTimeout)
            return refusal.map { .refused(.statement(statement), $0, migration) }
        } catch {
            return end(after: error, on: connection)
        }
    }

    /// Runs the statement as the owner, with the migration's settings, which stay.
    ///
    /// - Returns: the server's refusal, of the statement or of what prepares it.
    private func answer(
        to statement: SQLStatement,
        _ section: MigrationSection,
        _ exchange: MigrationExchange,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> ServerMessage? {
        let statementTimeout = section.statementTimeout ?? settings.statementTimeout
        var preparation = [PipelineStatement]()
        if let role = exchange.role { preparation.append(PipelineStatement("SET ROLE \(quotedIdentifier(role))")) }
        // A lock_timeout would leave an invalid index, which IF NOT EXISTS then takes for done.
        preparation.append(
            PipelineStatement(
                """
                SELECT pg_catalog.set_config('search_path', $1, false), pg_catalog.set_config('lock_timeout', '0', false),
                    pg_catalog.set_config('statement_timeout', $2, false), pg_catalog.set_config('default_transaction_read_only', 'off', false),
                    pg_catalog.set_config('default_transaction_isolation', 'read committed', false),
                    pg_catalog.set_config('standard_conforming_strings', 'on', false)
                """,
                [exchange.ledger.searchPath, "\(statementTimeout.milliseconds)ms"]
            )
        )
        do {
            for result in try await connection.pipeline(preparation, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
            if let name = Self.concurrentIndexName(in: statement.text) { try await dropInvalidIndex(name, on: connection) }
            try await connection.query(statement.text)
            return nil
        } catch {
            guard error.code == .server, let message = error.server else { throw error }
            return message
        }
    }

    /// An index that an earlier attempt left invalid is in the way, or would be taken for done. One that is being built right now is left alone.
    private func dropInvalidIndex(_ name: String, on connection: PostgresConnection) async throws(PostgresError) {
        let invalid = try await connection.query(
            """
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS index
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE NOT i.indisvalid AND c.relname = $1 AND n.nspname = ANY (pg_catalog.current_schemas(false))
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
            """,
            [name],
            timeout: InstanceProbe.silenceTimeout
        )
        for row in invalid.rows {
            let index = try row.text("index")
            warn("index \(index) was left invalid by an earlier attempt: it is dropped and built again")
            try await connection.query("DROP INDEX CONCURRENTLY IF EXISTS \(index)")
        }
    }

    /// The index that `CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON …` makes; nil for other statements and for an unnamed index.
    static func concurrentIndexName(in statement: String) -> String? {
        var words = statement.split { $0.isWhitespace }[...]
        func take(_ expected: String...) -> Bool {
            guard words.count >= expected.count, zip(words, expected).allSatisfy({ $0.uppercased() == $1 }) else { return false }
            words = words.dropFirst(expected.count)
            return true
        }
        guard take("CREATE") else { return nil }
        _ = take("UNIQUE")
        guard take("INDEX", "CONCURRENTLY") else { return nil }
        _ = take("IF", "NOT", "EXISTS")
        guard let name = words.first, name.uppercased() != "ON" else { return nil }
        guard name.contains("\"") else { return name.lowercased() }
        // A quoted name with blanks in it is left to the operator.
        guard name.hasPrefix("\""), name.hasSuffix("\""), name.count > 2 else { return nil }
        return name.dropFirst().dropLast().split(separator: "\"\"", omittingEmptySubsequences: false).joined(separator: "\"")
    }
}
