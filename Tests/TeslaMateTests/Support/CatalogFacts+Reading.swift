import ConvoyPostgres
import TestSupport

extension CatalogFacts {
    /// Reads the catalogue of a database, without the ledger, Convoy's own schema, and what extensions own.
    init(of database: TestDatabase) async throws {
        let connection = try await database.connect()
        defer { connection.close() }
        // Definitions leave out the schemas that are searched.
        try await connection.query("SET search_path = public")
        self.init(lines: Set(try await connection.query(Self.query).rows.map { row throws(PostgresError) in try row.text("fact") }))
    }

    /// The kinds after `sequence` are not in the facts: an object of such a kind, an index that is not valid, or an object that does not
    /// belong to the database's owner, shows up as a line too much.
    private static let query = """
        WITH extension_owned AS (
            SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
        ), spaces AS (
            SELECT oid, nspname::text AS name FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'convoy')
        ), relations AS (
            SELECT c.*, s.name || '.' || c.relname AS name
            FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
            WHERE c.relname NOT IN ('schema_migrations', 'schema_migrations_pkey')
                AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM extension_owned)
        ), attributes AS (
            SELECT r.name AS relation, a.*
            FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
            WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        ), types AS (
            SELECT t.*, s.name || '.' || t.typname AS name
            FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
            WHERE t.typrelid = 0 AND t.typelem = 0 AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM extension_owned)
        ), functions AS (
            SELECT p.*, s.name || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS name
            FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
            WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM extension_owned)
        ), facts (kind, fact) AS (
            SELECT 'schema', name FROM spaces
            UNION ALL
            SELECT 'extension', e.extname || ' in ' || s.name
            FROM pg_extension e JOIN spaces s ON s.oid = e.extnamespace
            UNION ALL
            SELECT 'enum', name || ': ' || (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = types.oid)
            FROM types WHERE typtype = 'e'
            UNION ALL
            SELECT 'table', name || coalesce(' with ' || array_to_string(reloptions, ', '), '')
            FROM relations WHERE relkind = 'r'
            UNION ALL
            SELECT 'column', concat(
                relation, '.', attname, ' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' END,
                CASE WHEN attidentity <> '' THEN ' identity' END,
                (SELECT CASE WHEN attgenerated = '' THEN ' default ' ELSE ' generated ' END || pg_get_expr(adbin, adrelid)
                    FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum))
            FROM attributes
            UNION ALL
            SELECT 'column-order', relation || ': ' || string_agg(attname, ', ' ORDER BY attnum)
            FROM attributes GROUP BY relation
            UNION ALL
            SELECT 'constraint', r.name || '.' || o.conname || ' ' || pg_get_constraintdef(o.oid)
            FROM pg_constraint o JOIN relations r ON r.oid = o.conrelid
            WHERE o.contype <> 'n'
            UNION ALL
            SELECT 'index', r.name || ' ' || pg_get_indexdef(r.oid)
            FROM relations r WHERE r.relkind = 'i'
            UNION ALL
            SELECT 'function', concat(
                name, ' returns ', pg_get_function_result(f.oid), ' language ', l.lanname, ' volatility ', provolatile,
                ' parallel ', proparallel, ' strict ', proisstrict::text, ' config ' || array_to_string(proconfig, ', '))
            FROM functions f JOIN pg_language l ON l.oid = f.prolang
            UNION ALL
            SELECT 'sequence', concat(
                r.name, ' ', format_type(q.seqtypid, NULL), ' start ', q.seqstart, ' increment ', q.seqincrement,
                (SELECT ' owned by ' || a.relation || '.' || a.attname
                    FROM pg_depend d JOIN attributes a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
                        AND d.deptype IN ('a', 'i')))
            FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid
            UNION ALL
            SELECT concat('relation of kind ', relkind), name FROM relations WHERE relkind NOT IN ('r', 'i', 'S', 't')
            UNION ALL
            SELECT concat('type of kind ', typtype), name FROM types WHERE typtype <> 'e'
            UNION ALL
            SELECT 'trigger', r.name || '.' || t.tgname FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
            UNION ALL
            SELECT 'rule', r.name || '.' || w.rulename FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class
            UNION ALL
            SELECT 'policy', r.name || '.' || p.polname FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
            UNION ALL
            SELECT 'event trigger', evtname::text FROM pg_event_trigger
            UNION ALL
            SELECT 'invalid index', r.name FROM pg_index x JOIN relations r ON r.oid = x.indexrelid WHERE NOT (x.indisvalid AND x.indisready)
            UNION ALL
            SELECT 'foreign owner of', o.name
            FROM (
                SELECT name, relowner AS owner FROM relations
                UNION ALL SELECT name, typowner FROM types
                UNION ALL SELECT name, proowner FROM functions
            ) o JOIN pg_database d ON d.datname = current_database() AND d.datdba <> o.owner
        )
        SELECT kind || ' ' || fact AS fact FROM facts
        """
}
