import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Applying: several migrations in one pipeline, the next pipeline only after the server is idle again.
extension InstanceChange {
    /// How a window ended, beside what it committed.
    enum WindowEnd {
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
        var predecessor = change.direction == .up ? versions.first.flatMap { first in ledgerVersions.filter { $0 < first }.max() } : nil
        lastProgress = .now
        while let next = remaining.first.flatMap({ runner.set[$0] }) {
            guard !Task.isCancelled else {
                throw Failure(.interrupted, "interrupted before migration \(next.version)", version: next.version)
            }
            guard connection?.isOpen == true else {
                try await recover(from: PostgresError(.connectionLost, "the connection was lost"), during: next)
                return false
            }
            let before = applied.count
            let end = try await applyBatch(remaining, next, predecessor)
            remaining = remaining.dropFirst(applied.count - before)
            predecessor = applied.last?.version ?? predecessor
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
    ) async throws(Failure) -> WindowEnd {
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
        return await send(try window(remaining, predecessor), on: try openConnection())
    }

    /// As many transactional migrations without steps as fit one window.
    private func window(
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

    /// The statements that every migration repeats are parsed once in a session: by the first migration of its first window.
    private func repeatedStatements(isFirst: Bool) -> RepeatedStatements {
        var statements = repeated ?? RepeatedStatements(round: 0, isPrepared: false, audit: auditUse)
        if !isFirst {
            // The window's first migration has prepared them by then.
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
            ledgerLockWait: settings.lockWait - (ContinuousClock.now - lastProgress),
            lockTimeout: retry.currentLockTimeout,
            statementTimeout: settings.statementTimeout,
            serverVersion: connection?.serverVersion ?? 0,
            guardsAgainstTriggers: isSuperusers
        )
    }

    /// Sends one pipeline; every COMMIT that arrives is noted at once.
    func send(
        _ items: [MigrationExchange.Item],
        on connection: PostgresConnection,
        since begin: ContinuousClock.Instant = .now
    ) async -> WindowEnd {
        var refusal: WindowEnd?
        var lacksAuditRow = false
        var start = begin
        window = Set(items.map(\.migration.version))
        var statements = items.map(\.statement)
        // Only so it is known that nothing but the COMMIT is waited for.
        for index in statements.indices.dropLast() where items[index + 1].place == .commit { statements[index].flushes = true }
        let watch = PipelineWatch(.each(items.map(limit)), slack: runner.timing.answerSlack)
        var heard = 0
        let outcome = await observing(connection, watch, items.map(\.awaited)) {
            await connection.outcome(of: statements) { index, result in
                heard = index + 1
                let item = items[index]
                switch result {
                case .success(let answer) where item.place == .commit && answer.commandTag == "COMMIT":
                    let now = ContinuousClock.now
                    committed(item.migration.version, in: now - start)
                    start = now
                // A batch that reached this point has passed the preparations.
                case .success where item.place == .ledger && item.statement.preparation != .none: repeated?.isPrepared = true
                // A trigger or a rule there made nothing of it.
                case .success(let answer) where item.place == .audit && answer.commandTag == "INSERT 0 0": lacksAuditRow = true
                case .success(let answer) where item.place == .readBack:
                    if let row = answer.rows.first, (try? row.bool("is_audited")) == false { lacksAuditRow = true }
                case .failure(let message) where refusal == nil:
                    refusal = .refused(item.place, message, item.migration)
                default: break
                }
            }
        }
        if case .failure(let error) = outcome {
            if error.code == .timedOut, heard < items.count, items[heard].place == .commit { unconfirmed = items[heard].migration.version }
            return end(after: error, on: connection)
        }
        if lacksAuditRow {
            warn("convoy.migration_log did not keep the row of a migration: a trigger or a rule on it removes or redirects the row")
        }
        showWarnings(of: connection)
        return refusal ?? .committed
    }

    /// Sends one migration with Swift steps: a sync before each step, inside the open transaction.
    private func send(
        _ parts: [MigrationExchange.Part],
        of migration: Migration,
        on connection: PostgresConnection,
        _ exchange: MigrationExchange
    ) async -> WindowEnd {
        for part in parts {
            switch part {
            case .items(let items):
                let end = await send(items, on: connection)
                guard case .committed = end else { return end }
            case .step(let name, let line):
                if let end = await run(step: name, line: line, of: migration, on: connection, exchange) { return end }
            }
        }
        return .committed
    }

    private func run(
        step name: String,
        line: Int,
        of migration: Migration,
        on connection: PostgresConnection,
        _ exchange: MigrationExchange
    ) async -> WindowEnd? {
        var failure = Failure(.failed, "this convoy has no step “\(name)”", version: migration.version, file: migration.file, line: line)
        guard let step = runner.steps[name] else { return .failed(failure) }
        let context = StepContext(connection: connection, secrets: instance.secrets, schema: quotedIdentifier(exchange.ledger.schema))
        let limit = migration.section(change.direction)?.statementTimeout ?? settings.statementTimeout
        let watch = PipelineWatch(.uniform(limit == .zero ? nil : limit), slack: runner.timing.answerSlack)
        let outcome = await observing(connection, watch, [.statement(migration.version)]) { () async -> Result<Void, any Error> in
            do { return .success(try await step.run(context)) } catch { return .failure(error) }
        }
        do {
            try outcome.get()
            return Task.isCancelled ? .failed(Failure(.interrupted, "interrupted", version: migration.version)) : nil
        } catch let error as PostgresError {
            switch error.code {
            case .server:
                guard let message = error.server else { fallthrough }
                return .refused(.statement(SQLStatement(text: "step \(name)", line: line)), message, migration)
            case .connectionLost, .timedOut, .cancelled, .overBudget: return end(after: error, on: connection)
            default:
                failure.message = "step \(name): \(error.message)"
                return .failed(failure)
            }
        } catch {
            failure.message = "step \(name): \(error)"
            failure.hint = (error as? StepError)?.hint
            return .failed(failure)
        }
    }

    /// A session that was cancelled and answers again needs no reconnecting.
    func end(after error: PostgresError, on connection: PostgresConnection) -> WindowEnd {
        guard error.code == .cancelled, connection.isOpen else { return .lost(error) }
        return .failed(Failure(.interrupted, "interrupted; what was not committed is rolled back"))
    }

    private func showWarnings(of connection: PostgresConnection) {
        let (notices, others) = connection.takeCountedNotices()
        for notice in notices where notice.severity == "WARNING" {
            guard serverWarnings < Self.serverWarningLimit else { break }
            serverWarnings += 1
            warn("the server warns: \(notice.message)")
        }
        if others > 0 || serverWarnings == Self.serverWarningLimit {
            warn("the server sent more warnings than are shown here; see the server's log")
        }
    }

    // MARK: - After an error

    enum Resolution { case tryAgain, readAgain }

    /// Ends what is open, on whichever session it is.
    private func rollBack() async throws(Failure) {
        for connection in [connection, admin?.connection] {
            guard let connection, connection.isOpen, connection.transactionStatus != .idle else { continue }
            connection.cancellation = .ignored
            defer { connection.cancellation = .observed }
            // A connection that cannot even roll back is closed by the failing call; the server then rolls back by itself.
            _ = try? await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout)
        }
    }

    /// What to do about a server's error: continue, read the ledger again, or give up with the right outcome.
    private func resolve(
        _ message: ServerMessage,
        at place: MigrationExchange.Place,
        of migration: Migration
    ) async throws(Failure) -> Resolution {
        if Task.isCancelled, message.sqlstate == "57014" {
            throw Failure(
                .interrupted,
                "interrupted in migration \(migration.version), which was rolled back",
                version: migration.version,
                file: migration.file
            )
        }
        if keepsStatements, place.isOurs, ["26000", "42P05"].contains(message.sqlstate) {
            // A migration, or what it calls, has thrown away what the session kept, or took one of the names.
            keepsStatements = false
            return .tryAgain
        }
        if place.mayShowInterference(message) { throw await notRecorded(message, at: place, of: migration) }
        if place == .ledger, Ledger.movedCodes.contains(message.sqlstate) { return .readAgain }
        switch message.sqlstate {
        case Ledger.unsafeCode:
            throw Failure(
                .blocked,
                message.message,
                version: migration.version,
                file: migration.file,
                sqlstate: message.sqlstate,
                hint: "it would run with the administrator's rights: have the owner remove it, then run the command again"
            )
        case "55P03", "40P01":
            try await waitForLocks(message, at: place, of: migration)
            return .tryAgain
        default:
            throw failure(message, at: place, of: migration)
        }
    }

    /// The ledger did not keep the version, or did not let it go.
    private func notRecorded(_ message: ServerMessage, at place: MigrationExchange.Place, of migration: Migration) async -> Failure {
        let table = (try? exchange(for: migration).ledger).map { "\($0.schema).\(Ledger.tableName)" } ?? Ledger.tableName
        var objects: [String] = []
        // Only to name them: if this query fails, the message is still complete without the names.
        if let ledger = try? exchange(for: migration).ledger,
            let rows = try? await connection?.query(ledger.interference, timeout: InstanceProbe.silenceTimeout).rows
        {
            objects = rows.compactMap { try? $0.text("object") }
        }
        let what = change.direction == .up ? "does not keep the row of version" : "does not let go of the row of version"
        let cause =
            objects.isEmpty
            ? "a statement of the migration, or what it sets off, changes it" : "see \(objects.joined(separator: ", ")) there"
        return Failure(
            .failed,
            "the ledger \(table) \(what) \(migration.version): \(cause)",
            version: migration.version,
            file: migration.file,
            sqlstate: place == .readBack ? nil : message.sqlstate,
            hint: standing?.version == migration.version
                ? "its statement has run and remains applied, only the row is missing: remove what keeps the row out of the ledger, then run the command again"
                : change.direction == .up
                    ? "the migration was rolled back, because every run would apply it again: remove what keeps the row out of the ledger, then run the command again"
                    : "the migration was rolled back: remove what keeps the row in the ledger, then run rollback again"
        )
    }

    private func failure(_ message: ServerMessage, at place: MigrationExchange.Place, of migration: Migration) -> Failure {
        guard case .statement(let statement) = place else {
            var failure = Failure(.failed, server: message, migration: migration, settings: settings)
            if place == .commit || place == .constraints { failure.message = "at the end of the migration: \(message.message)" }
            return failure
        }
        return Failure(.failed, server: message, migration: migration, statement: statement, settings: settings)
    }
}

extension MigrationSection {
    var hasStep: Bool {
        elements.contains { element in
            if case .step = element { true } else { false }
        }
    }
}

extension MigrationExchange.Place {
    /// Whether the statement is Convoy's own.
    fileprivate var isOurs: Bool { if case .statement = self { false } else { true } }

    /// Whether the server's error means that the ledger does not accept a row as it should: the check of the row failed, or the table has a
    /// rule, which the server refuses together with `RETURNING` (0A000).
    fileprivate func mayShowInterference(_ message: ServerMessage) -> Bool {
        switch self {
        case .readBack: message.sqlstate == "22012"
        case .ledger: message.sqlstate == "0A000" || message.sqlstate == Ledger.keptCode
        // There the statements are prepared.
        case .begin: message.sqlstate == "0A000"
        default: false
        }
    }
}
