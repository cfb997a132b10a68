import ConvoyPostgres

/// The question that reads the catalogue of a database: rows of the server's own tables, of which ``CatalogBuilder`` makes facts.
///
/// A session that is new pays for each table that it opens and each expression that it plans, far more than for the rows. So the question has a plain scan
/// of each table and hardly a join, and what few databases have (views, policies, partitions, foreign roles …) is a second question, asked only where
/// the answer to the first one shows that there is some.
///
/// It runs no code of a tenant: it calls functions of `pg_catalog` alone, which print stored expressions and evaluate none, and casts only
/// to types of the server. It takes no lock of a table that has only columns, constant defaults, keys and plain indexes. To print an expression that
/// names columns, and to print a view or a rule, the server takes ACCESS SHARE for a moment; `lock_timeout` bounds the wait for it.
///
/// What is printed is the same on PostgreSQL 15, 16, 17 and 18: of a view and a rule the names of tables before columns are left out, because 15
/// prints more of them (what a view reads and calls is listed in their place); NOT NULL is a property of the column, not a constraint; and
/// the privilege MAINTAIN, which 17 brought, is left out.
package enum CatalogQuery {
    /// More rows are not read: about 2,500 tables. The session's own limit of bytes may be reached before.
    package static let rowLimit = 60_000
    /// A name of more characters is cut, and has the hash of the whole behind it.
    static let objectLength = 1000
    /// So is a text.
    static let textLength = 2000

    /// What every database has. The search path must be `pg_catalog`.
    static func usual(rowLimit: Int = rowLimit) -> PipelineStatement {
        PipelineStatement(usualSQL, [String(rowLimit + 1)])
    }

    /// What few databases have.
    ///
    /// - Parameter owner: the role to which everything should belong.
    static func rare(owner: String, rowLimit: Int = rowLimit) -> PipelineStatement {
        PipelineStatement(rareSQL, [owner, String(rowLimit + 1)])
    }

    // The numbers are those of the server's own catalogues, which are the same in every release: 1247 pg_type, 1255 pg_proc, 1259 pg_class,
    // 1417 pg_foreign_server, 2200 the schema public, 2615 pg_namespace, 2617 pg_operator, 2618 pg_rewrite, 3256 pg_policy, 3456 pg_collation,
    // 3466 pg_event_trigger. Objects that were made after the cluster have numbers from 16384 on. The role 10 is the superuser that made the cluster; its
    // functions in extensions are many and count for nothing.
    //
    // A default that names no column is printed without its table, and so without a lock.
    private static let usualSQL = #"""
        SELECT ROW('session', current_user, current_setting('is_superuser'))::text AS row
        UNION ALL
        SELECT ROW('namespace', n.oid, quote_ident(n.nspname), pg_get_userbyid(n.nspowner), n.nspacl)::text FROM pg_namespace n
        WHERE n.nspname !~ '^(pg_|information_schema$|convoy$)'
        UNION ALL
        SELECT ROW('relation', c.oid, c.relnamespace, quote_ident(c.relname), pg_get_userbyid(c.relowner), c.relacl, c.relkind, c.relpersistence,
            c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispartition, c.relhassubclass, array_to_string(c.reloptions, ', '))::text
        FROM pg_class c WHERE c.oid >= 16384 AND c.relkind NOT IN ('i', 'I', 't')
        UNION ALL
        SELECT ROW('attribute', a.attrelid, a.attnum, quote_ident(a.attname), a.attacl, format_type(a.atttypid, a.atttypmod), a.atttypid, a.attnotnull,
            a.attidentity, a.attgenerated, a.attcollation,
            CASE WHEN a.attcollation NOT IN (0, 100) THEN (pg_identify_object(3456, a.attcollation, 0)).identity END)::text
        FROM pg_attribute a WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attrelid IN (SELECT c.oid FROM pg_class c WHERE c.oid >= 16384 AND c.relkind NOT IN ('i', 'I', 't', 'S'))
        UNION ALL
        SELECT ROW('default', d.adrelid, d.adnum, pg_get_expr(d.adbin, CASE WHEN d.adbin::text LIKE '%{VAR %' THEN d.adrelid ELSE 0 END))::text
        FROM pg_attrdef d WHERE d.adrelid >= 16384
        UNION ALL
        SELECT ROW('type', t.oid, t.typnamespace, quote_ident(t.typname), pg_get_userbyid(t.typowner), t.typacl, t.typtype, t.typrelid, t.typcollation,
            CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END, t.typnotnull, pg_get_expr(t.typdefaultbin, 0))::text
        FROM pg_type t WHERE t.oid >= 16384 AND t.typtype <> 'm' AND (t.typelem = 0 OR t.typlen <> -1)
        UNION ALL
        SELECT ROW('label', l.enumtypid, l.enumsortorder, quote_literal(l.enumlabel))::text FROM pg_enum l WHERE l.enumtypid >= 16384
        UNION ALL
        SELECT ROW('function', p.oid, p.pronamespace, quote_ident(p.proname), pg_get_userbyid(p.proowner), p.proacl, oidvectortypes(p.proargtypes),
            p.prokind, p.prolang, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proleakproof, array_to_string(p.proconfig, ', '),
            pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.probin,
            CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_get_function_sqlbody(p.oid) END)::text
        FROM pg_proc p WHERE p.oid >= 16384
            AND NOT (p.proowner = 10 AND p.oid IN (SELECT d.objid FROM pg_depend d WHERE d.classid = 1255 AND d.deptype = 'e'))
        UNION ALL
        SELECT ROW('language', l.oid, quote_ident(l.lanname))::text FROM pg_language l
        UNION ALL
        SELECT ROW('constraint', o.oid, o.conrelid, o.contypid, quote_ident(o.conname), pg_get_constraintdef(o.oid))::text
        FROM pg_constraint o WHERE o.oid >= 16384 AND o.contype NOT IN ('n', 't')
        UNION ALL
        SELECT ROW('index', i.indexrelid, i.indrelid, quote_ident(c.relname), i.indisunique, i.indisvalid AND i.indisready, i.indisreplident,
            c.relam, i.indkey, i.indcollation,
            CASE WHEN i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR i.indnkeyatts <> i.indnatts OR i.indnullsnotdistinct OR c.relkind = 'I'
                    OR c.reloptions IS NOT NULL OR c.relam >= 16384 OR i.indoption::text ~ '[1-9]' OR i.indcollation::text !~ '^( ?(0|100))*$'
                    OR i.indclass::oid[] && ARRAY(SELECT o.oid FROM pg_opclass o WHERE NOT o.opcdefault)
                THEN pg_get_indexdef(i.indexrelid) END)::text
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indexrelid >= 16384
        UNION ALL
        SELECT ROW('trigger', t.oid, t.tgrelid, quote_ident(t.tgname), t.tgenabled, t.tgisinternal, t.tgconstraint,
            CASE WHEN NOT t.tgisinternal THEN pg_get_triggerdef(t.oid) END)::text
        FROM pg_trigger t WHERE NOT t.tgisinternal OR t.tgenabled <> 'O'
        UNION ALL
        SELECT ROW('sequence', q.seqrelid, format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle)::text
        FROM pg_sequence q
        UNION ALL
        SELECT ROW('dependency', d.classid, d.objid, d.refobjid, d.refobjsubid, d.deptype)::text FROM pg_depend d
        WHERE d.deptype = 'e' OR d.objid >= 16384 AND (d.classid IN (2617, 2618, 3256, 3466)
            OR d.classid = 1259 AND d.refclassid = 1259 AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)
        UNION ALL
        SELECT ROW('extension', e.oid, e.extnamespace, quote_ident(e.extname))::text FROM pg_extension e
        UNION ALL
        SELECT ROW('comment', d.classoid, d.objoid, d.objsubid, d.description)::text FROM pg_description d WHERE d.objoid >= 16384 OR d.objoid = 2200
        UNION ALL
        SELECT ROW('default privilege', a.defaclnamespace, a.defaclobjtype, pg_get_userbyid(a.defaclrole), a.defaclacl)::text FROM pg_default_acl a
        LIMIT $1::int8
        """#

    private static let rareSQL = #"""
        SELECT ROW('superuser', r.rolname)::text AS row FROM pg_roles r WHERE r.rolsuper
        UNION ALL
        SELECT ROW('partition', c.oid, pg_get_partkeydef(c.oid), CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, 0) END)::text
        FROM pg_class c WHERE c.oid >= 16384 AND (c.relkind = 'p' OR c.relispartition)
        UNION ALL
        SELECT ROW('parent', h.inhrelid, h.inhseqno, (pg_identify_object(1259, h.inhparent, 0)).identity)::text FROM pg_inherits h
        UNION ALL
        SELECT ROW('foreign table', f.ftrelid, (pg_identify_object(1417, f.ftserver, 0)).identity)::text FROM pg_foreign_table f
        UNION ALL
        SELECT ROW('range', g.rngtypid, format_type(g.rngsubtype, NULL))::text FROM pg_range g WHERE g.rngtypid >= 16384
        UNION ALL
        SELECT ROW('rule', w.oid, w.ev_class, quote_ident(w.rulename), w.rulename = '_RETURN', w.ev_enabled,
            btrim(regexp_replace(regexp_replace(CASE w.rulename WHEN '_RETURN' THEN pg_get_viewdef(w.ev_class) ELSE pg_get_ruledef(w.oid) END,
                $re$('(?:[^']|'')*')|(?:[[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")*")\.$re$, '\1', 'g'), '\s+', ' ', 'g')),
            (SELECT array_agg(DISTINCT (pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid)).identity) FROM pg_depend d
                WHERE d.classid = 2618 AND d.objid = w.oid AND d.refclassid IN (1247, 1255, 1259, 2617)
                    AND (d.refclassid <> 1259 OR d.refobjid <> w.ev_class)))::text
        FROM pg_rewrite w WHERE w.oid >= 16384
        UNION ALL
        SELECT ROW('policy', p.oid, p.polrelid, quote_ident(p.polname), p.polpermissive, p.polcmd,
            (SELECT string_agg(DISTINCT CASE WHEN m = 0 THEN 'PUBLIC' WHEN pg_get_userbyid(m) = $1::name THEN 'owner' ELSE 'another role' END, ', ')
                FROM unnest(p.polroles) m),
            regexp_replace(concat(' using ' || pg_get_expr(p.polqual, p.polrelid), ' with check ' || pg_get_expr(p.polwithcheck, p.polrelid)),
                '\s+', ' ', 'g'))::text
        FROM pg_policy p
        UNION ALL
        SELECT ROW('operator', o.oid, o.oprnamespace, o.oid::regoperator, o.oprcode::oid::regprocedure, nullif(o.oprcom, 0)::regoperator,
            nullif(o.oprnegate, 0)::regoperator, o.oprcanmerge, o.oprcanhash, pg_get_userbyid(o.oprowner))::text
        FROM pg_operator o WHERE o.oid >= 16384
        UNION ALL
        SELECT ROW('event trigger', v.oid, quote_ident(v.evtname), v.evtevent, array_to_string(v.evttags, ', '),
            quote_ident(n.nspname) || '.' || quote_ident(p.proname), v.evtenabled)::text
        FROM pg_event_trigger v JOIN pg_proc p ON p.oid = v.evtfoid JOIN pg_namespace n ON n.oid = p.pronamespace
        LIMIT $2::int8
        """#
}
