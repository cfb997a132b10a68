internal import ConvoyFleet
import ConvoyPostgres
import ConvoyText

/// A role as the catalogue describes it, as far as it matters to who may touch what.
struct RoleFacts: Sendable, Hashable {
    /// What a role may do by itself, whatever it owns.
    enum Attribute: String, Sendable, Hashable, CaseIterable {
        case superuser = "SUPERUSER"
        case createsRoles = "CREATEROLE"
        case createsDatabases = "CREATEDB"
        case replicates = "REPLICATION"
        case bypassesRowSecurity = "BYPASSRLS"
    }

    var name: String
    var attributes: Set<Attribute> = []
    /// A role of PostgreSQL itself, such as `pg_execute_server_program`.
    var isPredefined = false
    /// Whether anything on the server belongs to it, or was granted to it in this database or by a superuser.
    ///
    /// What it was granted in another database does not count: the owner of that one could grant anything, and code that runs here cannot get there.
    var holdsAnything = false
    /// Whether anything outside this database belongs to it, or shared objects were granted to it.
    var holdsElsewhere = false

    /// Whether becoming it gives anything: groups that only sort logins do not.
    var givesRights: Bool { !attributes.isEmpty || isPredefined || holdsAnything }
}

/// A role and every other one that it can become, directly or through others.
struct RoleReach: Sendable, Hashable {
    var role: RoleFacts
    var others: [RoleFacts] = []

    var name: String { role.name }

    /// The superuser that it is or can become.
    var superuser: String? { ([role] + others).first { $0.attributes.contains(.superuser) }?.name }

    /// By the bytes of the names: PostgreSQL knows two roles where Swift's `==` may see one.
    func includes(_ name: String) -> Bool { ([role] + others).contains { $0.name.isIdentical(to: name) } }

    fileprivate var attributes: Set<RoleFacts.Attribute> { others.reduce(role.attributes) { $0.union($1.attributes) } }
}

extension RoleReach {
    /// What a role has that another one lacks.
    enum Surplus: Sendable, Hashable {
        /// It is a superuser, or can become this one.
        case superuser(String)
        case attributes(Set<RoleFacts.Attribute>)
        /// It can become these roles.
        case roles([String])
        /// Objects of its own in other databases, or rights on what all databases share.
        case holdings
    }

    /// What code that runs in a session of this role could do and the other role could not; empty if there is no difference.
    func surplus(over other: RoleReach) -> [Surplus] {
        if name.isIdentical(to: other.name) || other.superuser != nil { return [] }
        if let superuser { return [.superuser(superuser)] }
        var surplus: [Surplus] = []
        let attributes = role.attributes.subtracting(other.attributes)
        if !attributes.isEmpty { surplus.append(.attributes(attributes)) }
        let roles = others.filter { $0.givesRights && !other.includes($0.name) }.map(\.name).sorted()
        if !roles.isEmpty { surplus.append(.roles(roles)) }
        if role.holdsElsewhere { surplus.append(.holdings) }
        return surplus
    }

    /// Whether this role already rules over the other one, which then has nothing to fear from it.
    func rules(over other: RoleReach) -> Bool {
        superuser != nil || includes(other.name) || attributes.contains(.createsRoles) && other.superuser == nil
    }
}

extension RoleReach {
    /// Reads what the login, and the roles named, can become.
    ///
    /// Of the login every membership counts, whatever its options: with ADMIN alone it can grant itself the rest. Of the others only those count that
    /// they can certainly use.
    static func query(of names: [String], serverVersion: Int) -> PipelineStatement {
        // Since 16 a membership has options.
        let isUsable = serverVersion >= 160_000 ? "m.admin_option OR m.set_option OR (m.inherit_option AND l.oid = reach.root)" : "true"
        let parameters = names.indices.map { "$\($0 + 1)::text" }.joined(separator: ", ")
        return PipelineStatement(
            """
            WITH RECURSIVE l AS (SELECT oid FROM pg_roles WHERE rolname = session_user), reach (root, role) AS (
                SELECT r.oid, r.oid FROM pg_roles r WHERE r.rolname = session_user OR r.rolname::text IN (\(parameters))
                UNION
                SELECT reach.root, m.roleid FROM l, reach JOIN pg_auth_members m ON m.member = reach.role WHERE \(isUsable)
            )
            SELECT pg_get_userbyid(reach.root)::text AS root, r.rolname::text AS role, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
                r.rolbypassrls, r.oid::bigint < 16384 AS is_predefined,
                EXISTS (
                    SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
                        AND (s.deptype = 'o' OR s.dbid = d.oid OR s.dbid = 0 AND s.classid <> 'pg_database'::regclass)) AS holds_anything,
                reach.role = reach.root AND EXISTS (
                    SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND s.dbid <> d.oid
                        AND NOT (s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = d.oid)
                        AND (s.deptype = 'o' OR s.dbid = 0 AND s.classid <> 'pg_database'::regclass)) AS holds_elsewhere
            FROM reach JOIN pg_roles r ON r.oid = reach.role, pg_database d
            WHERE d.datname = current_database()
            ORDER BY r.rolname
            """,
            names
        )
    }

    /// The reach of each role in an answer to ``query(of:serverVersion:)``, by names.
    static func all(_ result: QueryResult) throws(PostgresError) -> [ExactText: RoleReach] {
        var roles: [ExactText: [RoleFacts]] = [:]
        for row in result.rows {
            var role = RoleFacts(name: try row.text("role"))
            for (attribute, column) in columns where try row.bool(column) { role.attributes.insert(attribute) }
            role.isPredefined = try row.bool("is_predefined")
            role.holdsAnything = try row.bool("holds_anything")
            role.holdsElsewhere = try row.bool("holds_elsewhere")
            roles[ExactText(try row.text("root")), default: []].append(role)
        }
        var reaches: [ExactText: RoleReach] = [:]
        for (name, roles) in roles {
            guard let role = roles.first(where: { ExactText($0.name) == name }) else {
                throw PostgresError(.unexpectedResult, "role \(name) is missing from the catalogue's answer")
            }
            reaches[name] = RoleReach(role: role, others: roles.filter { ExactText($0.name) != name })
        }
        return reaches
    }

    private static let columns: [(RoleFacts.Attribute, String)] = [
        (.superuser, "rolsuper"), (.createsRoles, "rolcreaterole"), (.createsDatabases, "rolcreatedb"), (.replicates, "rolreplication"),
        (.bypassesRowSecurity, "rolbypassrls"),
    ]
}
