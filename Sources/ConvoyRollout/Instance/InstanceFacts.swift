import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials

/// What the catalogue of an instance says, read in one read-only transaction without any lock of ours.
struct InstanceFacts: Sendable {
    var identity: SessionIdentity
    var database: String
    /// The role that we are logged in as.
    var role: String
    var isSuperuser: Bool
    /// Who owns the database, where that is an ordinary role.
    var tenant: String?
    var isInRecovery: Bool
    var isReadOnlyByDefault: Bool
    /// As the server names it, for example `17.2`.
    var serverVersion: String
    /// Whether a pooler stands in between: libpq was told another process id than the one that answered.
    var isPooled: Bool
    /// When the server looks for deadlocks: who waits less yields before the other one is hit.
    var deadlockTimeout: Duration
    /// Whether there are relations outside extensions, `convoy` and the ledger.
    var hasUserRelations: Bool
    var ledgerCandidates: [LedgerTable]
    /// Whether the role may create tables, for each schema that could get a new ledger.
    var creatableSchemas: [String: Bool]
    var auditTable: AuditTable?
    /// Owners of installed extensions.
    var extensionOwners: [String: String]

    /// A table named `schema_migrations`.
    struct LedgerTable: Sendable, Hashable {
        var schema: String
        var kind: String
        var owner: String
        /// Whether our role may act as the owner: by `SET ROLE`, or without.
        var mayActAsOwner: Bool
        var inheritsOwner: Bool
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
        /// An ordinary table: a view's functions would run as whoever reads it.
        var isTable: Bool
        var ownerIsSuperuser: Bool

        /// Why it must be left alone; nil where it is Convoy's. What triggers and policies call runs as whoever writes or reads.
        func problem(beside ledger: Ledger, as role: String) -> String? {
            let reason: String
            if !isTable {
                reason = "is not a table"
            } else if owner != ledger.owner, owner != role, !ownerIsSuperuser {
                reason = "belongs to \(owner), whose triggers would run as \(ledger.owner)"
            } else if !columns.isSuperset(of: AuditLog.columns) {
                reason = "has other columns than Convoy's"
            } else {
                return nil
            }
            return "\(AuditLog.table) \(reason): it is left alone, and nothing is written there"
        }
    }
}

/// What tells a server process from every other one, so that after a lost connection exactly ours is terminated: process ids are reused, and the
/// app logs in as the same role.
struct SessionIdentity: Sendable, Hashable {
    var backendPID: Int32
    /// As the server prints it, to be compared by the server.
    var backendStart: String
    var systemIdentifier: String
    var databaseOID: Int64
}

/// The ledger as it was read, and what the audit log remembers.
struct LedgerContents: Sendable, Hashable {
    /// Ascending.
    var applied: [MigrationVersion] = []
    /// The newest `inserted_at`.
    var lastMigratedAt: Date?
    /// From the audit log: the checksum with which a version was applied by Convoy.
    var checksums: [MigrationVersion: String] = [:]
    /// Why the audit log could not be read.
    var auditProblem: String?
}

extension InstanceFacts {
    /// The facts of one session, from the results of ``queries(server:)``.
    init(_ results: [PipelineResult], connection: PostgresConnection) throws(PostgresError) {
        let rows = try results.map { result throws(PostgresError) in try result.get() }
        let session = try rows[0].onlyRow()
        let pid = try Int32(truncatingIfNeeded: session.int64("backend_pid"))
        identity = SessionIdentity(
            backendPID: pid,
            backendStart: try session.optionalText("backend_start") ?? "",
            systemIdentifier: try session.text("system_identifier"),
            databaseOID: try session.int64("database_oid")
        )
        database = try session.text("database")
        role = try session.text("role")
        isSuperuser = try session.bool("is_superuser")
        tenant = try session.optionalText("tenant")
        isInRecovery = try session.bool("in_recovery")
        isReadOnlyByDefault = try session.text("read_only_default") == "on"
        // What follows is the packager's.
        serverVersion = String(try session.text("server_version").prefix { !$0.isWhitespace })
        isPooled = pid != connection.backendPID
        deadlockTimeout = .milliseconds(try session.int64("deadlock_timeout"))
        hasUserRelations = try session.bool("has_user_relations")
        ledgerCandidates = try rows[1].rows.map { row throws(PostgresError) in
            LedgerTable(
                schema: try row.text("schema"),
                kind: try row.text("kind"),
                owner: try row.text("owner"),
                mayActAsOwner: try row.bool("may_act_as_owner"),
                inheritsOwner: try row.bool("inherits_owner"),
                versionType: try row.optionalText("version_type"),
                insertedAtType: try row.optionalText("inserted_at_type"),
                isUniqueOnVersion: try row.bool("is_unique")
            )
        }
        creatableSchemas = [:]
        auditTable = nil
        extensionOwners = [:]
        for row in rows[2].rows {
            let name = try row.text("name")
            switch try row.text("kind") {
            case "schema": creatableSchemas[name] = try row.text("value") == "true"
            case "extension": extensionOwners[name] = try row.text("value")
            case "audit":
                auditTable = AuditTable(
                    oid: try row.int64("oid"),
                    owner: name,
                    columns: Set(try row.text("value").split(separator: ",").map(String.init)),
                    isTable: try row.bool("is_table"),
                    ownerIsSuperuser: try row.bool("owner_is_superuser")
                )
            default: break
            }
        }
    }

    /// What to ask, in the order in which ``init(_:connection:)`` takes the answers. Names are read from the catalogue itself: `to_regclass` and
    /// `information_schema` show nothing of a schema that the role may not use.
    static func queries(serverVersion: Int) -> [PipelineStatement] {
        // Since 16 a member may lack the right to SET ROLE.
        let actAs = serverVersion >= 160_000 ? "SET" : "MEMBER"
        return [
            PipelineStatement(
                """
                SELECT current_database() AS database, d.oid AS database_oid, current_user AS role, r.rolsuper AS is_superuser,
                    (SELECT o.rolname FROM pg_roles o WHERE o.oid = d.datdba AND NOT o.rolsuper) AS tenant,
                    pg_is_in_recovery() AS in_recovery, current_setting('default_transaction_read_only') AS read_only_default,
                    current_setting('server_version') AS server_version, pg_backend_pid() AS backend_pid,
                    (SELECT backend_start::text FROM pg_stat_get_activity(pg_backend_pid())) AS backend_start,
                    (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
                    (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint AS deadlock_timeout,
                    EXISTS (
                        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_'
                            AND n.nspname NOT IN ('information_schema', 'convoy') AND c.relname <> 'schema_migrations'
                            AND NOT EXISTS (
                                SELECT FROM pg_depend e
                                WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
                    ) AS has_user_relations
                FROM pg_database d, pg_roles r
                WHERE d.datname = current_database() AND r.rolname = current_user
                """
            ),
            PipelineStatement(
                """
                SELECT n.nspname AS schema, c.relkind AS kind, pg_get_userbyid(c.relowner) AS owner,
                    pg_has_role(c.relowner, '\(actAs)') AS may_act_as_owner, pg_has_role(c.relowner, 'USAGE') AS inherits_owner,
                    (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attname = 'version' AND NOT a.attisdropped) AS version_type,
                    (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attname = 'inserted_at' AND NOT a.attisdropped) AS inserted_at_type,
                    EXISTS (
                        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
                            AND i.indnkeyatts = 1 AND a.attname = 'version') AS is_unique
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = 'schema_migrations' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                ORDER BY n.nspname
                """
            ),
            PipelineStatement(
                """
                SELECT 'schema' AS kind, n.nspname AS name, has_schema_privilege(n.oid, 'CREATE')::text AS value, n.oid,
                    NULL::boolean AS is_table, NULL::boolean AS owner_is_superuser
                FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                UNION ALL
                SELECT 'extension', e.extname, pg_get_userbyid(e.extowner)::text, e.oid, NULL, NULL FROM pg_extension e
                UNION ALL
                SELECT 'audit', pg_get_userbyid(c.relowner),
                    (SELECT string_agg(a.attname, ',') FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
                    c.oid, c.relkind = 'r', coalesce((SELECT o.rolsuper FROM pg_roles o WHERE o.oid = c.relowner), false)
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'convoy' AND c.relname = 'migration_log'
                """
            ),
        ]
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
