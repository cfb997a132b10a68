import ConvoyMigrations
import ConvoyPostgres

/// Convoy's own statements around the migrations of one session, written once: they depend on the ledger, the roles and the server only.
///
/// What differs between migrations is in ``MigrationExchange``.
struct ExchangeScript: Sendable {
    let ledger: Ledger
    let identity: SessionIdentity
    let run: String
    let direction: MigrationDirection
    /// The role that migrations run as, set with `SET LOCAL ROLE`; nil if the login role owns the ledger.
    let role: String?
    let audit: RepeatedStatements.AuditUse
    /// How long a statement may take, unless the migration's file says otherwise.
    let statementTimeout: Duration

    /// The settings of a transaction until its version is recorded: `$1` is the time-out of the ledger's lock, `$2` that of idling.
    private(set) var opening: String
    /// Locks the ledger against other migrators.
    let ledgerLock: PipelineStatement
    /// Records the version or takes it back.
    let recording: String
    /// Checks the ledger's row, and the audit row if our role can read it.
    let readingBack: String

    /// The settings of a migration's own statements: `$1` is the path, `$2` and `$3` are the time-outs of locks and statements.
    static let settings = """
        SELECT pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('lock_timeout', $2, true),
            pg_catalog.set_config('statement_timeout', $3, true)
        """

    /// - Parameter serverVersion: since 17 the server has `transaction_timeout`.
    init(
        ledger: Ledger,
        identity: SessionIdentity,
        run: String,
        direction: MigrationDirection,
        role: String?,
        audit: RepeatedStatements.AuditUse,
        statementTimeout: Duration,
        serverVersion: Int
    ) {
        self.ledger = ledger
        self.identity = identity
        self.run = run
        self.direction = direction
        self.role = role
        self.audit = audit
        self.statementTimeout = statementTimeout
        opening = Self.opening(serverVersion: serverVersion)
        ledgerLock = ledger.lock
        recording = ledger.recording(direction)
        readingBack = ledger.readingBack(direction, readsAuditLog: audit == .writesAndReads)
    }

    /// The same script for another session, which may reach a server of another version.
    func on(serverVersion: Int) -> ExchangeScript {
        var script = self
        script.opening = Self.opening(serverVersion: serverVersion)
        return script
    }

    private static func opening(serverVersion: Int) -> String {
        let ours = [
            ("search_path", quotedLiteral(MigrationExchange.ownSearchPath)), ("lock_timeout", "$1"),
            ("idle_in_transaction_session_timeout", "$2"),
            // The wait for the ledger's lock is bounded by lock_timeout; the migration's own limit comes after it.
            ("statement_timeout", "'0'"),
            // The splitter reads backslashes in plain strings as such.
            ("standard_conforming_strings", "'on'"),
        ]
        let theirs = serverVersion >= 170_000 ? [("transaction_timeout", "'0'")] : []
        return "SELECT " + (ours + theirs).map { "pg_catalog.set_config('\($0)', \($1), true)" }.joined(separator: ", ")
    }

    /// Has the session parse and keep the statements that each migration repeats. It must be done as the ledger's owner, with Convoy's own path.
    func preparations(of repeated: RepeatedStatements) -> [PipelineStatement] {
        var texts: [(RepeatedStatements.Key, String)] = [
            (.opening, opening), (.settings, Self.settings), (.recording, recording), (.readBack, readingBack),
        ]
        if audit != .none { texts.append((.audit, AuditLog.insertion)) }
        return texts.map { PipelineStatement($1, preparation: .prepares(repeated.name($0))) }
    }

    /// A trigger, rule or expression on these tables would run with the administrator's rights; `SET ROLE` is no shield, because a trigger can reset it.
    /// The tables are locked so that none can be added meanwhile, and so is the list of schemas: renamed at the right moment, another table would take
    /// the place of the one that was looked at. Only a superuser may lock that list, and who is one is said by `session_user`: any other role is only
    /// borrowed.
    var triggerGuard: PipelineStatement { triggerGuard(includesAuditLog: audit != .none) }

    /// The same where the audit log is used although the script does not write it. Both tables must exist.
    func triggerGuard(includesAuditLog: Bool) -> PipelineStatement {
        let schemas = """
            IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) THEN
                LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE;
                LOCK TABLE \(ledger.table) IN SHARE UPDATE EXCLUSIVE MODE;
            END IF;

            """
        let locksLog = includesAuditLog ? "LOCK TABLE \(AuditLog.table) IN SHARE UPDATE EXCLUSIVE MODE;\n" : ""
        return Ledger.block(schemas + locksLog + AdminHazards.refusal(ledger: ledger, includesAuditLog: includesAuditLog))
    }

    /// The same before the tables are made: an event trigger would run while they are. Takes no lock, so it does not replace ``triggerGuard(includesAuditLog:)``.
    func creationGuard(includesAuditLog: Bool) -> PipelineStatement {
        Ledger.block(AdminHazards.refusal(ledger: ledger, includesAuditLog: includesAuditLog))
    }
}
