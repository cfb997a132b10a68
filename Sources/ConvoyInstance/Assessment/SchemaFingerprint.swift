import ConvoyPostgres

/// A hash of an instance's catalogue: equal for equal schemas, whatever rows, oids and statistics they have.
enum SchemaFingerprint {
    /// One row with one column `fingerprint`. With nothing but `pg_catalog` on the search path every name is written out, so that the same
    /// schema gives the same text. What extensions brought and what Convoy itself keeps does not count.
    static let query = PipelineStatement(
        """
        WITH schemas AS (
            SELECT oid, nspname FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'convoy')
        ), extended AS (
            SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
        ), relations AS (
            SELECT c.oid, s.nspname || '.' || c.relname AS name, c.relkind FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
                AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
        ), lines(line) AS (
            SELECT concat_ws(' ', 'relation', r.relkind, r.name) FROM relations r
            UNION ALL
            SELECT concat_ws(' ', 'column', r.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
            FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE r.relkind <> 'S'
            UNION ALL
            SELECT concat_ws(' ', 'constraint', r.name, o.conname, pg_get_constraintdef(o.oid))
            FROM relations r JOIN pg_constraint o ON o.conrelid = r.oid WHERE o.contype <> 'n'
            UNION ALL
            SELECT concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisvalid) FROM relations r JOIN pg_index i ON i.indrelid = r.oid
            UNION ALL
            SELECT concat_ws(' ', 'view', r.name, pg_get_viewdef(r.oid)) FROM relations r WHERE r.relkind IN ('v', 'm')
            UNION ALL
            SELECT concat_ws(' ', 'trigger', r.name, pg_get_triggerdef(t.oid)) FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid
            WHERE NOT t.tgisinternal
            UNION ALL
            SELECT concat_ws(' ', 'function', s.nspname, pg_get_function_identity_arguments(p.oid), p.proname, md5(p.prosrc))
            FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
            WHERE NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
            UNION ALL
            SELECT concat_ws(' ', 'type', s.nspname, t.typname, t.typtype,
                (SELECT string_agg(l.enumlabel, ',' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid))
            FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace
            WHERE t.typtype IN ('e', 'd')
                AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid)
            UNION ALL
            SELECT 'extension ' || x.extname FROM pg_extension x
        )
        SELECT md5(coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE "C"), '')) AS fingerprint FROM lines
        """
    )
}
