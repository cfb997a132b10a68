import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import FoundationEssentials

/// Builds what goes over the wire for migrations of one instance: our own statements around those of the file.
struct MigrationExchange: Sendable {
    var ledger: Ledger
    var identity: SessionIdentity
    var run: String
    var direction: MigrationDirection
    /// Set with `SET LOCAL ROLE`; nil where the login role owns the ledger.
    var role: String?
    var writesAuditLog: Bool
    /// Whether to check the audit row after writing it: our role can read the table.
    var readsAuditLog: Bool
    /// How long to wait for the ledger's table lock.
    var ledgerLockWait: Duration
    /// How long a migration's own statements wait for a lock.
    var lockTimeout: Duration
    var statementTimeout: Duration
    /// Since 17 the server has `transaction_timeout`.
    var serverVersion: Int
    /// How long the session may idle in a transaction before the server ends it and frees its locks, should Convoy be stopped or stuck;
    /// zero means no limit.
    var idleTimeout = Duration.seconds(60)
    /// The statements that each migration repeats, where the session keeps them; nil has them parsed each time.
    var repeated: RepeatedStatements?
    /// For the admin connection: refuse ledgers that could run code with its rights.
    var guardsAgainstTriggers = false

    /// Which part of the exchange a statement is.
    enum Place: Sendable, Hashable {
        case begin, ledgerLock, guarding, ledger, constraints, audit, readBack, commit
        case statement(SQLStatement)
    }

    struct Item: Sendable {
        var migration: Migration
        var place: Place
        var statement: PipelineStatement
    }

    /// One transaction: parts that go out together, with the Swift steps between them.
    enum Part: Sendable {
        case items([Item])
        case step(name: String, line: Int)
    }

    /// The path of Convoy's own statements.
    static let ownSearchPath = "pg_catalog, pg_temp"

    /// Deferred triggers and constraints run now, before the check of the ledger's row.
    static let immediateConstraints = PipelineStatement("SET CONSTRAINTS ALL IMMEDIATE")

    /// One migration from BEGIN to COMMIT.
    ///
    /// The predecessor's guard is there because a COMMIT that itself fails ends its transaction without making the server skip what follows.
    func parts(of migration: Migration, section: MigrationSection, predecessor: MigrationVersion?) -> [Part] {
        var parts: [Part] = []
        var items = opening(migration)
        func add(_ place: Place, _ statement: PipelineStatement) {
            items.append(Item(migration: migration, place: place, statement: statement))
        }
        if guardsAgainstTriggers { add(.guarding, Ledger.block(triggerGuard)) }
        let versions = Ledger.parameters(migration.version, after: predecessor)
        add(.ledger, repeating(.recording, ledger.recording(direction), versions))
        let timeouts = [timeoutText(lockTimeout), timeoutText(section.statementTimeout ?? statementTimeout)]
        add(.begin, repeating(.settings, Self.settingsSQL, [ledger.searchPath] + timeouts))
        for element in section.elements {
            switch element {
            case .statement(let statement):
                var sent = PipelineStatement(statement.text)
                sent.keepsRows = false
                add(.statement(statement), sent)
            case .step(let name, let line):
                parts += [.items(items), .step(name: name, line: line)]
                items = []
            }
        }
        add(.constraints, Self.immediateConstraints)
        // From here on Convoy's own statements run again, with Convoy's own search path, which cannot contain a tenant's operator.
        add(writesAuditLog ? .audit : .readBack, repeating(.settings, Self.settingsSQL, [Self.ownSearchPath] + timeouts))
        parts.append(.items(items + closing(migration)))
        return parts
    }

    /// BEGIN, role, settings and the ledger's lock.
    func opening(_ migration: Migration) -> [Item] {
        var statements = [PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")]
        if let role { statements.append(PipelineStatement("SET LOCAL ROLE \(quotedIdentifier(role))")) }
        statements.append(repeating(.opening, openingSQL, [timeoutText(max(ledgerLockWait, .milliseconds(1))), timeoutText(idleTimeout)]))
        return (statements + preparations).map { Item(migration: migration, place: .begin, statement: $0) }
            + [Item(migration: migration, place: .ledgerLock, statement: ledger.lock)]
    }

    /// The settings of a transaction until its version is recorded: the time-outs of the ledger's lock and of idling.
    private var openingSQL: String {
        let ours = [
            ("search_path", quotedLiteral(Self.ownSearchPath)), ("lock_timeout", "$1"), ("idle_in_transaction_session_timeout", "$2"),
            // The wait for the ledger's lock is bounded by lock_timeout; the migration's own limit comes after it.
            ("statement_timeout", "'0'"),
            // The splitter reads backslashes in plain strings as such.
            ("standard_conforming_strings", "'on'"),
        ]
        let theirs = serverVersion >= 170_000 ? [("transaction_timeout", "'0'")] : []
        return "SELECT " + (ours + theirs).map { "pg_catalog.set_config('\($0)', \($1), true)" }.joined(separator: ", ")
    }

    private static let settingsSQL = """
        SELECT pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('lock_timeout', $2, true),
            pg_catalog.set_config('statement_timeout', $3, true)
        """

    private func repeating(_ key: RepeatedStatements.Key, _ sql: String, _ parameters: [String?]) -> PipelineStatement {
        // The first of a session opens its transaction, and only then are they prepared.
        let isKept = key != .opening || repeated?.isPrepared == true
        return PipelineStatement(sql, parameters, preparation: isKept ? repeated.map { .uses($0.name(key)) } ?? .none : .none)
    }

    /// Has the session keep what is repeated, where it does not yet. It must be done as the ledger's owner, with Convoy's own path.
    private var preparations: [PipelineStatement] {
        guard let repeated, !repeated.isPrepared else { return [] }
        var texts: [(RepeatedStatements.Key, String)] = [
            (.opening, openingSQL), (.settings, Self.settingsSQL), (.recording, ledger.recording(direction)),
            (.readBack, ledger.readingBack(direction, readsAuditLog: readsAuditLog)),
        ]
        if writesAuditLog { texts.append((.audit, AuditLog.insertion)) }
        return texts.map { PipelineStatement($1, preparation: .prepares(repeated.name($0))) }
    }

    /// The audit row, a check of the ledger's row, and COMMIT, whose result is requested at once.
    func closing(_ migration: Migration) -> [Item] {
        var items: [Item] = []
        let id = UUID().uuidString
        if writesAuditLog {
            let row = AuditLog.parameters(migration, direction, run: run, identity: identity, id: id)
            items.append(Item(migration: migration, place: .audit, statement: repeating(.audit, AuditLog.insertion, row)))
        }
        items.append(Item(migration: migration, place: .readBack, statement: readingBack(migration, auditRow: id)))
        items.append(Item(migration: migration, place: .commit, statement: PipelineStatement("COMMIT", flushes: true)))
        return items
    }

    private func readingBack(_ migration: Migration, auditRow: String) -> PipelineStatement {
        let parameters = [migration.version.description] + (readsAuditLog ? [auditRow] : [])
        return repeating(.readBack, ledger.readingBack(direction, readsAuditLog: readsAuditLog), parameters)
    }

    /// Records the version and checks whether the ledger keeps it, in a transaction that is rolled back: before a statement runs that
    /// cannot be rolled back.
    func rehearsal(_ migration: Migration, after predecessor: MigrationVersion?) -> [Item] {
        var exchange = self
        exchange.readsAuditLog = false
        let recording = PipelineStatement(ledger.recording(direction), Ledger.parameters(migration.version, after: predecessor))
        let parts: [(Place, PipelineStatement)] = [
            (.ledger, recording), (.constraints, Self.immediateConstraints), (.readBack, exchange.readingBack(migration, auditRow: "")),
            (.begin, PipelineStatement("ROLLBACK")),
        ]
        return opening(migration) + parts.map { Item(migration: migration, place: $0, statement: $1) }
    }

    /// A trigger, rule or expression on these tables would run with the administrator's rights; `SET ROLE` is no shield, because a trigger can reset it.
    /// The tables are locked so that none can be added meanwhile, and so is the list of schemas: renamed at the right moment, another table would take
    /// the place of the one that was looked at. Only a superuser may lock that list, and who is one is said by `session_user`: any other role is only
    /// borrowed.
    private var triggerGuard: String {
        let schemas = """
            IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) THEN
                LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE;
                LOCK TABLE \(ledger.table) IN SHARE UPDATE EXCLUSIVE MODE;
            END IF;

            """
        let audit = writesAuditLog ? "LOCK TABLE \(AuditLog.table) IN SHARE UPDATE EXCLUSIVE MODE;\n" : ""
        return schemas + audit + AdminHazards.refusal(ledger: ledger, includesAuditLog: writesAuditLog)
    }

    /// Milliseconds; zero means no limit.
    private func timeoutText(_ duration: Duration) -> String { "\(duration.milliseconds)ms" }
}
