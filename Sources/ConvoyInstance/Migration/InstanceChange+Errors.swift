import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What an error of the server means for the change.
extension InstanceChange {
    /// How the change continues after an error: with the same migration, or by reading the ledger again.
    enum Resolution { case tryAgain, readAgain }

    /// Ends what is open, on whichever session it is.
    func rollBack() async throws(Failure) {
        for connection in [connection, admin?.connection] {
            guard let connection, connection.isOpen, connection.transactionStatus != .idle else { continue }
            connection.cancellation = .ignored
            defer { connection.cancellation = .observed }
            // A connection that cannot even roll back is closed by the failing call; the server then rolls back by itself.
            _ = try? await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout)
        }
    }

    /// What to do about a server's error: continue, read the ledger again, or give up with the right outcome.
    func resolve(
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
        if session.statements.areWanted, place.isOurs, ["26000", "42P05"].contains(message.sqlstate) {
            // A migration, or what it calls, has thrown away what the session kept, or took one of the names.
            session.statements.wasThrownAway()
            return .tryAgain
        }
        if place.mayShowInterference(message) { throw await notRecorded(message, at: place, of: migration) }
        if place == .ledger, Ledger.movedCodes.contains(message.sqlstate) { return .readAgain }
        // Another migrator made the same table at this moment.
        if place == .ledgerCreation || place == .auditCreation, message.sqlstate != "55P03", Self.raceCodes.contains(message.sqlstate) {
            return .readAgain
        }
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
        case Ledger.openTransactionCode where place == .guarding, "55P03", "40P01":
            try await waitForLocks(message, at: place, of: migration)
            return .tryAgain
        default:
            throw failure(message, at: place, of: migration)
        }
    }

    /// The ledger did not keep the version, or did not let it go.
    private func notRecorded(_ message: ServerMessage, at place: MigrationExchange.Place, of migration: Migration) async -> Failure {
        let ledger = session.script?.ledger
        let table = ledger.map { "\($0.schema).\(Ledger.tableName)" } ?? Ledger.tableName
        var objects: [String] = []
        // Only to name them: if this query fails, the message is still complete without the names.
        if let ledger,
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
            hint: log.standing?.version == migration.version
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
