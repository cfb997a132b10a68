internal import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import FoundationEssentials

/// What the catalogue of an instance says, read in one read-only transaction without any lock of ours.
///
/// These are the facts that it takes to judge a database that is up to date; what matters only where something is pending is in ``pending``.
struct InstanceFacts: Sendable {
    var database: String
    /// The role that logged in.
    var role: String
    var isSuperuser: Bool
    var databaseOwner: String
    /// Whether our role may act as the database's owner.
    var mayActAsDatabaseOwner: Bool
    var isInRecovery: Bool
    var isReadOnlyByDefault: Bool
    /// As the server names it, for example `17.2`.
    var serverVersion: String
    /// Whether a pooler stands in between: the server reported another process id to libpq than the process that answered.
    var isPooled: Bool
    var ledgerCandidates: [LedgerTable]
    var auditTable: AuditTable?
    /// Nil if it was not read.
    var pending: PendingFacts?
    /// The role that owns the tables of the schema where a new ledger would go, or most of them; nil if it has no table, or there is a ledger.
    var tableOwner: String?
    /// Nil if it was not read: login and owner are the same role.
    var roles: [ExactText: RoleReach]?

    /// The owner of the database, if it is an ordinary role.
    var tenant: String? { ownsAsSuperuser(databaseOwner) ? nil : databaseOwner }

    /// Whether a role that owns something is a superuser.
    func ownsAsSuperuser(_ name: String) -> Bool {
        name.isIdentical(to: role) ? isSuperuser : roles?[ExactText(name)]?.role.attributes.contains(.superuser) ?? false
    }

    /// Whether all that was found belongs to the login, so that nothing is in doubt.
    var belongToLogin: Bool {
        ([databaseOwner, auditTable?.owner].compactMap(\.self) + ledgerCandidates.map(\.owner)).allSatisfy { $0.isIdentical(to: role) }
    }

    /// A table named `schema_migrations`.
    struct LedgerTable: Sendable, Hashable {
        var schema: String
        var kind: String
        var owner: String
        /// Whether our role may act as the owner: by `SET ROLE`, or without.
        var mayActAsOwner: Bool
        var inheritsOwner: Bool
        /// Whether our role may write the ledger, as the app's role does; a role that may not only probes.
        var mayInsert = false
        var versionType: String?
        var insertedAtType: String?
        var isUniqueOnVersion: Bool

        var hasEctoShape: Bool {
            (kind == "r" || kind == "p") && versionType == "bigint" && insertedAtType == "timestamp(0) without time zone"
                && isUniqueOnVersion
        }
    }

    struct AuditTable: Sendable, Hashable {
        var oid: Int64
        var owner: String
        var columns: Set<String>
        /// An ordinary table: a view's functions would run as the role that reads it.
        var isTable: Bool
        var ownerIsSuperuser = false

        /// Why Convoy must not use it; nil if it is Convoy's. Triggers and policies run as the role that writes or reads.
        func problem(beside ledger: Ledger, as role: String) -> String? {
            let reason: String
            if !isTable {
                reason = "is not a table"
            } else if !owner.isIdentical(to: ledger.owner), !owner.isIdentical(to: role), !ownerIsSuperuser {
                reason = "belongs to \(owner), whose triggers would run as \(ledger.owner)"
            } else if !columns.isSuperset(of: AuditLog.columns) {
                reason = "does not have Convoy's columns"
            } else {
                return nil
            }
            return "\(AuditLog.table) \(reason): Convoy does not use it"
        }
    }
}

/// Identifies a server process, so that after a lost connection exactly ours is terminated: process ids are reused, and the app logs in as
/// the same role.
struct SessionIdentity: Sendable, Hashable {
    var backendPID: Int32
    /// As the server prints it, to be compared by the server.
    var backendStart: String
    var systemIdentifier: String
    var databaseOID: Int64
}

extension InstanceFacts {
    var identity: SessionIdentity? { pending?.identity }
    /// The server's own default if it was not read.
    var deadlockTimeout: Duration { pending?.deadlockTimeout ?? .seconds(1) }
    var hasUserRelations: Bool { pending?.hasUserRelations ?? false }
    var creatableSchemas: [String: Bool] { pending?.creatableSchemas ?? [:] }

    /// Whether a role may create tables in a schema: the login role, or the database's owner as whom Convoy acts. Nil if the schema does
    /// not exist.
    func mayCreateTables(in schema: String, as maker: String) -> Bool? {
        maker == role ? creatableSchemas[schema] : pending?.creatableByOwner[schema]
    }
    var extensionOwners: [String: String] { pending?.extensionOwners ?? [:] }
}

/// The ledger as it was read, and what the audit log remembers.
struct LedgerContents: Sendable, Hashable {
    /// Ascending.
    var applied: [MigrationVersion] = []
    /// Each version's `inserted_at`; nil if it is NULL or not a time.
    var insertedAt: [MigrationVersion: CatalogTime?] = [:]
    /// The newest `inserted_at`.
    var lastMigratedAt: Date?
    /// From the audit log: the checksum with which a version that stands in the ledger was applied by Convoy.
    var checksums: [MigrationVersion: String] = [:]
    /// Why the audit log could not be read.
    var auditProblem: String?
    /// What the audit log says of versions that the ledger does not have, and of the database in which it was written.
    var beyond = AuditLog.Beyond()
}

extension InstanceFacts {
    /// The facts of one session, from the result of ``query(serverVersion:)``.
    init(_ result: PipelineResult, connection: PostgresConnection) throws(PostgresError) {
        let session = try result.get().onlyRow()
        database = try session.text("database")
        role = try session.text("role")
        guard try session.text("acting_as").isIdentical(to: role) else {
            throw PostgresError(.unexpectedResult, "the session does not act as \(role), which logged in")
        }
        isSuperuser = try session.text("is_superuser") == "on"
        databaseOwner = try session.text("database_owner")
        mayActAsDatabaseOwner = try session.bool("may_act_as_database_owner")
        isInRecovery = try session.bool("in_recovery")
        isReadOnlyByDefault = try session.text("read_only_default") == "on"
        // What follows is the packager's.
        serverVersion = String(try session.text("server_version").prefix { !$0.isWhitespace })
        isPooled = try session.processID("backend_pid") != connection.backendPID
        ledgerCandidates = []
        auditTable = nil
        for fields in try FoundTable.rows(try session.text("tables")) {
            let table = try FoundTable(fields)
            if table.name != Ledger.tableName {
                if table.schema == AuditLog.schema { auditTable = table.auditTable }
            } else if !table.schema.hasPrefix("pg_"), table.schema != "information_schema" {
                ledgerCandidates.append(table.ledger)
            }
        }
        ledgerCandidates.sort { ExactText($0.schema) < ExactText($1.schema) }
    }

    /// The columns that ledger and audit log have: few, however many a tenant has made.
    private static let knownColumns = AuditLog.columns.union(["inserted_at"]).sorted().map(quotedLiteral).joined(separator: ", ")

    /// What to ask. Names are read from the catalogue itself: `to_regclass` and `information_schema` show nothing of a schema that the role may not use.
    static func query(serverVersion: Int) -> PipelineStatement {
        // Since 16 a member may lack the right to SET ROLE.
        let actAs = serverVersion >= 160_000 ? "SET" : "MEMBER"
        // What a new session has to load of the catalogue is most of what this costs: one statement, few tables, few functions and operators, and
        // functions that look into the caches. What can be sorted out here, the server is not asked to; of a condition in CASE the planner asks
        // no statistics. A table can have 1,600 columns; those of ledger and audit log are among its first.
        return PipelineStatement(
            """
            SELECT current_database() AS database, session_user AS role, current_user AS acting_as,
                current_setting('is_superuser') AS is_superuser, pg_get_userbyid(d.datdba) AS database_owner,
                pg_has_role(d.datdba, '\(actAs)') AS may_act_as_database_owner,
                pg_is_in_recovery() AS in_recovery, current_setting('default_transaction_read_only') AS read_only_default,
                current_setting('server_version') AS server_version, pg_backend_pid() AS backend_pid,
                ARRAY(
                    SELECT ROW(c.relname, c.oid, c.relnamespace::regnamespace, c.relkind, pg_get_userbyid(c.relowner),
                        pg_has_role(c.relowner, '\(actAs)'), pg_has_role(c.relowner, 'USAGE'), has_table_privilege(c.oid, 'INSERT'),
                        ARRAY(
                            SELECT ROW(a.attnum, a.attname, CASE WHEN c.relname = 'schema_migrations' THEN format_type(a.atttypid, a.atttypmod) END)
                            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum <= 100 AND CASE WHEN a.attname IN (\(knownColumns)) THEN true END),
                        ARRAY(
                            SELECT ROW(i.indkey, i.indnkeyatts, i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL)
                            FROM pg_index i WHERE i.indrelid = c.oid))
                    FROM pg_class c
                    WHERE c.relname IN ('schema_migrations', 'migration_log')
                        AND CASE WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN true END) AS tables
            FROM pg_database d WHERE d.datname = current_database()
            """
        )
    }
}

/// A table with a name of the ledger's or of the audit log's, as the server describes it.
private struct FoundTable {
    let name: String
    let schema: String
    private let oid: Int64
    private let kind: String
    private let owner: String
    private let mayActAsOwner: Bool
    private let inheritsOwner: Bool
    private let mayInsert: Bool
    /// Of those with names that the ledger or the audit log has.
    private let columns: [(number: String, name: String, type: String?)]
    /// The columns that are unique by themselves, by number.
    private let unique: Set<String>

    init(_ fields: [String?]) throws(PostgresError) {
        guard fields.count == 10, let name = fields[0], let oid = fields[1].flatMap({ Int64($0) }), let schema = fields[2],
            let kind = fields[3], let owner = fields[4], let columns = fields[8], let indexes = fields[9]
        else { throw Self.unexpected }
        self.name = name
        self.oid = oid
        self.schema = unquotedIdentifier(schema)
        self.kind = kind
        self.owner = owner
        (mayActAsOwner, inheritsOwner, mayInsert) = (try Self.bool(fields[5]), try Self.bool(fields[6]), try Self.bool(fields[7]))
        self.columns = try Self.rows(columns).map { fields throws(PostgresError) in
            guard fields.count == 3, let number = fields[0], let name = fields[1] else { throw Self.unexpected }
            return (number, name, fields[2])
        }
        var unique: Set<String> = []
        for fields in try Self.rows(indexes) {
            guard fields.count == 3, let numbers = fields[0] else { throw Self.unexpected }
            // Of the columns of an index those of INCLUDE come last.
            if fields[1] == "1", try Self.bool(fields[2]), let first = numbers.split(separator: " ").first { unique.insert(String(first)) }
        }
        self.unique = unique
    }

    private static let unexpected = PostgresError(.unexpectedResult, "the server describes its tables in another form than PostgreSQL")

    private static func bool(_ text: String?) throws(PostgresError) -> Bool {
        guard text == "t" || text == "f" else { throw unexpected }
        return text == "t"
    }

    /// The rows in an array.
    static func rows(_ array: String) throws(PostgresError) -> [[String?]] {
        guard let elements = ServerArray.elements(array) else { throw unexpected }
        return try elements.map { element throws(PostgresError) in
            guard let fields = element.flatMap(ServerArray.fields) else { throw unexpected }
            return fields
        }
    }

    var auditTable: InstanceFacts.AuditTable {
        InstanceFacts.AuditTable(oid: oid, owner: owner, columns: Set(columns.map(\.name)), isTable: kind == "r")
    }

    var ledger: InstanceFacts.LedgerTable {
        let version = columns.first { $0.name == "version" }
        return InstanceFacts.LedgerTable(
            schema: schema,
            kind: kind,
            owner: owner,
            mayActAsOwner: mayActAsOwner,
            inheritsOwner: inheritsOwner,
            mayInsert: mayInsert,
            versionType: version?.type,
            insertedAtType: columns.first { $0.name == "inserted_at" }?.type,
            isUniqueOnVersion: version.map { unique.contains($0.number) } ?? false
        )
    }
}

extension PipelineResult {
    /// The statement's result, or the server's error as a thrown one.
    func get() throws(PostgresError) -> QueryResult {
        switch self {
        case .success(let result): return result
        case .failure(let message): throw PostgresError(.server, message.message, server: message)
        case .skipped: throw PostgresError(.unexpectedResult, "the server skipped a statement")
        }
    }
}
