import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres

/// Reads where an instance stands: two round trips in one read-only transaction, on the connection that may go on to migrate.
struct InstanceProbe {
    let instance: Instance
    var cancellation = Cancellation.observed

    /// What one probe learnt.
    struct Reading {
        var facts: InstanceFacts
        var ledger: Ledger
        /// Nil where there is no ledger yet.
        var contents: LedgerContents?
    }

    /// A bound for each of Convoy's own queries: on the server, and a little later here, should the server fall silent.
    static let queryTimeout = Duration.seconds(30)
    static let silenceTimeout = Duration.seconds(40)

    /// Opens a session, past the pooler where the fleet file knows a way. A server that is full or starting up is asked again until
    /// `connect_timeout` has passed.
    func connect() async throws(Failure) -> PostgresConnection {
        try await connect(instance.direct ?? instance.connection)
    }

    func connect(_ parameters: ConnectionParameters) async throws(Failure) -> PostgresConnection {
        let deadline = ContinuousClock.now + instance.settings.connectTimeout
        while true {
            do {
                return try await PostgresConnection.connect(
                    parameters,
                    applicationName: "convoy",
                    timeout: max(.milliseconds(1), deadline - .now),
                    cancellation: cancellation
                )
            } catch {
                let pause = Duration.milliseconds(200)
                guard ["53300", "57P03"].contains(error.sqlstate), .now + pause < deadline, !isCancelled else {
                    throw Failure(connecting: error, to: instance)
                }
                try? await Task.sleep(for: pause)
            }
        }
    }

    private var isCancelled: Bool { cancellation == .observed && Task.isCancelled }

    /// Reads facts and ledger.
    func read(_ connection: PostgresConnection) async throws(Failure) -> Reading {
        do {
            let opening = [
                PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
                PipelineStatement(
                    """
                    SELECT pg_catalog.set_config('search_path', '\(MigrationExchange.ownSearchPath)', true),
                        pg_catalog.set_config('statement_timeout', '\(Self.queryTimeout.milliseconds)', true),
                        pg_catalog.set_config('lock_timeout', '\(instance.settings.lockTimeout.milliseconds)', true),
                        pg_catalog.set_config('datestyle', 'ISO', true)
                    """
                ),
            ]
            let queries = InstanceFacts.queries(serverVersion: connection.serverVersion)
            let answers = try await connection.pipeline(opening + queries, timeout: Self.silenceTimeout)
            let facts = try InstanceFacts(Array(answers.dropFirst(opening.count)), connection: connection)
            return try await readLedger(facts, connection)
        } catch let error as PostgresError {
            throw Failure(error, doing: "reading the catalogue", settings: instance.settings)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.failed, "reading the catalogue: \(error)")
        }
    }

    private func readLedger(_ facts: InstanceFacts, _ connection: PostgresConnection) async throws -> Reading {
        let (ledger, exists) = try InstanceAssessment.ledger(in: facts, settings: instance.settings).get()
        guard exists else {
            try await connection.query("COMMIT", timeout: Self.silenceTimeout)
            return Reading(facts: facts, ledger: ledger, contents: nil)
        }
        var statements: [PipelineStatement] = []
        // A member that does not inherit the owner's rights can read only as the owner.
        let candidate = facts.ledgerCandidates.first { $0.schema == ledger.schema }
        if let candidate, !candidate.inheritsOwner, candidate.mayActAsOwner, !facts.isSuperuser {
            statements.append(PipelineStatement("SET LOCAL ROLE \(quotedIdentifier(ledger.owner))"))
        }
        let contents = try await Self.read(ledger, facts, before: statements, after: [PipelineStatement("COMMIT")], connection, instance)
        return Reading(facts: facts, ledger: ledger, contents: contents)
    }

    /// Reads ledger and audit log in one round trip; leaves no transaction open.
    static func read(
        _ ledger: Ledger,
        _ facts: InstanceFacts,
        before: [PipelineStatement],
        after: [PipelineStatement],
        _ connection: PostgresConnection,
        _ instance: Instance
    ) async throws -> LedgerContents {
        let readsLog = facts.auditTable.map { $0.columns.isSuperset(of: AuditLog.columns) } ?? false
        let results = try await connection.pipeline(
            before + [ledger.reading] + (readsLog ? [AuditLog.reading] : []) + after,
            timeout: silenceTimeout
        )
        if connection.transactionStatus != .idle { try await connection.query("ROLLBACK", timeout: silenceTimeout) }
        if case .failure(let message) = results[before.count] {
            guard message.sqlstate == "42501" else {
                throw Failure(
                    PostgresError(.server, message.message, server: message),
                    doing: "reading the ledger",
                    settings: instance.settings
                )
            }
            throw Failure(
                .blocked,
                "role \(facts.role) may not read the ledger \(ledger.schema).\(Ledger.tableName)",
                sqlstate: message.sqlstate,
                hint: "log in as \(ledger.owner), which owns it"
            )
        }
        for result in results.prefix(before.count) { _ = try result.get() }
        var contents = try LedgerContents(results[before.count].get().onlyRow())
        if facts.auditTable != nil, !readsLog {
            contents.auditProblem = "convoy.migration_log has other columns than Convoy's: it is left alone, and nothing is written there"
        } else if readsLog {
            switch results[before.count + 1] {
            case .success(let log):
                for row in log.rows { contents.checksums[MigrationVersion(try row.int64("version"))] = try row.text("checksum") }
            case .failure(let message):
                contents.auditProblem = "convoy.migration_log cannot be read, and nothing is written there: \(message.message)"
            case .skipped: break
            }
        }
        return contents
    }
}
