import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// Waiting for a server with an eye on what it does.
extension InstanceChange {
    /// Runs the body, in which the session waits for answers, while another task finds out what it waits for.
    func observing<Value>(
        _ connection: PostgresConnection,
        _ watch: PipelineWatch,
        _ awaited: [WaitObserver.Awaited],
        _ body: () async -> Value
    ) async -> Value {
        connection.watch = watch
        defer { connection.watch = nil }
        guard let observer = observer(of: connection) else { return await body() }
        let urgency = lockRetry?.urgency
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await observer.observe(watch, urgency: urgency) { $0 < awaited.count ? awaited[$0] : awaited.last ?? .other("an answer") }
            }
            defer { group.cancelAll() }
            return await body()
        }
    }

    private func observer(of connection: PostgresConnection) -> WaitObserver? {
        let login: ConnectionParameters
        let pid: Int32
        if connection === admin?.connection, let admin, let parameters = instance.admin {
            (login, pid) = (parameters, admin.identity.backendPID)
        } else if connection === self.connection, let identity = facts?.identity {
            (login, pid) = (instance.direct ?? instance.connection, identity.backendPID)
        } else if let keeper {
            (login, pid) = (instance.direct ?? instance.connection, keeper.backendPID)
        } else {
            return nil
        }
        return WaitObserver(
            instance: instance,
            parameters: login,
            sessionName: sessionName(run: run),
            pid: pid,
            sides: runner.sides,
            timing: runner.timing,
            sightings: sightings,
            report: report
        )
    }

    /// How long the server may take for a part of a migration; nil means no limit.
    func limit(of item: MigrationExchange.Item) -> Duration? {
        let statement = item.migration.section(change.direction)?.statementTimeout ?? settings.statementTimeout
        switch item.place {
        case .begin: return .zero
        case .ledgerLock, .guarding, .ledger, .ledgerCreation, .auditCreation, .emptiness, .extensions: return settings.lockWait
        case .statement, .constraints, .audit, .readBack: return statement == .zero ? nil : statement
        case .commit: return settings.commitWait == .zero ? nil : settings.commitWait
        }
    }

    /// Runs statements that end with COMMIT, which may take as long as `commit_wait` allows; throws the first error of the server after rolling back.
    func transaction(_ statements: [PipelineStatement], on connection: PostgresConnection, doing what: String) async throws(PostgresError) {
        var statements = statements
        if statements.count > 1 { statements[statements.count - 2].flushes = true }
        var limits = statements.map { _ in Duration?.some(settings.lockTimeout + InstanceProbe.queryTimeout) }
        if settings.commitWait == .zero { limits[limits.count - 1] = nil } else { limits[limits.count - 1] = settings.commitWait }
        let watch = PipelineWatch(.each(limits), slack: runner.timing.answerSlack)
        var awaited = statements.map { _ in WaitObserver.Awaited.other(what) }
        awaited[awaited.count - 1] = .ownCommit(what)
        let results = try await observing(connection, watch, awaited) { await connection.outcome(of: statements) }.get()
        if connection.transactionStatus != .idle { try await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout) }
        for result in results { _ = try result.get() }
    }

    /// Why the tables of Convoy's own could not be made in time.
    func unconfirmedTables(_ error: PostgresError) -> Failure {
        guard sightings.isWaitingForStandby else {
            return Failure(
                .unknown,
                "creating the ledger: \(error.message)",
                hint: "check what the server waits for, then run the command again"
            )
        }
        return Failure(
            .unknown,
            "creating the ledger: COMMIT was not confirmed by a synchronous standby within \(settings.commitWait); no migration was begun",
            hint: Self.standbyHint
        )
    }

    static let standbyHint = "check the standby, synchronous_standby_names and synchronous_commit, then run the command again"
}

extension InstanceProbe {
    /// Reads, and names who holds the ledger where it is locked.
    func readNamingHolders(_ connection: PostgresConnection, completing completion: Completion = .always) async throws(Failure) -> Reading {
        do {
            return try await read(connection, completing: completion)
        } catch {
            guard error.kind == .lockBusy, error.lockedBy == nil, connection.isOpen else { throw error }
            throw await naming(LockHolder.holding(ledgersAgainst: "AccessShareLock"), in: error, on: connection)
        }
    }

    /// The failure with those who hold the lock, and what to do about them.
    ///
    /// - Parameter question: a query of ``LockHolder``.
    func naming(_ question: PipelineStatement, in failure: Failure, on connection: PostgresConnection) async -> Failure {
        if connection.transactionStatus != .idle { _ = try? await connection.query("ROLLBACK", timeout: Self.silenceTimeout) }
        let opening = opening(on: connection)
        let found = try? await connection.transaction(opening + [question, PipelineStatement("COMMIT")])
        let holders = found.map { opening.count < $0.count ? LockHolder.list($0[opening.count]) : [] } ?? []
        var named = Failure(busy: failure.message, holders)
        named.sqlstate = failure.sqlstate
        return named
    }
}

extension PostgresConnection {
    /// What became of a pipeline, as a value that passes through a task group with its type.
    func outcome(
        of statements: [PipelineStatement],
        onResult: (_ index: Int, _ result: PipelineResult) -> Void = { _, _ in }
    ) async -> Result<[PipelineResult], PostgresError> {
        do throws(PostgresError) {
            return .success(try await pipeline(statements, onResult: onResult))
        } catch {
            return .failure(error)
        }
    }
}

extension MigrationExchange.Item {
    var awaited: WaitObserver.Awaited {
        switch place {
        case .commit: .commit(migration.version)
        case .ledgerLock: .other("the ledger's lock for migration \(migration.version)")
        default: .statement(migration.version)
        }
    }
}
