import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Writing the ledger without running a migration: one transaction, under the advisory lock and the lock of the ledger.
extension InstanceChange {
    /// How an attempt to write ended.
    private enum CorrectionEnd {
        case answered([QueryResult])
        case refused(CorrectionExchange.Place, ServerMessage)
        case lost(PostgresError, at: CorrectionExchange.Place)
    }

    /// Writes what the plan has, if ledger and catalogue are still what the plan was made from.
    ///
    /// - Returns: whether there was something to write.
    func correct(_ correction: Correction) async throws(Failure) -> Bool {
        guard try isDue(await firstReading()) else { return false }
        report(.instancePlanned(instance: instance.name, from: log.from, pending: []))
        try await acquireLock()
        writesAuditLog = settings.audit == .database
        var losses = 0
        for _ in 0..<20 {
            guard !Task.isCancelled else { throw Failure(.interrupted, "interrupted before anything was written") }
            let reading = try await InstanceProbe(instance: instance).readNamingHolders(try openConnection())
            session.catalogueRead(reading)
            log.ledgerRead(reading.contents?.applied ?? [])
            // Another Convoy was faster.
            guard try isDue(reading) else { return false }
            switch try await write(correction, reading) {
            case .answered:
                log.ledgerRead(correction.result)
                return true
            case .refused(let place, let message):
                try await rollBack()
                try await resolve(message, at: place)
            case .lost(let error, let place):
                if error.code == .cancelled, connection?.isOpen == true {
                    try await rollBack()
                    throw Failure(.interrupted, "interrupted: nothing was written")
                }
                losses += 1
                if try await recover(from: error, at: place, of: correction, losses: losses) { return true }
            }
        }
        throw Failure(
            .failed,
            "another migrator keeps changing the ledger of this database",
            hint: "stop the app or the other tool, then run the command again"
        )
    }

    private func isDue(_ reading: InstanceProbe.Reading) throws(Failure) -> Bool {
        let assessment = InstanceAssessment(reading, set: runner.set, change: change, instance: instance)
        try heed(assessment)
        return assessment.isCorrectionDue
    }

    private func write(_ correction: Correction, _ reading: InstanceProbe.Reading) async throws(Failure) -> CorrectionEnd {
        let connection = try openConnection()
        if let error = try await rebuildIndexes(of: correction, on: connection) { return .lost(error, at: .begin) }
        if writesAuditLog, let table = reading.facts.auditTable {
            do throws(PostgresError) {
                try await checkAuditLog(table, reading, connection)
            } catch {
                guard error.code != .server else { throw Failure(error, doing: "reading the audit log", settings: settings) }
                return .lost(error, at: .begin)
            }
        }
        guard writesAuditLog || correction.accepts.isEmpty else {
            throw Failure(
                .blocked,
                "an edited file is accepted by a row of the audit log, and Convoy may not write the log of this database",
                hint:
                    "restore the file, or let Convoy write the audit log: `convoy status` says what is in the way, if it is not audit: journal-only"
            )
        }
        let hasAuditLog = reading.facts.auditTable != nil
        session.writeScript(run: run, direction: .up, writesAuditLog: writesAuditLog && hasAuditLog, settings: settings)
        guard let script = session.script else { throw Failure(.unknown, "the catalogue has not been read") }
        let exchange = CorrectionExchange(
            script: script,
            correction: correction,
            set: runner.set,
            hasMoreRightsThanOwner: reading.facts.isSuperuser && script.role != nil,
            createsLedger: reading.contents == nil,
            writesAuditLog: writesAuditLog,
            createsAuditLog: !hasAuditLog,
            lockWait: settings.lockWait
        )
        let opening = await send(exchange.opening, on: connection)
        guard case .answered = opening else { return opening }
        if let expected = correction.rebuiltFingerprint ?? correction.fingerprint,
            let end = try await checkCatalogue(expected, owner: script.ledger.owner, connection)
        {
            return end
        }
        return await send(exchange.closing, on: connection)
    }

    /// Asks whether the catalogue is still the one that was judged, in the transaction that is open.
    ///
    /// - Returns: how the attempt ended, if a question was not answered.
    /// - Throws: `blocked` where the catalogue is another one.
    private func checkCatalogue(_ expected: String, owner: String, _ connection: PostgresConnection) async throws(Failure) -> CorrectionEnd?
    {
        var answers: [QueryResult] = []
        var found: String??
        while found == nil {
            let step: CatalogueStep<String?>
            do throws(PostgresError) {
                guard let question = runner.fingerprintQuestion else {
                    throw PostgresError(.unexpectedResult, "this program cannot ask for the fingerprint of a schema")
                }
                step = try question.next(owner, answers)
            } catch {
                try await rollBack()
                throw Failure(error, doing: "reading the catalogue", settings: settings)
            }
            switch step {
            case .done(let fingerprint): found = .some(fingerprint)
            case .ask(let question):
                let end = await send([CorrectionExchange.Item(.catalogue, question)], on: connection)
                guard case .answered(let results) = end else { return end }
                answers += results
            }
        }
        if found == .some(expected) { return nil }
        try await rollBack()
        throw Self.schemaHasChanged
    }

    static let schemaHasChanged = Failure(
        .blocked,
        "the schema changed since the plan was made; nothing was written",
        hint: "run the command again, which makes a new plan"
    )

    private func send(_ items: [CorrectionExchange.Item], on connection: PostgresConnection) async -> CorrectionEnd {
        var heard = 0
        var refusal: CorrectionEnd?
        var lacksAuditRow = false
        let watch = PipelineWatch(.each(items.map { limit(at: $0.place) }), slack: runner.timing.answerSlack)
        let outcome = await observing(connection, watch, items.map(\.place.awaited)) {
            await connection.outcome(of: items.map(\.statement)) { index, result in
                heard = index + 1
                switch result {
                case .failure(let message) where refusal == nil: refusal = .refused(items[index].place, message)
                case .success(let answer) where items[index].place == .audit && answer.commandTag == "INSERT 0 0": lacksAuditRow = true
                default: break
                }
            }
        }
        if let refusal { return refusal }
        do throws(PostgresError) {
            let answers = try outcome.get().map { result throws(PostgresError) in try result.get() }
            if lacksAuditRow { warn(Self.lacksAuditRow) }
            showWarnings(of: connection)
            return .answered(answers)
        } catch {
            return .lost(error, at: items[min(heard, items.count - 1)].place)
        }
    }

    /// How long the server may take for a part; nil means no limit.
    private func limit(at place: CorrectionExchange.Place) -> Duration? {
        switch place {
        case .begin, .guarding, .unmoved, .rows, .audit, .constraints, .readBack: InstanceProbe.queryTimeout
        case .ledgerTable, .auditTable, .ledgerLock, .catalogue: settings.lockWait + InstanceProbe.queryTimeout
        case .commit: settings.commitWait == .zero ? nil : settings.commitWait
        }
    }

    // MARK: - What went wrong

    /// Returns where it is worth reading the ledger again.
    private func resolve(_ message: ServerMessage, at place: CorrectionExchange.Place) async throws(Failure) {
        let error = PostgresError(.server, message.message, server: message)
        switch (place, message.sqlstate) {
        case (_, "57014") where Task.isCancelled: throw Failure(.interrupted, "interrupted: nothing was written")
        case (.auditTable, "42501"):
            leaveOutAuditLog(because: message.message)
        case (.ledgerTable, let code) where Self.raceCodes.contains(code), (.auditTable, let code) where Self.raceCodes.contains(code):
            await pause(for: .milliseconds(Int.random(in: 20...100)), cancellation: .observed)
        case (.unmoved, "22012"), (.rows, "23505"), (_, "40P01"): break
        case (.readBack, "22012"): throw await notKept()
        case (_, Ledger.unsafeCode):
            throw Failure(
                .blocked,
                message.message,
                sqlstate: message.sqlstate,
                hint: "it would run with more rights than the owner has: have the owner remove it, then run the command again"
            )
        case (_, "55P03"):
            let failure = Failure(error, doing: "writing the ledger", settings: settings)
            guard let connection, connection.isOpen else { throw failure }
            let question =
                place == .catalogue
                ? LockHolder.holding(tablesAgainst: "AccessShareLock") : LockHolder.holding(ledgersAgainst: "ShareUpdateExclusiveLock")
            throw await InstanceProbe(instance: instance).naming(question, in: failure, on: connection)
        default: throw Failure(error, doing: "writing the ledger", settings: settings)
        }
    }

    /// The ledger did not keep the rows.
    private func notKept() async -> Failure {
        let ledger = session.script?.ledger
        var objects: [String] = []
        // Only to name them: if this query fails, the message is complete without the names.
        if let ledger, let rows = try? await connection?.query(ledger.interference, timeout: InstanceProbe.silenceTimeout).rows {
            objects = rows.compactMap { try? $0.text("object") }
        }
        let place = objects.isEmpty ? "something in this database changes them" : "see \(objects.joined(separator: ", ")) there"
        return Failure(
            .failed,
            "the ledger \(ledger.map { "\($0.schema).\(Ledger.tableName)" } ?? Ledger.tableName) does not keep its rows as they are written: \(place)",
            hint: "nothing was written: remove what changes the rows, then run the command again"
        )
    }

    /// Finds out what holds after a connection was lost.
    ///
    /// - Returns: whether the correction is committed.
    private func recover(
        from error: PostgresError,
        at place: CorrectionExchange.Place,
        of correction: Correction,
        losses: Int
    ) async throws(Failure) -> Bool {
        let isLate = place == .commit && error.code == .timedOut
        let isWaitingForStandby = sightings.isWaitingForStandby
        let isInterrupted = try await reconnect(after: error) { reason in
            Failure(
                .unknown,
                "the connection was lost while the ledger was written, and \(reason)",
                hint: "nothing is half written, because it is one transaction; run the command again when the database is back"
            )
        }
        let stands = correction.standing(log.ledgerVersions) == .done
        if isInterrupted {
            throw Failure(.interrupted, stands ? "interrupted while the ledger was written: it stands" : "interrupted: nothing was written")
        }
        if isLate, stands, isWaitingForStandby {
            throw Failure(
                .unknown,
                "the ledger is written on this server, but no synchronous standby confirmed it within \(settings.commitWait): it would be lost with the server",
                hint: Self.standbyHint
            )
        }
        guard !stands else { return true }
        if isLate {
            throw Failure(
                .failed,
                "the COMMIT of the ledger was not done within \(settings.commitWait), and nothing was written",
                hint: "check for a slow deferred trigger and for a slow or full disk, or raise commit_wait"
            )
        }
        let isFlood = error.code == .overBudget
        guard losses < (isFlood ? 1 : 2) else {
            throw Failure(
                .failed,
                isFlood ? error.message : "the connection was lost twice while the ledger was written: \(error.message)",
                sqlstate: error.sqlstate,
                hint: isFlood ? Failure.floodHint : "check the server's log: did a trigger crash its server process?"
            )
        }
        return false
    }
}

extension CorrectionExchange.Place {
    fileprivate var awaited: WaitObserver.Awaited {
        switch self {
        case .commit: .ownCommit("the ledger")
        case .ledgerLock: .other("the ledger's lock")
        case .catalogue: .other("the catalogue")
        default: .other("the rows of the ledger")
        }
    }
}
