import ConvoyMigrations
import ConvoyPostgres

/// Ecto's bookkeeping table of one instance, its schema pinned: `schema_migrations(version bigint PRIMARY KEY, inserted_at timestamp(0))`.
struct Ledger: Sendable, Hashable {
    static let tableName = "schema_migrations"

    /// More versions than any migration set has. A ledger with more is refused, so that its rows do not fill the memory.
    static let versionLimit = 20_000

    let schema: String
    /// The role that owns it, or will own it: migrations run as this role.
    let owner: String

    /// Quoted and qualified.
    var table: String { "\(quotedIdentifier(schema)).\(quotedIdentifier(Self.tableName))" }

    /// The path that the app's own statements see: a migration's, and a check's.
    var searchPath: String { schema == "public" ? "public, pg_temp" : "\(quotedIdentifier(schema)), public, pg_temp" }

    /// Makes the table as Ecto would, but within a transaction of ours.
    var creation: [PipelineStatement] { makingTables(acceptingOther: true) }

    /// - Parameter acceptingOther: whether a table that is there by now is as good; if not, the server refuses to make another one.
    func makingTables(acceptingOther: Bool) -> [PipelineStatement] {
        [
            PipelineStatement(
                """
                CREATE TABLE \(acceptingOther ? "IF NOT EXISTS " : "")\(table) (
                    version bigint NOT NULL, inserted_at timestamp(0) without time zone,
                    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version))
                """
            )
        ]
    }

    /// The role that owns most tables of the schema, without those of extensions: `owner`, in one row or none.
    var tableOwner: PipelineStatement {
        PipelineStatement(
            """
            SELECT pg_get_userbyid(c.relowner)::text AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p') AND NOT EXISTS (
                SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
            GROUP BY c.relowner ORDER BY count(*) DESC, c.relowner LIMIT 1
            """,
            [schema]
        )
    }

    /// What TeslaMate's own migrator takes: it conflicts with itself, not with reads or inserts.
    var lock: PipelineStatement { PipelineStatement("LOCK TABLE \(table) IN SHARE UPDATE EXCLUSIVE MODE") }

    /// Whether a version (`$1`) or the one that the plan ran before it (`$2`, may be NULL) is not where the plan left it, as an expression.
    private func hasMoved(_ direction: MigrationDirection) -> String {
        func isApplied(_ version: String) -> String { "EXISTS (SELECT FROM \(table) WHERE version = \(version)::bigint)" }
        return switch direction {
        case .up: "\(isApplied("$1")) OR ($2::bigint IS NOT NULL AND NOT \(isApplied("$2")))"
        case .down: "NOT \(isApplied("$1")) OR ($2::bigint IS NOT NULL AND \(isApplied("$2")))"
        }
    }

    /// Fails where the ledger has moved; plain SQL, since the server would compile a `DO` block anew each time. See ``hasMoved(_:)`` for its parameters.
    func check(_ direction: MigrationDirection) -> String {
        "SELECT 1 / CASE WHEN \(hasMoved(direction)) THEN 0 ELSE 1 END AS unmoved"
    }

    /// Records or takes back the version, and fails where the ledger has moved, or does not let go of the row.
    func recording(_ direction: MigrationDirection) -> String {
        switch direction {
        // Ecto's clock is UTC, cut to whole seconds.
        case .up:
            """
            INSERT INTO \(table) (version, inserted_at)
            SELECT $1::bigint, pg_catalog.date_trunc('second'::pg_catalog.text, pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')
            WHERE 1 / CASE WHEN \(hasMoved(direction)) THEN 0 ELSE 1 END = 1
            """
        case .down:
            """
            WITH reverted AS (DELETE FROM \(table) WHERE version = $1::bigint RETURNING version)
            SELECT 1 / CASE WHEN \(hasMoved(direction)) THEN 0 ELSE 1 END AS unmoved,
                pg_catalog.ln((SELECT pg_catalog.count(*) FROM reverted)::pg_catalog.float8) AS reverted
            """
        }
    }

    /// Fails where the version is not recorded, or not taken back, at the end of its transaction: a trigger or a rule on the ledger can swallow,
    /// change or redirect the row, and so can a statement of the migration itself. `stands` and `is_audited` are never false otherwise.
    ///
    /// - Parameter readsAuditLog: whether it also checks for the audit row, whose id is `$2`.
    func readingBack(_ direction: MigrationDirection, readsAuditLog: Bool) -> String {
        let isThere = "EXISTS (SELECT FROM \(table) WHERE version = $1::bigint)"
        let stands = direction == .up ? isThere : "NOT \(isThere)"
        let audit = readsAuditLog ? ", EXISTS (SELECT FROM \(AuditLog.table) WHERE id = $2::uuid) AS is_audited" : ""
        return "SELECT 1 / CASE WHEN \(stands) THEN 1 ELSE 0 END AS stands\(audit)"
    }

    /// The triggers and rules on the table, which may keep a version from being recorded.
    var interference: PipelineStatement {
        PipelineStatement(
            """
            WITH ledger AS (
                SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = '\(Self.tableName)')
            SELECT 'the trigger ' || pg_catalog.quote_ident(t.tgname) AS object FROM pg_catalog.pg_trigger t, ledger l
            WHERE t.tgrelid = l.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
            UNION ALL
            SELECT 'the rule ' || pg_catalog.quote_ident(r.rulename) FROM pg_catalog.pg_rewrite r, ledger l
            WHERE r.ev_class = l.oid AND r.ev_enabled <> 'D'
            ORDER BY 1 LIMIT 5
            """,
            [schema]
        )
    }

    /// What a version's statements are given.
    static func parameters(_ version: MigrationVersion, after predecessor: MigrationVersion?) -> [String?] {
        [version.description, predecessor?.description]
    }

    /// How the server reports that the ledger has moved: by the division, or because another migrator recorded the version at this moment.
    static let movedCodes: Set<String> = ["22012", "23505"]

    /// How the server says that a row which is there was not deleted: by the logarithm.
    static let keptCode = "2201E"

    /// What the guard of an administrator's session raises: the ledger or the audit log could run code with an administrator's rights.
    static let unsafeCode = "ZC003"

    /// What the guard of a superuser that makes extensions raises: another transaction of the database could hide objects.
    static let openTransactionCode = "ZC004"

    /// A `DO` block.
    static func block(_ body: String) -> PipelineStatement {
        // A schema's name may hold anything.
        var tag = "$convoy$"
        while body.contains(tag) { tag = "$convoy\(tag.utf8.count)" + tag.dropFirst("$convoy".count) }
        return PipelineStatement("DO \(tag)\nBEGIN\n\(body)END\n\(tag)")
    }
}
