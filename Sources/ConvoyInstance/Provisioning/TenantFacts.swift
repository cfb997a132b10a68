import ConvoyMigrations
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
        /// Whether the administrator may grant it and set its password.
        var isAdministered = false
        /// Other administrators whom an attempt that was ended has left as members. Only a membership that such an attempt makes, and hardly anyone else,
        /// counts: granted to itself by a role that is no superuser and, since 16, without the right to inherit.
        var leftMembers: [String] = []
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
    /// `CREATEROLE`.
    var adminMayCreateRoles = true
    /// `CREATEDB`.
    var adminMayCreateDatabases = true
    /// The first migration that an ordinary owner of the database could not run; nil if one can run all of them.
    var beyondOwner: MigrationVersion?
    /// Since 16, the creator of a role is no member that may act as it: a membership is granted for the length of the work.
    var serverVersion = 170_000
    /// `createrole_self_grant`: whether a new role becomes the administrator's for good, as the server's settings have it.
    var keepsMembership = false

    /// Whether the administrator is made a member of the role for the length of the work.
    var borrowsMembership: Bool { !adminIsSuperuser && !keepsMembership }

    /// Asks for the facts of each pair of role and database.
    ///
    /// - Parameter serverVersion: of the session.
    static func query(_ tenants: [Tenant], serverVersion: Int) -> PipelineStatement {
        // Before 16 a member may always become the role.
        let isNew = serverVersion >= 160_000
        let right = isNew ? "SET" : "MEMBER"
        let administers =
            (isNew ? "" : "(SELECT a.rolcreaterole FROM pg_catalog.pg_roles a WHERE a.rolname = session_user) OR ")
            + "pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER WITH ADMIN OPTION')"
        // Who has `createrole_self_grant` wants to be a member.
        let isLeft =
            "m.grantor = m.member AND NOT m.admin_option" + (isNew ? " AND m.set_option AND NOT m.inherit_option" : "")
            + " AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c"
            + " WHERE s.setrole IN (0::pg_catalog.oid, m.member) AND pg_catalog.starts_with(c, 'createrole_self_grant='))"
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
                coalesce(\(administers), false) AS is_administered,
                (SELECT pg_catalog.string_agg(pg_catalog.encode(pg_catalog.convert_to(g.rolname::pg_catalog.text, 'UTF8'), 'hex'), ',')
                    FROM pg_catalog.pg_auth_members m
                    JOIN pg_catalog.pg_roles g ON g.oid = m.member
                    WHERE m.roleid = r.oid AND g.rolname <> session_user AND NOT g.rolsuper AND \(isLeft)) AS left_members,
                d.oid IS NOT NULL AS database_exists, pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text AS owner,
                d.datallowconn AS accepts, d.datconnlimit AS connection_limit, d.datistemplate AS is_template,
                pg_catalog.shobj_description(d.oid, 'pg_database') AS database_comment,
                session_user::pg_catalog.text AS admin,
                (SELECT a.rolsuper FROM pg_catalog.pg_roles a WHERE a.rolname = session_user) AS admin_is_superuser,
                (SELECT a.rolcreaterole FROM pg_catalog.pg_roles a WHERE a.rolname = session_user) AS creates_roles,
                (SELECT a.rolcreatedb FROM pg_catalog.pg_roles a WHERE a.rolname = session_user) AS creates_databases,
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
        adminMayCreateRoles = try row.bool("creates_roles")
        adminMayCreateDatabases = try row.bool("creates_databases")
        keepsMembership = try row.bool("keeps_membership")
        self.serverVersion = serverVersion
        if try row.bool("role_exists") {
            role = Role(
                mayLogIn: try row.bool("may_log_in"),
                powers: try row.text("powers").split(separator: ",").map(String.init),
                memberships: Int(clamping: try row.int64("memberships")),
                otherDatabases: Int(clamping: try row.int64("others")),
                comment: try row.optionalText("role_comment"),
                mayBecome: try row.bool("may_become"),
                isAdministered: try row.bool("is_administered"),
                leftMembers: (try row.optionalText("left_members") ?? "").split(separator: ",").compactMap { name in
                    [UInt8](hexadecimal: String(name)).map { String(decoding: $0, as: UTF8.self) }
                }
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
