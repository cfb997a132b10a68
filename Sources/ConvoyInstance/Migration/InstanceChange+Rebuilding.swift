import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Building invalid indexes again: outside of a transaction, under the advisory lock, before the rows of a repair are written.
extension InstanceChange {
    /// Rebuilds the indexes of a correction, one after the other, as the owner. An index that is lost half-way stays invalid, and a later repair drops what
    /// is left of the attempt.
    ///
    /// - Returns: the error of a connection that was lost or cancelled; nil where all is done.
    /// - Throws: `blocked` where the catalogue is not the one that was judged, `failed` where an index cannot be built.
    func rebuildIndexes(of correction: Correction, on connection: PostgresConnection) async throws(Failure) -> PostgresError? {
        guard !correction.rebuilt.isEmpty else { return nil }
        let isAsJudged: Bool
        do throws(PostgresError) {
            var found = try await fingerprint(on: connection)
            if found != correction.fingerprint, found != correction.rebuiltFingerprint {
                // An earlier attempt may have been cut off while it built them.
                for rebuild in correction.rebuilt {
                    guard let index = ConcurrentIndex(StandaloneStatement(Self.rebuilding(rebuild.index))) else { continue }
                    try await asOwner(connection) { () async throws(PostgresError) in try await dropLeftovers(of: index, on: connection) }
                }
                found = try await fingerprint(on: connection)
            }
            // Or before it wrote the rows.
            if found == correction.rebuiltFingerprint { return nil }
            isAsJudged = found == correction.fingerprint
        } catch {
            return try lost(error, "reading the catalogue")
        }
        guard isAsJudged else { throw Self.schemaHasChanged }
        for rebuild in correction.rebuilt {
            for leftover in rebuild.leftovers {
                report(.instanceWaiting(instance: instance.name, reason: "dropping what is left of index \(rebuild.index.visible)"))
                if let error = try await run(ConcurrentIndex.dropping(leftover), for: rebuild.index, on: connection) { return error }
            }
            report(.instanceWaiting(instance: instance.name, reason: "building index \(rebuild.index.visible) again"))
            if let error = try await run(Self.rebuilding(rebuild.index), for: rebuild.index, on: connection) { return error }
        }
        return nil
    }

    private func fingerprint(on connection: PostgresConnection) async throws(PostgresError) -> String? {
        guard let question = runner.fingerprintQuestion, let owner = session.catalogue?.ledger.owner else {
            throw PostgresError(.unexpectedResult, "this program cannot ask for the fingerprint of a schema")
        }
        let fingerprint = try await connection.askCatalogue(InstanceProbe(instance: instance).opening(on: connection)) {
            answers throws(PostgresError) in try question.next(owner, answers)
        }
        try await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout)
        return fingerprint
    }

    private static func rebuilding(_ index: String) -> String { "REINDEX INDEX CONCURRENTLY \(index)" }

    private func run(_ statement: String, for index: String, on connection: PostgresConnection) async throws(Failure) -> PostgresError? {
        let limit = settings.statementTimeout
        do throws(PostgresError) {
            try await asOwner(connection) { () async throws(PostgresError) in
                // A little later than on the server, should that fall silent.
                try await connection.query(statement, timeout: limit > .zero ? limit + .seconds(30) : nil)
            }
            return nil
        } catch {
            guard error.code == .server, error.sqlstate != "57014" || !Task.isCancelled else { return error }
            var failure = Failure(error, doing: "building index \(index.visible) again", settings: settings)
            failure.hint =
                failure.hint
                ?? "the index stays invalid, as it was: remove what stands in the way, then run `convoy repair` again, which drops what is left"
            throw failure
        }
    }

    /// Works in autocommit, as the owner, with Convoy's own search path. Statements wait for their locks as a migration's do that runs outside of a
    /// transaction: what keeps no reader and no writer waiting takes its time.
    private func asOwner(
        _ connection: PostgresConnection,
        _ body: () async throws(PostgresError) -> Void
    ) async throws(PostgresError) {
        var preparation: [PipelineStatement] = []
        if let catalogue = session.catalogue, let role = catalogue.facts.roleToSet(for: catalogue.ledger) {
            preparation.append(PipelineStatement("SET ROLE \(quotedIdentifier(role))"))
        }
        preparation.append(
            PipelineStatement(
                """
                SELECT pg_catalog.set_config('search_path', $1, false), pg_catalog.set_config('lock_timeout', '0', false),
                    pg_catalog.set_config('statement_timeout', $2, false), pg_catalog.set_config('default_transaction_read_only', 'off', false)
                """,
                [MigrationExchange.ownSearchPath, "\(settings.statementTimeout.milliseconds)ms"]
            )
        )
        var failure: PostgresError?
        do throws(PostgresError) {
            for result in try await connection.pipeline(preparation, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
            try await body()
        } catch {
            failure = error
        }
        await restoreSession(connection)
        if let failure { throw failure }
    }

    /// Takes back the role and the settings of a statement. A session that keeps them must not be used again.
    private func restoreSession(_ connection: PostgresConnection) async {
        guard connection.isOpen else { return }
        let cancellation = connection.cancellation
        connection.cancellation = .ignored
        defer { connection.cancellation = cancellation }
        let reset = InstanceProbe.sessionSettings(serverVersion: connection.serverVersion)
        do {
            for result in try await connection.pipeline(reset, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
        } catch {
            connection.close()
        }
    }

    /// - Returns: an error of the connection.
    /// - Throws: one of the server.
    private func lost(_ error: PostgresError, _ work: String) throws(Failure) -> PostgresError {
        guard error.code == .server || error.code == .unexpectedResult else { return error }
        throw Failure(error, doing: work, settings: settings)
    }
}
