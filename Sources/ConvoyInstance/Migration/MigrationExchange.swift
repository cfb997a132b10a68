import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import FoundationEssentials

/// Builds what goes over the wire for one migration: the session's script around the statements of the file.
struct MigrationExchange: Sendable {
    var script: ExchangeScript
    /// Whether the session has an administrator's rights. Then it does not become the ledger's owner, and refuses a ledger that could run code.
    var hasAdminRights = false
    /// How long to wait for the ledger's table lock.
    var ledgerLockWait: Duration
    /// How long a migration's own statements wait for a lock.
    var lockTimeout: Duration
    /// How long the session may idle in a transaction before the server ends it and frees its locks, should Convoy be stopped or stuck;
    /// zero means no limit.
    var idleTimeout = Duration.seconds(60)
    /// The statements that each migration repeats, where the session keeps them; nil has them parsed each time.
    var repeated: RepeatedStatements?

    /// Which part of the exchange a statement is.
    enum Place: Sendable, Hashable {
        case begin, ledgerLock, guarding, ledger, constraints, audit, readBack, commit
        /// Only where a database starts from a checkpoint: its tables of Convoy's own are made there, it is still empty, and has the extensions.
        case ledgerCreation, auditCreation, emptiness, extensions
        case statement(SQLStatement)
    }

    /// One statement of the exchange, with the migration that it belongs to.
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

    var ledger: Ledger { script.ledger }

    /// Set with `SET LOCAL ROLE`; nil if the session keeps the login's role.
    var role: String? { hasAdminRights ? nil : script.role }

    private var writesAuditLog: Bool { script.audit != .none }

    /// One migration from BEGIN to COMMIT.
    ///
    /// The predecessor's guard is there because a COMMIT that itself fails ends its transaction without making the server skip what follows.
    func parts(of migration: Migration, section: MigrationSection, predecessor: MigrationVersion?) -> [Part] {
        var parts: [Part] = []
        var items = opening(migration)
        func add(_ place: Place, _ statement: PipelineStatement) {
            items.append(Item(migration: migration, place: place, statement: statement))
        }
        if hasAdminRights { add(.guarding, script.triggerGuard) }
        let versions = Ledger.parameters(migration.version, after: predecessor)
        add(.ledger, repeating(.recording, script.recording, versions))
        let timeouts = [timeoutText(lockTimeout), timeoutText(section.statementTimeout ?? script.statementTimeout)]
        add(.begin, repeating(.settings, ExchangeScript.settings, [ledger.searchPath] + timeouts))
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
        add(
            writesAuditLog ? .audit : .readBack,
            repeating(.settings, ExchangeScript.settings, [Self.ownSearchPath] + timeouts)
        )
        parts.append(.items(items + closing(migration)))
        return parts
    }

    /// BEGIN, role, settings and the ledger's lock.
    func opening(_ migration: Migration) -> [Item] {
        beginning(migration) + [Item(migration: migration, place: .ledgerLock, statement: script.ledgerLock)]
    }

    /// BEGIN, role and settings.
    func beginning(_ migration: Migration) -> [Item] {
        var statements = [PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")]
        if let role { statements.append(PipelineStatement("SET LOCAL ROLE \(quotedIdentifier(role))")) }
        let timeouts = [timeoutText(max(ledgerLockWait, .milliseconds(1))), timeoutText(idleTimeout)]
        statements.append(repeating(.opening, script.opening, timeouts))
        if let repeated, !repeated.isPrepared { statements += script.preparations(of: repeated) }
        return statements.map { Item(migration: migration, place: .begin, statement: $0) }
    }

    private func repeating(_ key: RepeatedStatements.Key, _ sql: String, _ parameters: [String?]) -> PipelineStatement {
        // The first of a session opens its transaction, and only then are they prepared.
        let isKept = key != .opening || repeated?.isPrepared == true
        return PipelineStatement(sql, parameters, preparation: isKept ? repeated.map { .uses($0.name(key)) } ?? .none : .none)
    }

    /// The audit row, a check of the ledger's row, and COMMIT, whose result is requested at once.
    func closing(_ migration: Migration) -> [Item] {
        var items: [Item] = []
        let id = UUID().uuidString
        if writesAuditLog {
            let row = AuditLog.parameters(migration, script.direction, run: script.run, identity: script.identity, id: id)
            items.append(Item(migration: migration, place: .audit, statement: repeating(.audit, AuditLog.insertion, row)))
        }
        let check = [migration.version.description] + (script.audit == .writesAndReads ? [id] : [])
        items.append(Item(migration: migration, place: .readBack, statement: repeating(.readBack, script.readingBack, check)))
        items.append(Item(migration: migration, place: .commit, statement: PipelineStatement("COMMIT", flushes: true)))
        return items
    }

    /// Records the version and checks whether the ledger keeps it, in a transaction that is rolled back: before a statement runs that
    /// cannot be rolled back.
    func rehearsal(_ migration: Migration, after predecessor: MigrationVersion?) -> [Item] {
        let recording = PipelineStatement(script.recording, Ledger.parameters(migration.version, after: predecessor))
        // There is no audit row to check.
        let readingBack = ledger.readingBack(script.direction, readsAuditLog: false)
        let parts: [(Place, PipelineStatement)] = [
            (.ledger, recording), (.constraints, Self.immediateConstraints),
            (.readBack, repeating(.readBack, readingBack, [migration.version.description])), (.begin, PipelineStatement("ROLLBACK")),
        ]
        return opening(migration) + parts.map { Item(migration: migration, place: $0, statement: $1) }
    }

    /// Milliseconds; zero means no limit.
    func timeoutText(_ duration: Duration) -> String { "\(duration.milliseconds)ms" }
}
