import ConvoyPostgres
import ConvoyText

/// What a server says of a role and a database that are to be made, and of the administrator who would make them.
package struct TenantFacts: Sendable, Hashable {
    /// The role that would own the database.
    struct Role: Sendable, Hashable {
        var mayLogIn = true
        /// `SUPERUSER`, `CREATEROLE`, … as far as the role has them.
        var powers: [String] = []
        /// Roles whose rights it has.
        var memberships = 0
        /// Databases that it owns, apart from the one with the wanted name.
        var otherDatabases = 0
        var comment: String?
        /// Whether the administrator may `SET ROLE` to it.
        var mayBecome = false
    }

    /// The database with the wanted name.
    struct Database: Sendable, Hashable {
        var owner: String
        var acceptsConnections = true
        var connectionLimit = -1
        var isTemplate = false
        var comment: String?

        /// Whether a process was ended between CREATE DATABASE and what follows it.
        var isUnfinished: Bool { !acceptsConnections && connectionLimit == Tenant.unfinishedLimit }
    }

    /// Nil if it does not exist.
    var role: Role?
    /// Nil if it does not exist.
    var database: Database?
    /// The role that logged in.
    var admin: String
    var adminIsSuperuser = false
    /// Since 16, the creator of a role is no member that may act as it: a membership is granted for the length of the work.
    var serverVersion = 170_000
    /// `createrole_self_grant`: whether a new role becomes the administrator's for good, as the server's settings have it.
    var keepsMembership = false

    /// Asks for the facts of each pair of role and database.
    ///
    /// - Parameter serverVersion: of the session.
    static func query(_ tenants: [Tenant], serverVersion: Int) -> PipelineStatement {
        // Before 16 a member may always become the role.
        let right = serverVersion >= 160_000 ? "SET" : "MEMBER"
        let rows = tenants.indices.map { "(\($0), $\(2 * $0 + 1)::pg_catalog.text, $\(2 * $0 + 2)::pg_catalog.text)" }
        return PipelineStatement(
            """
            SELECT r.oid IS NOT NULL AS role_exists, r.rolcanlogin AS may_log_in,
                pg_catalog.concat_ws(',', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
                    CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
                    CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END) AS powers,
                (SELECT pg_catalog.count(*) FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid) AS memberships,
                (SELECT pg_catalog.count(*) FROM pg_catalog.pg_database o WHERE o.datdba = r.oid AND o.oid IS DISTINCT FROM d.oid) AS others,
                pg_catalog.shobj_description(r.oid, 'pg_authid') AS role_comment,
                coalesce(pg_catalog.pg_has_role(session_user, r.oid, '\(right)'), false) AS may_become,
                d.oid IS NOT NULL AS database_exists, pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text AS owner,
                d.datallowconn AS accepts, d.datconnlimit AS connection_limit, d.datistemplate AS is_template,
                pg_catalog.shobj_description(d.oid, 'pg_database') AS database_comment,
                session_user::pg_catalog.text AS admin,
                (SELECT a.rolsuper FROM pg_catalog.pg_roles a WHERE a.rolname = session_user) AS admin_is_superuser,
                coalesce(pg_catalog.current_setting('createrole_self_grant', true), '') <> '' AS keeps_membership
            FROM (VALUES \(rows.joined(separator: ", "))) AS w (ordinal, role, database)
            LEFT JOIN pg_catalog.pg_roles r ON r.rolname = w.role::pg_catalog.name
            LEFT JOIN pg_catalog.pg_database d ON d.datname = w.database::pg_catalog.name
            ORDER BY w.ordinal
            """,
            tenants.flatMap { [$0.role, $0.database] }
        )
    }

    init(admin: String, role: Role? = nil, database: Database? = nil, adminIsSuperuser: Bool = false, serverVersion: Int = 170_000) {
        (self.admin, self.role, self.database) = (admin, role, database)
        (self.adminIsSuperuser, self.serverVersion) = (adminIsSuperuser, serverVersion)
    }

    init(_ row: QueryResult.Row, serverVersion: Int) throws(PostgresError) {
        admin = try row.text("admin")
        adminIsSuperuser = try row.bool("admin_is_superuser")
        keepsMembership = try row.bool("keeps_membership")
        self.serverVersion = serverVersion
        if try row.bool("role_exists") {
            role = Role(
                mayLogIn: try row.bool("may_log_in"),
                powers: try row.text("powers").split(separator: ",").map(String.init),
                memberships: Int(clamping: try row.int64("memberships")),
                otherDatabases: Int(clamping: try row.int64("others")),
                comment: try row.optionalText("role_comment"),
                mayBecome: try row.bool("may_become")
            )
        }
        if try row.bool("database_exists") {
            database = Database(
                owner: try row.text("owner"),
                acceptsConnections: try row.bool("accepts"),
                connectionLimit: Int(clamping: try row.int64("connection_limit")),
                isTemplate: try row.bool("is_template"),
                comment: try row.optionalText("database_comment")
            )
        }
    }
}
