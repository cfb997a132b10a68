import ConvoyPostgres
import ConvoyRun

/// An entry of `pg_db_role_setting` that makes a session begin as another role than the one that logs in.
struct RoleSetting: Sendable, Hashable {
    /// For example `role=teslamate`.
    var text: String
    /// The database that it is for; nil means every database.
    var database: String?
    /// The role that it is for; nil means every role.
    var role: String?

    /// The settings that apply to the present session.
    static let query = PipelineStatement(
        """
        SELECT entry AS text, d.datname::text AS database, r.rolname::text AS role
        FROM pg_db_role_setting s
            CROSS JOIN LATERAL unnest(s.setconfig) AS entry
            LEFT JOIN pg_database d ON d.oid = s.setdatabase
            LEFT JOIN pg_roles r ON r.oid = s.setrole
        WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND (s.setrole = 0 OR r.rolname = session_user)
            AND split_part(entry, '=', 1) IN ('role', 'session_authorization')
        ORDER BY s.setdatabase, s.setrole, entry
        """
    )

    /// The setting's name.
    var name: String { String(text.prefix { $0 != "=" }) }

    /// What takes it back.
    var removal: String {
        switch (database, role) {
        case (let database?, nil): "ALTER DATABASE \(quotedIdentifier(database)) RESET \(name)"
        case (let database?, let role?): "ALTER ROLE \(quotedIdentifier(role)) IN DATABASE \(quotedIdentifier(database)) RESET \(name)"
        case (nil, let role?): "ALTER ROLE \(quotedIdentifier(role)) RESET \(name)"
        case (nil, nil): "ALTER ROLE ALL RESET \(name)"
        }
    }

    /// Why a session with rights of its own does not begin if such an entry applies; nil if none applies.
    static func failure(_ settings: [RoleSetting], login: String) -> Failure? {
        guard let first = settings.first else { return nil }
        return Failure(
            .blocked,
            "sessions of \(login) in this database are set to begin as another role (\(first.text)): that hides what they may do",
            sqlstate: "42501",
            hint: "as a DBA: \(first.removal)"
        )
    }

    init(_ row: QueryResult.Row) throws(PostgresError) {
        text = try row.text("text")
        database = try row.optionalText("database")
        role = try row.optionalText("role")
    }
}
