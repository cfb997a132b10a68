import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres

/// Builds what goes over the wire for migrations of one instance: our own statements around those of the file.
struct MigrationExchange: Sendable {
    var ledger: Ledger
    var identity: SessionIdentity
    var run: String
    var direction: MigrationDirection
    /// Set with `SET LOCAL ROLE`; nil where the login role owns the ledger.
    var role: String?
    var writesAuditLog: Bool
    /// How long to wait for the ledger's table lock.
    var ledgerLockWait: Duration
    /// How long a migration's own statements wait for a lock.
    var lockTimeout: Duration
    var statementTimeout: Duration
    /// Since 17 the server has `transaction_timeout`.
    var serverVersion: Int
    /// How long the session may idle in a transaction before the server ends it and frees its locks, should Convoy be stopped or stuck; zero is no limit.
    var idleTimeout = Duration.seconds(60)
    /// For the admin connection: refuse ledgers that could run code with its rights.
    var guardsAgainstTriggers = false

    /// Which part of the exchange a statement is.
    enum Place: Sendable, Hashable {
        case begin, ledgerLock, guarding, constraints, audit, commit
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

    /// The path that a migration's statements see.
    var searchPath: String {
        ledger.schema == "public" ? "public, pg_temp" : "\(quotedIdentifier(ledger.schema)), public, pg_temp"
    }

    /// One migration from BEGIN to COMMIT.
    ///
    /// The predecessor's guard is there because a COMMIT that itself fails ends its transaction without making the server skip what follows.
    func parts(of migration: Migration, section: MigrationSection, predecessor: MigrationVersion?) -> [Part] {
        var parts: [Part] = []
        var items =
            opening(migration) + [
                Item(
                    migration: migration,
                    place: .guarding,
                    statement: Ledger.block(
                        [
                            perform(settings: [
                                ("lock_timeout", timeoutText(lockTimeout)),
                                ("statement_timeout", timeoutText(section.statementTimeout ?? statementTimeout)),
                            ]),
                            guardsAgainstTriggers ? triggerGuard : "",
                            ledger.predecessorGuard(predecessor, direction),
                            ledger.recording(migration.version, direction),
                            perform(settings: [("search_path", searchPath)]),
                        ]
                    )
                )
            ]
        for element in section.elements {
            switch element {
            case .statement(let statement):
                items.append(Item(migration: migration, place: .statement(statement), statement: PipelineStatement(statement.text)))
            case .step(let name, let line):
                parts += [.items(items), .step(name: name, line: line)]
                items = []
            }
        }
        items.append(Item(migration: migration, place: .constraints, statement: PipelineStatement("SET CONSTRAINTS ALL IMMEDIATE")))
        parts.append(.items(items + closing(migration)))
        return parts
    }

    /// BEGIN, role, settings and the ledger's lock.
    func opening(_ migration: Migration) -> [Item] {
        var statements = [PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")]
        if let role { statements.append(PipelineStatement("SET LOCAL ROLE \(quotedIdentifier(role))")) }
        var settings = [
            ("search_path", Self.ownSearchPath), ("lock_timeout", timeoutText(max(ledgerLockWait, .milliseconds(1)))),
            // The wait for the ledger's lock is bounded by lock_timeout; the guard sets the migration's own limit.
            ("statement_timeout", "0"), ("idle_in_transaction_session_timeout", timeoutText(idleTimeout)),
            // The splitter reads backslashes in plain strings as such.
            ("standard_conforming_strings", "on"),
        ]
        if serverVersion >= 170_000 { settings.append(("transaction_timeout", "0")) }
        statements.append(PipelineStatement("SELECT " + settings.map(setConfig).joined(separator: ", ")))
        return statements.map { Item(migration: migration, place: .begin, statement: $0) }
            + [Item(migration: migration, place: .ledgerLock, statement: ledger.lock)]
    }

    /// The audit row and COMMIT, whose result is asked for at once.
    func closing(_ migration: Migration, startedAt: String? = nil) -> [Item] {
        var items: [Item] = []
        if writesAuditLog {
            let row = AuditLog.insertion(migration, direction, run: run, identity: identity, startedAt: startedAt)
            items.append(Item(migration: migration, place: .audit, statement: row))
        }
        items.append(Item(migration: migration, place: .commit, statement: PipelineStatement("COMMIT", flushes: true)))
        return items
    }

    /// A trigger, rule or expression on these tables would run with the administrator's rights; `SET ROLE` is no shield, because a trigger can reset it.
    /// The tables are locked so that none can be added meanwhile, and so is the list of schemas: renamed at the right moment, another table would take
    /// the place of the one that was looked at.
    private var triggerGuard: String {
        let schemas = """
            IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) THEN
                LOCK TABLE pg_catalog.pg_namespace IN SHARE MODE;
                LOCK TABLE \(ledger.table) IN SHARE UPDATE EXCLUSIVE MODE;
            END IF;

            """
        let audit = writesAuditLog ? "LOCK TABLE \(AuditLog.table) IN SHARE UPDATE EXCLUSIVE MODE;\n" : ""
        let tables =
            "SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
            + "(n.nspname = \(quotedLiteral(ledger.schema)) AND c.relname = '\(Ledger.tableName)')"
            + (writesAuditLog ? " OR (n.nspname = 'convoy' AND c.relname = 'migration_log')" : "")
        return """
            \(schemas)\(audit)IF EXISTS (SELECT FROM pg_catalog.pg_event_trigger)
                OR EXISTS (
                    SELECT FROM (\(tables)) t
                    WHERE t.relkind <> 'r'
                        OR EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = t.oid)
                        OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = t.oid)
                        OR EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = t.oid)
                        OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid AND k.contype NOT IN ('p', 'u', 'n'))
                        OR EXISTS (SELECT FROM pg_catalog.pg_attrdef d WHERE d.adrelid = t.oid)
                        OR EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = t.oid OR h.inhparent = t.oid)
                        OR EXISTS (
                            SELECT FROM pg_catalog.pg_index i
                            WHERE i.indrelid = t.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
                        OR EXISTS (
                            SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
                            WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND y.typnamespace <> 'pg_catalog'::regnamespace))
            THEN
                RAISE EXCEPTION USING ERRCODE = '\(Ledger.GuardCode.unsafe)',
                    MESSAGE = 'the ledger or the audit log has a trigger, rule, check or expression, or the database an event trigger';
            END IF;

            """
    }

    private func perform(settings: [(String, String)]) -> String {
        "PERFORM " + settings.map(setConfig).joined(separator: ", ") + ";\n"
    }

    private func setConfig(_ name: String, _ value: String) -> String {
        "pg_catalog.set_config(\(quotedLiteral(name)), \(quotedLiteral(value)), true)"
    }

    /// Milliseconds; zero is no limit.
    private func timeoutText(_ duration: Duration) -> String { "\(duration.milliseconds)ms" }
}
