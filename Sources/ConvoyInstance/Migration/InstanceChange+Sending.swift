import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// Sending migrations to the server, and hearing what became of them.
extension InstanceChange {
    /// What the COMMITs of a pipeline commit.
    enum Committing {
        /// Each the migration that it belongs to.
        case migrations
        /// The only one all migrations of a checkpoint.
        case checkpoint(CheckpointStart)
        /// No row of the ledger.
        case nothing
    }

    /// Sends one pipeline; every COMMIT that arrives is noted at once.
    func send(
        _ items: [MigrationExchange.Item],
        on connection: PostgresConnection,
        committing: Committing = .migrations,
        since begin: ContinuousClock.Instant = .now
    ) async -> BatchEnd {
        var refusal: BatchEnd?
        var lacksAuditRow = false
        var start = begin
        switch committing {
        case .migrations: log.sent(items.map(\.migration.version))
        case .checkpoint(let start): log.sent(start.migrations.map(\.version), from: start.version)
        case .nothing: log.sent([])
        }
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
                    switch committing {
                    case .migrations: committed(item.migration.version, in: now - start)
                    // One has the duration of all.
                    case .checkpoint(let checkpoint):
                        for migration in checkpoint.migrations {
                            committed(migration.version, in: migration.version == checkpoint.version ? now - start : .zero)
                        }
                    case .nothing: break
                    }
                    start = now
                // A batch that reached this point has passed the preparations.
                case .success where item.place == .ledger && item.statement.preparation != .none: session.statements.wasPrepared()
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
            if error.code == .timedOut, heard < items.count, items[heard].place == .commit {
                log.commitTimedOut(items[heard].migration.version)
            }
            return end(after: error, on: connection)
        }
        if lacksAuditRow {
            warn(Self.lacksAuditRow)
        }
        showWarnings(of: connection)
        return refusal ?? .committed
    }

    static let lacksAuditRow =
        "convoy.migration_log did not keep the row of a migration: a trigger or a rule on it removes or redirects the row"

    /// Sends one migration with Swift steps: a sync before each step, inside the open transaction.
    func send(
        _ parts: [MigrationExchange.Part],
        of migration: Migration,
        on connection: PostgresConnection,
        _ exchange: MigrationExchange
    ) async -> BatchEnd {
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
    ) async -> BatchEnd? {
        var failure = Failure(.failed, "this convoy has no step “\(name)”", version: migration.version, file: migration.file, line: line)
        guard let step = runner.steps[name] else { return .failed(failure) }
        let context = StepContext(connection: connection, secrets: stepSecrets, schema: quotedIdentifier(exchange.ledger.schema))
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
    func end(after error: PostgresError, on connection: PostgresConnection) -> BatchEnd {
        guard error.code == .cancelled, connection.isOpen else { return .lost(error) }
        return .failed(Failure(.interrupted, "interrupted; what was not committed is rolled back"))
    }

    func showWarnings(of connection: PostgresConnection) {
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
}
