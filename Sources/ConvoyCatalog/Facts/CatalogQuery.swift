package import ConvoyPostgres

/// The one question that reads the catalogue of a database: its facts, and their hash.
///
/// It runs no code of a tenant: it calls functions of `pg_catalog` alone, which print stored expressions and evaluate none, and casts only
/// to types of the server. It takes no lock of a table that has only columns, constant defaults, keys and plain indexes. To print an expression that
/// names columns, and to print a view or a rule, the server takes ACCESS SHARE for a moment; `lock_timeout` bounds the wait for it.
///
/// What is printed is the same on PostgreSQL 15, 16, 17 and 18: of a view and a rule the names of tables before columns are left out, because 15
/// prints more of them (the columns that a view reads are listed in their place); NOT NULL is a property of the column, not a constraint; and
/// the privilege MAINTAIN, which 17 brought, is left out.
///
/// Roles are `owner`, `PUBLIC`, `a superuser` or `another role`: their names differ from one tenant to the next.
package enum CatalogQuery {
    /// More catalogue rows are not read: about 22,000 tables, and six seconds of a server.
    package static let objectLimit = 500_000
    /// More facts are hashed, and not sent; so are more bytes.
    package static let factLimit = 50_000
    package static let byteLimit = 4_000_000
    /// A name of more characters is cut, and has the hash of the whole behind it.
    static let objectLength = 1000

    /// The question. Its first row has the fingerprint (`object`), the number of facts (`text`), their bytes (`detail`) and the rows of the catalogue
    /// (`objects`); each other row is a fact. The search path must be `pg_catalog`.
    ///
    /// - Parameters:
    ///   - owner: the role to which everything should belong: the ledger's owner.
    ///   - known: a fingerprint whose facts need not be sent, because they are known.
    package static func statement(owner: String, known: String?) -> PipelineStatement {
        PipelineStatement(sql, [owner, known ?? "", String(objectLimit), String(factLimit), String(byteLimit)])
    }

    /// The same without the facts: only the first row.
    static func fingerprint(owner: String) -> PipelineStatement {
        PipelineStatement(sql, [owner, "", String(objectLimit), "-1", String(byteLimit)])
    }

    // Every join is a hash join or a look-up by an index, so that the work grows with the number of objects and not faster.
    private static let sql = #"""
        WITH size AS MATERIALIZED (
            SELECT (SELECT count(*) FROM pg_class WHERE oid >= 16384) + (SELECT count(*) FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0)
                + (SELECT count(*) FROM pg_proc WHERE oid >= 16384) + (SELECT count(*) FROM pg_type WHERE oid >= 16384)
                + (SELECT count(*) FROM pg_constraint WHERE oid >= 16384) + (SELECT count(*) FROM pg_description WHERE objoid >= 16384)
                + (SELECT count(*) FROM pg_operator WHERE oid >= 16384) + (SELECT count(*) FROM pg_default_acl) AS objects
        ), reference AS MATERIALIZED (
            SELECT coalesce((SELECT r.oid FROM pg_roles r WHERE r.rolname = $1::text), d.datdba) AS owner
            FROM pg_database d WHERE d.datname = current_database()
        ), spaces AS MATERIALIZED (
            SELECT n.oid, quote_ident(n.nspname) AS name, n.nspname, n.nspowner, n.nspacl FROM pg_namespace n
            WHERE left(n.nspname, 3) <> 'pg_' AND n.nspname NOT IN ('information_schema', 'convoy')
                AND (SELECT objects FROM size) <= $3::int8
        ), extended AS MATERIALIZED (
            SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
        ), relations AS MATERIALIZED (
            SELECT c.oid, s.name || '.' || quote_ident(c.relname) AS name, c.relkind, c.relowner, c.relacl, c.reloptions, c.relpersistence,
                c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relpartbound, c.reltype, c.relreplident
            FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
            WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c') AND c.relname <> 'schema_migrations'
                AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
        ), attributes AS MATERIALIZED (
            SELECT a.attrelid, a.attnum, r.name AS relation, r.relkind, r.relowner, quote_ident(a.attname) AS name,
                concat(format_type(a.atttypid, a.atttypmod),
                    (SELECT ' collate ' || quote_ident(n.nspname) || '.' || quote_ident(l.collname)
                        FROM pg_type t, pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
                        WHERE a.attcollation NOT IN (0, 100) AND t.oid = a.atttypid AND l.oid = a.attcollation AND t.typcollation <> a.attcollation))
                    AS type,
                a.attnotnull, a.attidentity, a.attgenerated, a.atthasdef, a.attacl
            FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
            WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'
        ), lists AS MATERIALIZED (
            SELECT attrelid, string_agg(name, ', ' ORDER BY attnum) AS names, string_agg(name || ' ' || type, ', ' ORDER BY attnum) AS types
            FROM attributes GROUP BY attrelid
        ), types AS MATERIALIZED (
            SELECT t.oid, s.name || '.' || quote_ident(t.typname) AS name, t.typtype, t.typowner, t.typacl, t.typbasetype, t.typtypmod, t.typnotnull,
                t.typdefaultbin, t.typcollation, t.typrelid
            FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace LEFT JOIN relations r ON r.oid = t.typrelid
            WHERE t.oid >= 16384 AND (t.typrelid = 0 OR r.relkind = 'c') AND t.typtype <> 'm' AND (t.typelem = 0 OR t.typlen <> -1)
                AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid)
        ), functions AS MATERIALIZED (
            SELECT p.oid, s.name || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' AS name, p.proowner, p.proacl,
                concat('(', pg_get_function_arguments(p.oid), ')',
                    CASE p.prokind WHEN 'p' THEN ' procedure' WHEN 'a' THEN ' aggregate' WHEN 'w' THEN ' window' END,
                    ' returns ' || pg_get_function_result(p.oid), ' language ', quote_ident(l.lanname), ' volatility ', p.provolatile,
                    ' parallel ', p.proparallel, ' strict ', p.proisstrict::text, CASE WHEN p.prosecdef THEN ' security definer' END,
                    CASE WHEN p.proleakproof THEN ' leakproof' END, ' config ' || array_to_string(p.proconfig, ', ')) AS text,
                concat(p.probin || ' ', CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_get_function_sqlbody(p.oid) END) AS body
            FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
            WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
        ), constraints AS MATERIALIZED (
            SELECT o.oid, coalesce(r.name, t.name) || '.' || quote_ident(o.conname) AS name
            FROM pg_constraint o LEFT JOIN relations r ON r.oid = o.conrelid LEFT JOIN types t ON t.oid = o.contypid
            WHERE o.oid >= 16384 AND o.contype NOT IN ('n', 't') AND coalesce(r.name, t.name) IS NOT NULL
        ), indexes AS MATERIALIZED (
            SELECT c.oid, s.name || '.' || quote_ident(c.relname) AS name, i.indisvalid AND i.indisready AS is_valid,
                -- What pg_get_indexdef would print, without the lock that it takes.
                CASE WHEN c.relkind = 'i' AND i.indexprs IS NULL AND i.indpred IS NULL AND i.indnkeyatts = i.indnatts AND c.reloptions IS NULL
                        AND NOT i.indnullsnotdistinct AND k.is_plain
                    THEN concat('CREATE ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, 'INDEX ', quote_ident(c.relname), ' ON ', r.name,
                        ' USING ', quote_ident(m.amname), ' (', k.names, ')') END AS plain
            FROM pg_index i JOIN relations r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid JOIN spaces s ON s.oid = c.relnamespace
            JOIN pg_am m ON m.oid = c.relam
            LEFT JOIN (
                SELECT i.indexrelid, string_agg(quote_ident(a.attname), ', ' ORDER BY n.place) AS names,
                    bool_and(o.opcdefault AND i.indoption[n.place - 1] = 0 AND i.indcollation[n.place - 1] = a.attcollation) AS is_plain
                FROM pg_index i CROSS JOIN LATERAL generate_series(1, i.indnatts) n (place)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n.place - 1]
                JOIN pg_opclass o ON o.oid = i.indclass[n.place - 1]
                WHERE i.indexrelid >= 16384 AND i.indnkeyatts = i.indnatts
                GROUP BY i.indexrelid) k ON k.indexrelid = i.indexrelid
            WHERE NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
        ), triggers AS MATERIALIZED (
            SELECT t.oid, r.name || '.' || quote_ident(t.tgname) AS name, t.tgenabled FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid
            WHERE NOT t.tgisinternal
        ), rules AS MATERIALIZED (
            SELECT w.oid, w.ev_class, r.name || '.' || quote_ident(w.rulename) AS name, w.rulename = '_RETURN' AS is_view, w.ev_enabled
            FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class WHERE w.oid >= 16384
        ), reads AS MATERIALIZED (
            SELECT w.ev_class, string_agg(DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname) || coalesce('.' || quote_ident(a.attname), ''), ', ') AS names
            FROM rules w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
            JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0
            WHERE w.is_view GROUP BY w.ev_class
        ), policies AS MATERIALIZED (
            SELECT p.*, r.name || '.' || quote_ident(p.polname) AS name FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
        ), named (classid, objid, sort, name, owner, acl, fallback) AS MATERIALIZED (
            SELECT 'pg_namespace'::regclass, s.oid, 'schema', s.name, s.nspowner, s.nspacl, 'n'::"char" FROM spaces s
            UNION ALL
            SELECT 'pg_class'::regclass, r.oid, CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
                r.name, r.relowner, r.relacl, CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END FROM relations r WHERE r.relkind <> 'c'
            UNION ALL
            SELECT 'pg_class'::regclass, i.oid, 'index', i.name, NULL, NULL, NULL FROM indexes i
            UNION ALL
            SELECT 'pg_type'::regclass, t.oid, 'type', t.name, t.typowner, t.typacl, 'T' FROM types t
            UNION ALL
            SELECT 'pg_proc'::regclass, f.oid, 'function', f.name, f.proowner, f.proacl, 'f' FROM functions f
            UNION ALL
            SELECT 'pg_constraint'::regclass, o.oid, 'constraint', o.name, NULL, NULL, NULL FROM constraints o
            UNION ALL
            SELECT 'pg_trigger'::regclass, t.oid, 'trigger', t.name, NULL, NULL, NULL FROM triggers t
            UNION ALL
            SELECT 'pg_rewrite'::regclass, w.oid, 'rule', w.name, NULL, NULL, NULL FROM rules w WHERE NOT w.is_view
            UNION ALL
            SELECT 'pg_policy'::regclass, p.oid, 'policy', p.name, NULL, NULL, NULL FROM policies p
        ), raw (kind, object, text, detail) AS (
            SELECT 'schema', s.name, '', '' FROM spaces s
            WHERE NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = s.oid)
            UNION ALL
            SELECT 'extension', quote_ident(e.extname), 'in ' || s.name, ''
            FROM pg_extension e JOIN spaces s ON s.oid = e.extnamespace
            UNION ALL
            SELECT 'enum', t.name, (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid), ''
            FROM types t WHERE t.typtype = 'e'
            UNION ALL
            SELECT 'domain', t.name, concat(format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN ' not null' END,
                ' default ' || pg_get_expr(t.typdefaultbin, 0)), ''
            FROM types t WHERE t.typtype = 'd'
            UNION ALL
            SELECT 'type', t.name, CASE t.typtype
                WHEN 'c' THEN '(' || l.types || ')'
                WHEN 'r' THEN (SELECT 'range of ' || format_type(g.rngsubtype, NULL) FROM pg_range g WHERE g.rngtypid = t.oid)
                WHEN 'p' THEN 'shell' ELSE 'base type' END, ''
            FROM types t LEFT JOIN lists l ON l.attrelid = t.typrelid WHERE t.typtype NOT IN ('e', 'd')
            UNION ALL
            SELECT 'table', r.name, concat('(', l.names, ')', ' with ' || array_to_string(r.reloptions, ', '),
                CASE r.relkind WHEN 'p' THEN ' partitioned by ' || pg_get_partkeydef(r.oid)
                    WHEN 'f' THEN ' foreign of ' || (SELECT quote_ident(v.srvname) FROM pg_foreign_table f JOIN pg_foreign_server v ON v.oid = f.ftserver WHERE f.ftrelid = r.oid) END,
                (SELECT CASE WHEN r.relispartition THEN ' partition of ' ELSE ' inherits ' END
                        || string_agg(quote_ident(n.nspname) || '.' || quote_ident(c.relname), ', ' ORDER BY h.inhseqno)
                    FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent JOIN pg_namespace n ON n.oid = c.relnamespace WHERE h.inhrelid = r.oid),
                CASE WHEN r.relispartition THEN ' ' || pg_get_expr(r.relpartbound, 0) END,
                CASE r.relpersistence WHEN 'u' THEN ' unlogged' END, CASE WHEN r.relrowsecurity THEN ' row security' END,
                CASE WHEN r.relforcerowsecurity THEN ' forced' END,
                CASE WHEN r.relkind <> 'f' THEN CASE r.relreplident WHEN 'n' THEN ' replica identity nothing' WHEN 'f' THEN ' replica identity full'
                    WHEN 'i' THEN ' replica identity index' || coalesce((SELECT ' ' || quote_ident(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                        WHERE i.indrelid = r.oid AND i.indisreplident), '') END END), ''
            FROM relations r LEFT JOIN lists l ON l.attrelid = r.oid WHERE r.relkind IN ('r', 'p', 'f')
            UNION ALL
            SELECT 'column', a.relation || '.' || a.name, concat(a.type, CASE WHEN a.attnotnull THEN ' not null' END,
                CASE a.attidentity WHEN 'a' THEN ' identity' WHEN 'd' THEN ' identity by default' END,
                CASE WHEN a.atthasdef THEN (
                    SELECT CASE a.attgenerated WHEN '' THEN ' default ' WHEN 's' THEN ' generated ' ELSE ' virtual ' END
                        || pg_get_expr(d.adbin, CASE a.attgenerated WHEN '' THEN 0 ELSE d.adrelid END)
                    FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END), ''
            FROM attributes a WHERE a.relkind IN ('r', 'p', 'f')
            UNION ALL
            SELECT 'constraint', o.name, pg_get_constraintdef(o.oid) || coalesce(
                -- The server enforces a foreign key by internal triggers.
                (SELECT ' ' || string_agg(DISTINCT CASE t.tgenabled WHEN 'D' THEN 'disabled' WHEN 'A' THEN 'always' ELSE 'replica' END, ', ')
                    FROM pg_trigger t WHERE t.tgconstraint = o.oid AND t.tgisinternal AND t.tgenabled <> 'O'), ''), '' FROM constraints o
            UNION ALL
            SELECT 'index', i.name, concat(coalesce(i.plain, pg_get_indexdef(i.oid)), CASE WHEN NOT i.is_valid THEN ' invalid' END), '' FROM indexes i
            UNION ALL
            SELECT 'function', f.name, f.text, f.body FROM functions f
            UNION ALL
            SELECT 'function', o.oid::regoperator::text, concat('operator of ', o.oprcode::oid::regprocedure::text,
                ' commutator ' || nullif(o.oprcom, 0)::regoperator::text, ' negator ' || nullif(o.oprnegate, 0)::regoperator::text,
                CASE WHEN o.oprcanmerge THEN ' merges' END, CASE WHEN o.oprcanhash THEN ' hashes' END), ''
            FROM pg_operator o JOIN spaces s ON s.oid = o.oprnamespace
            WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_operator'::regclass AND e.objid = o.oid)
            UNION ALL
            SELECT 'sequence', r.name, concat(format_type(q.seqtypid, NULL), ' start ', q.seqstart, ' increment ', q.seqincrement,
                CASE WHEN q.seqmin <> 1 THEN ' minimum ' || q.seqmin END,
                CASE WHEN q.seqmax <> CASE q.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END
                    THEN ' maximum ' || q.seqmax END,
                CASE WHEN q.seqcache <> 1 THEN ' cache ' || q.seqcache END, CASE WHEN q.seqcycle THEN ' cycle' END,
                ' owned by ' || o.name), ''
            FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid LEFT JOIN (
                SELECT d.objid, a.relation || '.' || a.name AS name
                FROM pg_depend d JOIN attributes a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) o ON o.objid = r.oid
            UNION ALL
            SELECT CASE r.relkind WHEN 'v' THEN 'view' ELSE 'materialized-view' END, r.name,
                concat('(', l.types, ')', ' with ' || array_to_string(r.reloptions, ', '), ' as ',
                    btrim(regexp_replace(regexp_replace(pg_get_viewdef(r.oid), $re$('(?:[^']|'')*')|(?:[[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")*")\.$re$, '\1', 'g'),
                        '\s+', ' ', 'g')),
                    ' reads ' || d.names), ''
            FROM relations r LEFT JOIN lists l ON l.attrelid = r.oid LEFT JOIN reads d ON d.ev_class = r.oid WHERE r.relkind IN ('v', 'm')
            UNION ALL
            SELECT 'trigger', t.name, concat(pg_get_triggerdef(t.oid),
                CASE t.tgenabled WHEN 'D' THEN ' disabled' WHEN 'A' THEN ' always' WHEN 'R' THEN ' replica' END), ''
            FROM triggers t
            UNION ALL
            SELECT 'rule', w.name, concat(
                regexp_replace(regexp_replace(pg_get_ruledef(w.oid), $re$('(?:[^']|'')*')|(?:[[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")*")\.$re$, '\1', 'g'), '\s+', ' ', 'g'),
                CASE w.ev_enabled WHEN 'D' THEN ' disabled' WHEN 'A' THEN ' always' WHEN 'R' THEN ' replica' END), ''
            FROM rules w WHERE NOT w.is_view
            UNION ALL
            SELECT 'policy', p.name, concat(CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
                ' for ', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
                ' to ', (SELECT string_agg(DISTINCT CASE WHEN m = 0 THEN 'PUBLIC' WHEN m = (SELECT owner FROM reference) THEN 'owner' ELSE 'another role' END, ', ')
                    FROM unnest(p.polroles) m),
                regexp_replace(concat(' using ' || pg_get_expr(p.polqual, p.polrelid), ' with check ' || pg_get_expr(p.polwithcheck, p.polrelid)),
                    '\s+', ' ', 'g')), ''
            FROM policies p
            UNION ALL
            SELECT 'event-trigger', quote_ident(v.evtname), concat('on ', v.evtevent, ' when ' || array_to_string(v.evttags, ', '),
                ' execute ', quote_ident(n.nspname), '.', quote_ident(p.proname),
                CASE v.evtenabled WHEN 'D' THEN ' disabled' WHEN 'A' THEN ' always' WHEN 'R' THEN ' replica' END), ''
            FROM pg_event_trigger v JOIN pg_proc p ON p.oid = v.evtfoid JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE NOT EXISTS (SELECT FROM extended e WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = v.oid)
            UNION ALL
            SELECT 'owner', n.name, n.sort || ': ' || (SELECT CASE WHEN a.rolsuper THEN 'a superuser' ELSE 'another role' END FROM pg_roles a WHERE a.oid = n.owner), ''
            FROM named n, reference f
            WHERE n.owner <> f.owner
                AND NOT (n.sort = 'schema' AND EXISTS (SELECT FROM pg_roles a WHERE a.oid = n.owner AND (a.rolname = 'pg_database_owner' OR a.rolsuper AND n.name = 'public')))
                AND NOT EXISTS (SELECT FROM extended e WHERE e.classid = n.classid AND e.objid = n.objid)
            UNION ALL
            SELECT 'privilege', o.name, o.sort || ': ' || coalesce(x.found, 'none'), ''
            FROM (
                SELECT n.name, n.sort, n.owner, n.acl, acldefault(n.fallback, n.owner) AS fallback FROM named n WHERE n.acl IS NOT NULL
                UNION ALL
                SELECT a.relation || '.' || a.name, 'column', a.relowner, a.attacl, acldefault('c', a.relowner) FROM attributes a WHERE a.attacl IS NOT NULL
            ) o CROSS JOIN LATERAL (
                SELECT string_agg(g.who || ' ' || g.privileges, '; ' ORDER BY g.who COLLATE "C") FILTER (WHERE g.is_found) AS found,
                    string_agg(g.who || ' ' || g.privileges, '; ' ORDER BY g.who COLLATE "C") FILTER (WHERE NOT g.is_found) AS fallback
                FROM (
                    SELECT e.is_found, e.who, string_agg(DISTINCT e.privilege COLLATE "C", ', ') AS privileges
                    FROM (
                        SELECT i.is_found, i.privilege_type || CASE WHEN i.is_grantable THEN ' with grant option' ELSE '' END AS privilege,
                            CASE WHEN i.grantee = 0 THEN 'PUBLIC' WHEN i.grantee = o.owner THEN 'owner'
                                WHEN i.grantee = (SELECT owner FROM reference) THEN 'the ledger''s owner'
                                ELSE (SELECT CASE WHEN a.rolsuper THEN 'a superuser' ELSE 'another role' END FROM pg_roles a WHERE a.oid = i.grantee) END AS who
                        FROM (
                            SELECT true AS is_found, * FROM aclexplode(o.acl)
                            UNION ALL SELECT false, * FROM aclexplode(o.fallback)
                        ) i WHERE i.privilege_type <> 'MAINTAIN'
                    ) e GROUP BY e.is_found, e.who
                ) g
            ) x
            WHERE x.found IS DISTINCT FROM x.fallback
            UNION ALL
            -- The server keeps only those that are not its own; * is every schema. Two roles may look the same.
            SELECT DISTINCT 'privilege', coalesce(s.name, '*'), concat('default: ',
                CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
                    WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
                ' of ', (SELECT CASE WHEN h.oid = f.owner THEN 'owner' WHEN h.rolsuper THEN 'a superuser' ELSE 'another role' END
                    FROM pg_roles h WHERE h.oid = a.defaclrole),
                ': ', coalesce((
                    SELECT string_agg(g.who || ' ' || g.privileges, '; ' ORDER BY g.who COLLATE "C")
                    FROM (
                        SELECT e.who, string_agg(DISTINCT e.privilege COLLATE "C", ', ') AS privileges
                        FROM (
                            SELECT i.privilege_type || CASE WHEN i.is_grantable THEN ' with grant option' ELSE '' END AS privilege,
                                CASE WHEN i.grantee = 0 THEN 'PUBLIC' WHEN i.grantee = f.owner THEN 'owner' WHEN i.grantee = a.defaclrole THEN 'itself'
                                    ELSE (SELECT CASE WHEN h.rolsuper THEN 'a superuser' ELSE 'another role' END FROM pg_roles h WHERE h.oid = i.grantee) END AS who
                            FROM aclexplode(a.defaclacl) i WHERE i.privilege_type <> 'MAINTAIN'
                        ) e GROUP BY e.who
                    ) g), 'none')), ''
            FROM pg_default_acl a CROSS JOIN reference f LEFT JOIN spaces s ON s.oid = a.defaclnamespace
            WHERE (s.oid IS NOT NULL OR a.defaclnamespace = 0) AND (SELECT objects FROM size) <= $3::int8
            UNION ALL
            SELECT 'comment', n.name || coalesce('.' || a.name, ''), CASE WHEN a.name IS NULL THEN n.sort ELSE 'column' END || ': ' || d.description, ''
            FROM pg_description d JOIN named n ON n.classid = d.classoid AND n.objid = d.objoid
            LEFT JOIN attributes a ON d.objsubid > 0 AND a.attrelid = d.objoid AND a.attnum = d.objsubid
            WHERE NOT (n.sort = 'schema' AND n.name = 'public' AND d.description = 'standard public schema')
        ), facts AS MATERIALIZED (
            SELECT kind,
                CASE WHEN length(object) > \#(objectLength) THEN left(object, \#(objectLength)) || '… ' || md5(object) ELSE object END AS object,
                CASE WHEN length(text) > 2000 THEN left(text, 2000) || '… ' || md5(text) ELSE coalesce(text, '') END AS text,
                CASE WHEN length(detail) > 2000 THEN left(detail, 2000) || '… ' || md5(detail) ELSE coalesce(detail, '') END AS detail
            FROM raw
        ), summary AS MATERIALIZED (
            SELECT md5(coalesce(string_agg(h.hash, '' ORDER BY h.hash COLLATE "C"), '')) AS fingerprint, count(*) AS facts, coalesce(sum(h.bytes), 0) AS bytes
            FROM (SELECT md5(concat_ws(E'\n', kind, object, text, detail)) AS hash, octet_length(concat(kind, object, text, detail)) AS bytes FROM facts) h
        )
        SELECT NULL AS kind, s.fingerprint AS object, s.facts::text AS text, s.bytes::text AS detail, z.objects::text AS objects FROM summary s, size z
        UNION ALL
        SELECT f.kind, f.object, f.text, f.detail, NULL FROM facts f, summary s
        WHERE s.fingerprint <> $2::text AND s.facts <= $4::int8 AND s.bytes <= $5::int8
        """#
}
