import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres

/// The session that migrates an instance as its owner: the connection, the advisory lock on it, and what was read there.
///
/// Connection and lock are one state, so a lock without a connection cannot be expressed.
struct ChangeSession {
    /// What the session has to do with the advisory lock.
    enum LockState: Sendable {
        /// It has not taken the lock, or there is no connection.
        case none
        /// It holds the lock.
        case held
        /// It took the lock, and its connection is closed: the server process may still hold the lock.
        case inDoubt
    }

    private enum State {
        /// Before the first connection, and while a lost one is not replaced.
        case disconnected
        case connected(PostgresConnection)
        case locked(PostgresConnection)
    }

    private var state = State.disconnected

    /// What the catalogue said when it was last read, and the ledger that was chosen from it; nil before the first reading.
    ///
    /// It outlives a lost connection: the next one must reach the same server.
    private(set) var catalogue: (facts: InstanceFacts, ledger: Ledger)?
    /// The statements that the session keeps.
    var statements = KeptStatements()
    /// Convoy's own statements around the migrations of this session; nil until ``writeScript(run:direction:writesAuditLog:settings:)``.
    private(set) var script: ExchangeScript?

    /// Nil before the first connection, and while a lost one is not replaced.
    var connection: PostgresConnection? {
        switch state {
        case .disconnected: nil
        case .connected(let connection), .locked(let connection): connection
        }
    }

    var lock: LockState {
        guard case .locked(let connection) = state else { return .none }
        return connection.isOpen ? .held : .inDoubt
    }

    /// A connection was opened.
    mutating func connected(_ connection: PostgresConnection) {
        state = .connected(connection)
        statements.sessionChanged()
        script = nil
    }

    /// The catalogue and the ledger were read.
    mutating func catalogueRead(_ reading: InstanceProbe.Reading) { catalogue = (reading.facts, reading.ledger) }

    /// The server gave the advisory lock to the session.
    mutating func lockTaken() {
        if let connection { state = .locked(connection) }
    }

    /// Closes a connection that is of no use any more. Its server process may live on for a while, with the lock.
    mutating func disconnect() {
        connection?.close()
        state = .disconnected
        statements.sessionChanged()
        script = nil
    }

    /// The catalogue was read under the lock, and it is decided whether migrations write the audit log. Nothing is written if the catalogue did not
    /// say which server process this is.
    mutating func writeScript(run: String, direction: MigrationDirection, writesAuditLog: Bool, settings: InstanceSettings) {
        guard let (facts, ledger) = catalogue, let identity = facts.identity else { return script = nil }
        script = ExchangeScript(
            ledger: ledger,
            identity: identity,
            run: run,
            direction: direction,
            role: facts.roleToSet(for: ledger),
            audit: writesAuditLog ? RepeatedStatements.AuditUse(of: facts.auditTable, beside: ledger) : .none,
            statementTimeout: settings.statementTimeout,
            serverVersion: connection?.serverVersion ?? 0
        )
    }
}

extension RepeatedStatements.AuditUse {
    /// What migrations do with an audit log that they write: where it is another role's, that role may let them only insert.
    ///
    /// - Parameter table: nil if Convoy has just made it.
    init(of table: InstanceFacts.AuditTable?, beside ledger: Ledger) {
        self = table.map { $0.owner == ledger.owner } ?? true ? .writesAndReads : .writes
    }
}
