import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

/// What the catalogue says that matters only where something is pending: asked in a second round trip, so that a database that is up to date is
/// judged without it.
struct PendingFacts: Sendable {
    var identity: SessionIdentity
    /// When the server looks for deadlocks: who waits less yields before the other one is hit.
    var deadlockTimeout: Duration
    /// Whether there are relations outside extensions, `convoy` and the ledger.
    var hasUserRelations: Bool
    /// Whether a schema other than the server's and `convoy` has a type, a function or anything else that is no relation; members of extensions count.
    /// True also where there are relations.
    var hasOtherObjects: Bool
    /// Whether new objects get other privileges than the server gives by itself.
    var hasDefaultPrivileges: Bool
    /// Extensions that are not of the version that the server would install; not asked where there are relations, nor of the one that every database has.
    var outdatedExtensions: Set<String>
    /// Whether the role may create tables, for each schema that could get a new ledger.
    var creatableSchemas: [String: Bool]
    /// The same for the database's owner.
    var creatableByOwner: [String: Bool]
    /// Owners of installed extensions.
    var extensionOwners: [String: String]
    /// Their schemas.
    var extensionSchemas: [String: String]
}

extension PendingFacts {
    /// Whether there are relations outside extensions, `convoy` and the ledger, as an expression. What the script of an extension makes is a superuser's;
    /// any other member is one that the extension's owner has added.
    static let hasUserRelations = """
        EXISTS (
            SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_'
                AND n.nspname NOT IN ('information_schema', 'convoy') AND c.relname <> 'schema_migrations'
                AND NOT EXISTS (
                    SELECT FROM pg_depend e JOIN pg_roles r ON r.oid = c.relowner AND r.rolsuper
                    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
        """

    /// Whether such a schema has anything that is no relation, as an expression: the rows of types are relations to the server. Whatever is in a schema depends
    /// on it, so that one list says it for all kinds.
    static let hasOtherObjects = """
        EXISTS (
            SELECT FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
            WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'convoy')
                AND (d.classid <> 'pg_class'::regclass OR EXISTS (SELECT FROM pg_class t WHERE t.oid = d.objid AND t.relkind = 'c')))
        """

    /// What to ask, in the order in which ``init(_:)`` takes the answers.
    static let queries = [
        PipelineStatement(
            """
            SELECT d.oid AS database_oid, pg_backend_pid() AS backend_pid,
                (SELECT backend_start::text FROM pg_stat_get_activity(pg_backend_pid())) AS backend_start,
                (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
                (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint AS deadlock_timeout,
                x.has_user_relations, EXISTS (SELECT FROM pg_default_acl) AS has_default_privileges,
                x.has_user_relations OR \(hasOtherObjects) AS has_other_objects,
                CASE WHEN x.has_user_relations THEN '{}'::text[] ELSE ARRAY(
                    SELECT e.extname::text FROM pg_extension e LEFT JOIN pg_available_extensions() a ON a.name = e.extname
                    WHERE e.extname <> 'plpgsql' AND e.extversion IS DISTINCT FROM a.default_version) END AS outdated_extensions
            FROM pg_database d CROSS JOIN (SELECT \(hasUserRelations) AS has_user_relations OFFSET 0) x
            WHERE d.datname = current_database()
            """
        ),
        PipelineStatement(
            """
            SELECT 'schema' AS kind, n.nspname AS name, has_schema_privilege(n.oid, 'CREATE')::text AS value
            FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            UNION ALL
            SELECT 'schema of the owner', n.nspname, has_schema_privilege(d.datdba, n.oid, 'CREATE')::text
            FROM pg_namespace n, pg_database d
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND d.datname = current_database()
            UNION ALL
            SELECT 'extension', e.extname, pg_get_userbyid(e.extowner)::text FROM pg_extension e
            UNION ALL
            SELECT 'schema of an extension', e.extname, n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
            """
        ),
    ]

    init(_ results: [PipelineResult]) throws(PostgresError) {
        let rows = try results.map { result throws(PostgresError) in try result.get() }
        let session = try rows[0].onlyRow()
        identity = SessionIdentity(
            backendPID: try session.processID("backend_pid"),
            backendStart: try session.optionalText("backend_start") ?? "",
            systemIdentifier: try session.text("system_identifier"),
            databaseOID: try session.int64("database_oid")
        )
        deadlockTimeout = min(Duration(clampingMilliseconds: try session.int64("deadlock_timeout")), .seconds(86_400))
        hasUserRelations = try session.bool("has_user_relations")
        hasOtherObjects = try session.bool("has_other_objects")
        hasDefaultPrivileges = try session.bool("has_default_privileges")
        guard let outdated = ServerArray.elements(try session.text("outdated_extensions")) else {
            throw PostgresError(.unexpectedResult, "the server describes its extensions in another form than PostgreSQL")
        }
        outdatedExtensions = Set(outdated.compactMap(\.self))
        creatableSchemas = [:]
        creatableByOwner = [:]
        extensionOwners = [:]
        extensionSchemas = [:]
        for row in rows[1].rows {
            let name = try row.text("name")
            switch try row.text("kind") {
            case "schema": creatableSchemas[name] = try row.text("value") == "true"
            case "schema of an extension": extensionSchemas[name] = try row.text("value")
            case "schema of the owner": creatableByOwner[name] = try row.text("value") == "true"
            default: extensionOwners[name] = try row.text("value")
            }
        }
    }
}
