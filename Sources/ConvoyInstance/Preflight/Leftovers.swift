import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What is left in a database that has no tables: types, functions, operators and the like, which the first migrations would meet again.
enum Leftovers {
    /// The objects, each with its class, as the end of a query.
    private static let objects = """
        FROM (
            SELECT 'pg_type'::regclass AS classid, t.oid, t.typnamespace AS namespace, t.typowner AS owner, t.typname::text AS name FROM pg_type t
            LEFT JOIN pg_class c ON c.oid = t.typrelid
            WHERE (t.typrelid = 0 OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
                AND NOT EXISTS (SELECT FROM pg_range r WHERE r.rngmultitypid = t.oid)
            UNION ALL
            SELECT 'pg_proc'::regclass, p.oid, p.pronamespace, p.proowner, p.proname FROM pg_proc p
            UNION ALL
            SELECT 'pg_operator'::regclass, x.oid, x.oprnamespace, x.oprowner, x.oprname FROM pg_operator x
            UNION ALL
            SELECT 'pg_opclass'::regclass, x.oid, x.opcnamespace, x.opcowner, x.opcname FROM pg_opclass x
            UNION ALL
            SELECT 'pg_opfamily'::regclass, x.oid, x.opfnamespace, x.opfowner, x.opfname FROM pg_opfamily x
            UNION ALL
            SELECT 'pg_collation'::regclass, x.oid, x.collnamespace, x.collowner, x.collname FROM pg_collation x
            UNION ALL
            SELECT 'pg_conversion'::regclass, x.oid, x.connamespace, x.conowner, x.conname FROM pg_conversion x
            UNION ALL
            SELECT 'pg_ts_config'::regclass, x.oid, x.cfgnamespace, x.cfgowner, x.cfgname FROM pg_ts_config x
            UNION ALL
            SELECT 'pg_ts_dict'::regclass, x.oid, x.dictnamespace, x.dictowner, x.dictname FROM pg_ts_dict x
            UNION ALL
            SELECT 'pg_ts_parser'::regclass, x.oid, x.prsnamespace, NULL, x.prsname FROM pg_ts_parser x
            UNION ALL
            SELECT 'pg_ts_template'::regclass, x.oid, x.tmplnamespace, NULL, x.tmplname FROM pg_ts_template x
        ) f
        JOIN pg_namespace n ON n.oid = f.namespace
        """

    /// Which of them count: those in the schemas `$1`.
    private static let condition = """
        WHERE n.nspname = ANY ($1::name[]) AND NOT EXISTS (
            -- A part of something else, as the constructors of a range type are, or what the script of an extension has made, which is a superuser's (parsers
            -- and templates have no owner): other members were added by the extension's owner.
            SELECT FROM pg_depend e WHERE e.classid = f.classid AND e.objid = f.oid AND (e.deptype = 'i' OR e.deptype = 'e'
                AND (f.owner IS NULL OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = f.owner AND r.rolsuper))))
        """

    /// Whether there is one in the schemas `$1`, as an expression.
    static let exist = "EXISTS (SELECT \(objects)\n\(condition))"

    /// - Parameter schemas: the schemas in which migrations create objects; objects elsewhere do no harm.
    static func question(schemas: Set<String>) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT o.type, o.identity, f.name, coalesce((
                SELECT format('ALTER EXTENSION %I DROP %s %s; ', x.extname, upper(o.type), o.identity)
                FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
                WHERE e.classid = f.classid AND e.objid = f.oid AND e.deptype = 'e'), '')
                || format('DROP %s %s', upper(o.type), o.identity) AS removal
            \(objects)
            CROSS JOIN LATERAL pg_identify_object(f.classid, f.oid, 0) o
            \(condition)
            ORDER BY f.oid DESC
            LIMIT 500
            """,
            [arrayLiteral(schemas)]
        )
    }

    static func failure(_ rows: [QueryResult.Row]) throws(PostgresError) -> Failure? {
        guard !rows.isEmpty else { return nil }
        var names: [String: [String]] = [:]
        for row in rows { names[try row.text("type"), default: []].append(try row.text("name")) }
        let removals = try rows.map { row throws(PostgresError) in try row.text("removal") }
        let parts = names.keys.sorted().map { type in
            let named = Array(names[type, default: []].reversed())
            return "\(PreflightText.plural(type, named.count)) \(PreflightText.list(named, limit: 20))"
        }
        return Failure(
            .unprovisioned,
            "the database has no tables, but is not empty (\(rows.count)): \(parts.joined(separator: "; "))",
            hint: Advice.removingLeftovers(removals)
        )
    }
}
