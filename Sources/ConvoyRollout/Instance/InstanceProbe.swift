import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres

/// Reads where an instance stands: two round trips in one read-only transaction, on the connection that may go on to migrate.
struct InstanceProbe {
    let instance: Instance
    /// The `application_name` of its sessions.
    var sessionName = "convoy"
    var cancellation = Cancellation.observed
    var busyServer = BusyServer.waitedFor

    /// What is done about a server that is full or starting up.
    enum BusyServer {
        /// It is asked again until `connect_timeout` has passed.
        case waitedFor
        /// Its next free connection belongs to whoever needs it more.
        case leftAlone
    }

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

    /// Opens a session, past the pooler where the fleet file knows a way.
    func connect() async throws(Failure) -> PostgresConnection {
        try await connect(instance.direct ?? instance.connection)
    }

    func connect(_ parameters: ConnectionParameters) async throws(Failure) -> PostgresConnection {
        let deadline = ContinuousClock.now + instance.settings.connectTimeout
        while true {
            do {
                return try await PostgresConnection.connect(
                    parameters,
                    applicationName: sessionName,
                    timeout: max(.milliseconds(1), deadline - .now),
                    cancellation: cancellation
                )
            } catch {
                let pause = Duration.milliseconds(200)
                guard busyServer == .waitedFor, ["53300", "57P03"].contains(error.sqlstate), .now + pause < deadline, !isCancelled else {
                    throw Failure(connecting: error, to: instance)
                }
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Opens a session that outlives a probe: names mean the server's own there, whatever search path the database's owner has set for everyone.
    func session(_ parameters: ConnectionParameters? = nil) async throws(Failure) -> PostgresConnection {
        let connection = try await connect(parameters ?? instance.direct ?? instance.connection)
        do {
            _ = try await connection.query(Self.sessionSettings(serverVersion: connection.serverVersion), timeout: Self.silenceTimeout)
            return connection
        } catch {
            connection.close()
            throw Failure(error, doing: "preparing the session", settings: instance.settings)
        }
    }

    /// What is set for a whole session that holds locks. Without the keepalives a server would notice only after two hours that this machine
    /// vanished, and keep the locks until then.
    static func sessionSettings(serverVersion: Int) -> PipelineStatement {
        var settings = [
            ("search_path", MigrationExchange.ownSearchPath), ("statement_timeout", "0"), ("datestyle", "ISO"),
            ("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "4"),
        ]
        if serverVersion >= 140_000 { settings.append(("idle_session_timeout", "0")) }
        let calls = settings.map { "pg_catalog.set_config(\(quotedLiteral($0)), \(quotedLiteral($1)), false)" }
        return PipelineStatement("SELECT " + calls.joined(separator: ", "))
    }

    private var isCancelled: Bool { cancellation == .observed && Task.isCancelled }

    /// Reads facts and ledger. Rows that a policy hides are an error, so that no applied version is taken for pending.
    func read(_ connection: PostgresConnection) async throws(Failure) -> Reading {
        do {
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

    /// Begins a transaction that only reads, and that neither waits for ever nor trusts the role's settings.
    var opening: [PipelineStatement] {
        [
            PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
            PipelineStatement(
                """
                SELECT pg_catalog.set_config('search_path', '\(MigrationExchange.ownSearchPath)', true),
                    pg_catalog.set_config('statement_timeout', '\(Self.queryTimeout.milliseconds)', true),
                    pg_catalog.set_config('lock_timeout', '\(instance.settings.lockTimeout.milliseconds)', true),
                    pg_catalog.set_config('datestyle', 'ISO', true), pg_catalog.set_config('row_security', 'off', true)
                """
            ),
        ]
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
        let problem = facts.auditTable?.problem(beside: ledger, as: facts.role)
        let readsLog = facts.auditTable != nil && problem == nil
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
        contents.auditProblem = problem
        if readsLog {
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
