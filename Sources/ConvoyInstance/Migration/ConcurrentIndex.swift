import ConvoyMigrations
import ConvoyPostgres

/// The indexes that a statement with `CONCURRENTLY` makes or rebuilds: what an attempt that was cut off left of them, and whether they are valid.
struct ConcurrentIndex: Sendable {
    private enum Scope: Sendable {
        case index(name: String, table: String)
        /// The transient indexes of a `REINDEX`, on the tables that the query gives.
        case rebuilt(tables: String, name: String?)
    }

    private let scope: Scope

    /// Nil for statements that leave no index behind.
    init?(_ statement: StandaloneStatement) {
        switch statement.kind {
        case .createIndex(let name?, let table): scope = .index(name: name.last.sql, table: table.sql)
        case .reindex(let target, let name, isConcurrent: true):
            let tables: String
            switch target {
            case .index: tables = "SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = pg_catalog.to_regclass($2)::oid"
            case .table: tables = "SELECT pg_catalog.to_regclass($2)::oid"
            case .schema:
                tables = """
                    SELECT t.oid FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace m ON m.oid = t.relnamespace
                    WHERE m.nspname = (pg_catalog.parse_ident($2))[1]::name
                    """
            case .database, .system: tables = "SELECT t.oid FROM pg_catalog.pg_class t WHERE $2::text IS NULL OR true"
            }
            scope = .rebuilt(tables: tables, name: name?.sql)
        case .createIndex, .reindex, .dropIndex, .vacuum, .analyze, .detachPartition, .other: return nil
        }
    }

    /// Whether what was left is built again by the statement itself.
    var isBuiltAgain: Bool { if case .index = scope { true } else { false } }

    /// The tables on which some session builds an index at this moment. A role that may not see what others do still sees their locks.
    static let tablesUnderConstruction = """
        SELECT coalesce(pg_catalog.array_agg(DISTINCT l.relation), '{}')::text AS tables
        FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_locks l ON l.pid = p.pid
        WHERE l.locktype = 'relation' AND l.granted
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        """

    /// The invalid indexes that are in the way, as `index`, and whether their owner `may_drop` them: not those of a table's TOAST. It is asked after ``tablesUnderConstruction``, so that an index which is finished in
    /// between is seen to be valid.
    func leftovers(exceptOn tables: String) -> PipelineStatement {
        let condition: String
        let parameters: [String?]
        switch scope {
        case .index(let name, let table):
            condition = "i.indrelid = pg_catalog.to_regclass($2)::oid AND c.relname = (pg_catalog.parse_ident($3))[1]::name"
            parameters = [tables, table, name]
        case .rebuilt(let scope, let name):
            condition = """
                c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid IN (
                    WITH RECURSIVE named (oid) AS (
                        \(scope)
                        UNION
                        SELECT h.inhrelid FROM named JOIN pg_catalog.pg_inherits h ON h.inhparent = named.oid)
                    SELECT oid FROM named UNION SELECT t.reltoastrelid FROM named JOIN pg_catalog.pg_class t ON t.oid = named.oid)
                """
            parameters = [tables, name]
        }
        return PipelineStatement(
            """
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS index,
                pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_drop
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE NOT i.indisvalid AND i.indrelid <> ALL ($1::oid[]) AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AND \(condition)
            ORDER BY 1 LIMIT 100
            """,
            parameters
        )
    }

    /// Drops an index while its table is used.
    ///
    /// - Parameter name: as SQL.
    static func dropping(_ name: String) -> String { "DROP INDEX CONCURRENTLY IF EXISTS \(name)" }

    /// What became of the index that the statement makes: `name`, `is_valid`, and whether it belongs to the statement's table. Nil for a `REINDEX`,
    /// which fails where it does not do all.
    var result: PipelineStatement? {
        guard case .index(let name, let table) = scope else { return nil }
        return PipelineStatement(
            """
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, coalesce(i.indisvalid AND i.indisready, false) AS is_valid,
                coalesce(i.indrelid = t.oid, false) AS is_on_table
            FROM pg_catalog.pg_class t JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
            WHERE t.oid = pg_catalog.to_regclass($1)::oid AND c.relname = (pg_catalog.parse_ident($2))[1]::name
            """,
            [table, name]
        )
    }
}
