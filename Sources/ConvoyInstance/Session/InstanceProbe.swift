import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Probes an instance: in a few round trips of read-only transactions, on the connection that may then migrate it.
struct InstanceProbe {
    let instance: Instance
    /// The `application_name` of its sessions.
    var sessionName = "convoy"
    var cancellation = Cancellation.observed
    var busyServer = BusyServer.waitedFor
    /// How long a server, a role, a database or a pooler that has no connection left is asked again, where that is longer than `connect_timeout`:
    /// a change that is due waits for its turn, and is not lost because others work.
    var turnWait = Duration.zero
    /// Called once, when the wait for a free connection begins, with what the server says.
    var onWait: (@Sendable (_ reason: String) -> Void)?

    /// What is done about a server that is full or starting up.
    enum BusyServer {
        /// It is asked again until `connect_timeout` has passed.
        case waitedFor
        /// The server's next free connection is left to sessions that need it more.
        case leftAlone
    }

    /// What one probe learnt.
    struct Reading {
        var facts: InstanceFacts
        var ledger: Ledger
        /// Nil if there is no ledger yet.
        var contents: LedgerContents?
        /// Whether the session may meet the tenant's code: only then is anything but the ledger read.
        var mayWork = true
    }

    /// Whether ``InstanceFacts/pending`` is read.
    enum Completion {
        case always
        /// Only where it takes more to judge what the ledger says.
        case whereNeeded((LedgerContents?) -> Bool)
    }

    /// A bound for each of Convoy's own queries: on the server, and a little later here, should the server fall silent.
    static let queryTimeout = Duration.seconds(30)
    static let silenceTimeout = Duration.seconds(40)

    /// Opens a session, past the pooler where the fleet file knows a way.
    func connect() async throws(Failure) -> PostgresConnection {
        try await connect(instance.direct ?? instance.connection)
    }

    func connect(_ parameters: ConnectionParameters) async throws(Failure) -> PostgresConnection {
        let begin = ContinuousClock.now
        var deadline = begin + instance.settings.connectTimeout
        var wait = Duration.milliseconds(200)
        var waits = false
        var refusal: PostgresError?
        // The time of secret commands is not the server's.
        var secretWait = Duration.zero
        while true {
            let timeout = max(.milliseconds(1), min(instance.settings.connectTimeout, deadline + secretWait - .now))
            do {
                return try await PostgresConnection.connect(
                    parameters,
                    applicationName: sessionName,
                    timeout: timeout,
                    cancellation: cancellation,
                    secretWait: &secretWait
                )
            } catch {
                let isFull = error.saysNoConnectionIsLeft
                let isBusy = isFull || error.sqlstate == "57P03"
                if isBusy { refusal = error }
                if isFull { deadline = max(deadline, begin + turnWait) }
                guard busyServer == .waitedFor, isBusy, .now + wait < deadline + secretWait, !isCancelled else {
                    // What the server has said explains more than an attempt for which too little time was left.
                    let wasCutShort = error.code == .timedOut && timeout < instance.settings.connectTimeout
                    throw Failure(connecting: wasCutShort ? refusal ?? error : error, to: instance)
                }
                if isFull, !waits {
                    onWait?(error.message)
                    waits = true
                }
                // Jitter: waiting sessions do not all come back at the same moment.
                await ConvoyIO.pause(for: wait * Double.random(in: 0.75...1.25), cancellation: cancellation)
                wait = min(wait * 1.5, .seconds(2))
            }
        }
    }

    /// Opens a session that outlives a probe: names mean the server's own there, whatever search path the database's owner has set for everyone.
    func session(_ parameters: ConnectionParameters? = nil) async throws(Failure) -> PostgresConnection {
        let connection = try await connect(parameters ?? instance.direct ?? instance.connection)
        do throws(PostgresError) {
            let settings = Self.sessionSettings(serverVersion: connection.serverVersion)
            for result in try await connection.pipeline(settings, timeout: Self.silenceTimeout) { _ = try result.get() }
            return connection
        } catch {
            connection.close()
            throw Failure(error, doing: "preparing the session", settings: instance.settings)
        }
    }

    /// What is set for a whole session that holds locks. Without the keepalives a server would notice only after two hours that this machine
    /// vanished, and keep the locks until then.
    static func sessionSettings(serverVersion: Int) -> [PipelineStatement] {
        var settings = [
            ("search_path", MigrationExchange.ownSearchPath), ("statement_timeout", "0"), ("datestyle", "ISO"),
            ("client_min_messages", "warning"),
            ("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "4"),
        ]
        if serverVersion >= 140_000 { settings.append(("idle_session_timeout", "0")) }
        if serverVersion >= 170_000 { settings.append(("transaction_timeout", "0")) }
        var calls = settings.map { "pg_catalog.set_config(\(quotedLiteral($0)), \(quotedLiteral($1)), false)" }
        if serverVersion >= 140_000 {
            // Not every operating system can watch for lost clients; the server refuses the setting there.
            calls.append(
                """
                CASE WHEN pg_catalog.version() OPERATOR(pg_catalog.~~) '%linux%'
                    THEN pg_catalog.set_config('client_connection_check_interval', '1s', false) END
                """
            )
        }
        return OwnIdentity.resets + [PipelineStatement("SELECT " + calls.joined(separator: ", "))]
    }

    private var isCancelled: Bool { cancellation == .observed && Task.isCancelled }

    /// Reads facts and ledger. Rows that a policy hides are an error, so that no applied version is taken for pending.
    ///
    /// - Throws: `blocked`, before anything of the tenant's was read, where the login could become more than the tenant.
    func read(_ connection: PostgresConnection, completing completion: Completion = .always) async throws(Failure) -> Reading {
        do {
            let opening = opening(on: connection)
            var statements = opening + [InstanceFacts.query(serverVersion: connection.serverVersion)]
            if case .always = completion { statements += PendingFacts.queries }
            let answers = try await connection.pipeline(statements, timeout: Self.silenceTimeout)
            guard answers.count == statements.count else { throw PostgresError(.unexpectedResult, "the server skipped a statement") }
            for answer in answers.prefix(opening.count) { _ = try answer.get() }
            var facts = try InstanceFacts(answers[opening.count], connection: connection)
            if case .always = completion { facts.pending = try PendingFacts(Array(answers[(opening.count + 1)...])) }
            let settings = try await readRoles(&facts, connection)
            var reading = try await readLedger(facts, settings, connection)
            if case .whereNeeded(let isNeeded) = completion, isNeeded(reading.contents) {
                let answers = try await connection.transaction(opening + PendingFacts.queries + [PipelineStatement("COMMIT")])
                reading.facts.pending = try PendingFacts(answers.dropFirst(opening.count).dropLast().map { .success($0) })
            }
            return reading
        } catch let error as PostgresError {
            throw Failure(error, doing: "reading the catalogue", settings: instance.settings)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.failed, "reading the catalogue: \(error)")
        }
    }

    /// Begins a transaction that only reads, as the role that logged in, and that neither waits for ever nor trusts the settings of role and database.
    ///
    /// A `SET LOCAL` each: one statement with a `set_config` for each takes a new session ten times as long, most of it to find that function.
    func opening(on connection: PostgresConnection) -> [PipelineStatement] {
        [PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")] + OwnIdentity.localResets
            + [
                "search_path TO \(MigrationExchange.ownSearchPath)",
                "statement_timeout TO \(Self.queryTimeout.milliseconds)",
                "lock_timeout TO \(instance.settings.lockTimeout.milliseconds)",
                "idle_in_transaction_session_timeout TO \(Self.silenceTimeout.milliseconds)",
                "datestyle TO 'ISO'",
                "row_security TO off",
                "client_min_messages TO warning",
            ].map { PipelineStatement("SET LOCAL \($0)") } + OwnIdentity.withoutTransactionTimeout(serverVersion: connection.serverVersion)
    }

    /// Reads what login and owners can become, where they are not one.
    ///
    /// - Returns: what makes sessions of the login begin as another role.
    private func readRoles(_ facts: inout InstanceFacts, _ connection: PostgresConnection) async throws -> [RoleSetting] {
        guard !facts.belongToLogin else { return [] }
        let names = facts.ledgerCandidates.map(\.owner) + [facts.databaseOwner, facts.auditTable?.owner].compactMap(\.self)
        let owners = Set(names.map(ExactText.init)).sorted().map(\.text)
        let answers = try await connection.pipeline(
            [RoleReach.query(of: owners, serverVersion: connection.serverVersion), RoleSetting.query],
            timeout: Self.silenceTimeout
        )
        facts.roles = try RoleReach.all(answers[0].get())
        let logIsSuperusers = facts.auditTable.map { facts.ownsAsSuperuser($0.owner) } ?? false
        facts.auditTable?.ownerIsSuperuser = logIsSuperusers
        return try answers[1].get().rows.map { row throws(PostgresError) in try RoleSetting(row) }
    }

    private func readLedger(_ facts: InstanceFacts, _ roleSettings: [RoleSetting], _ connection: PostgresConnection) async throws -> Reading
    {
        let (ledger, exists) = try Ledger.choose(from: facts, settings: instance.settings).get()
        let mayWork = try checkRights(facts, ledger, roleSettings)
        guard exists else {
            let answers = try await connection.pipeline([ledger.tableOwner, PipelineStatement("COMMIT")], timeout: Self.silenceTimeout)
            guard answers.count == 2 else { throw PostgresError(.unexpectedResult, "the server skipped a statement") }
            var facts = facts
            facts.tableOwner = try answers[0].get().rows.first?.text("owner")
            _ = try answers[1].get()
            return Reading(facts: facts, ledger: ledger, contents: nil, mayWork: mayWork)
        }
        let contents = try await LedgerReading(ledger: ledger, facts: facts, mayWork: mayWork, settings: instance.settings).contents(
            connection
        )
        return Reading(facts: facts, ledger: ledger, contents: contents, mayWork: mayWork)
    }

    /// Decides from the catalogue alone whether this login may touch the instance.
    ///
    /// - Returns: whether it may do more than read the ledger.
    private func checkRights(_ facts: InstanceFacts, _ ledger: Ledger, _ roleSettings: [RoleSetting]) throws(Failure) -> Bool {
        guard let roles = facts.roles else { return true }
        func reach(_ name: String) -> RoleReach { roles[ExactText(name)] ?? RoleReach(role: RoleFacts(name: name)) }
        let login = reach(facts.role)
        if login.superuser != nil, let failure = RoleSetting.failure(roleSettings, login: facts.role) { throw failure }
        let candidate = facts.ledgerCandidates.first { $0.schema == ledger.schema }
        let rights = LoginRights(
            login: login,
            owner: reach(ledger.owner),
            databaseOwner: reach(facts.databaseOwner),
            mayActAsOwner: facts.role.isIdentical(to: ledger.owner) || candidate.map(\.mayActAsOwner) ?? facts.mayActAsDatabaseOwner
        )
        switch rights.verdict(instance.settings) {
        case .works: return true
        case .reads: return false
        case .refused(let tenant, let surplus): throw rights.failure(over: tenant, surplus)
        }
    }
}
