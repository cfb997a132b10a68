import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What depends on the objects that pending migrations drop or change, and is not the migration set's own.
struct Dependents {
    let losses: [SchemaForecast.Loss]

    /// An object that would go with what a migration drops, or that stands in its way.
    struct Entry: Sendable, Hashable {
        var type: String
        /// As PostgreSQL identifies it: qualified and quoted.
        var identity: String
        var name: String
        /// The table that it belongs to, where it belongs to one.
        var table: String?
        /// A primary key, a reference or a NOT NULL.
        var isKey: Bool
        /// Shows its definition.
        var definition: String?
        /// Drops it alone.
        var removal: String?

        var description: String { "\(type) \(identity)" }

        /// Whether PostgreSQL would give the name where a statement gives none, as in `a integer UNIQUE`.
        var hasServersName: Bool {
            guard let table, name.hasPrefix("\(table)_") else { return false }
            let end = name.dropFirst(table.count).reversed().drop { $0.isASCII && $0.isNumber }.reversed()
            return ["_key", "_check", "_idx", "_excl", "_fkey", "_pkey", "_not_null"].contains { String(end).hasSuffix($0) }
        }

        /// Whether a name of `accept_drops` means it: with or without its schema and a function's arguments, compared byte by byte.
        func isAccepted(by names: [String]) -> Bool {
            let bare = identity.prefix { $0 != "(" }
            return names.contains { accepted in
                [name[...], identity[...], bare].contains { $0.utf8.elementsEqual(accepted.utf8) }
            }
        }
    }

    /// - Parameter losses: of a forecast; the answer numbers them.
    init(_ losses: [SchemaForecast.Loss]) {
        self.losses = losses
    }

    func question(path: [String]) -> PipelineStatement {
        let kinds = losses.map { loss in
            loss.constraint != nil ? "constraint" : loss.column != nil ? "column" : loss.object.kind.rawValue
        }
        func array(_ items: [String?]) -> String {
            "{" + items.map { $0.map { arrayLiteral([$0]).dropFirst().dropLast() } ?? "NULL" }.joined(separator: ",") + "}"
        }
        return PipelineStatement(
            Self.sql,
            [
                array(kinds), array(losses.map(\.object.name.schema)), array(losses.map(\.object.name.name)),
                array(losses.map { $0.column ?? $0.constraint }), array(losses.map { $0.manner == .retype ? "t" : "f" }),
                "{" + path.map { arrayLiteral([$0]).dropFirst().dropLast() }.joined(separator: ",") + "}",
            ]
        )
    }

    /// What would be dropped unseen, and what stands in the way, from the rows of ``question(path:)``.
    func entries(_ rows: [QueryResult.Row], vocabulary: SetVocabulary) throws(PostgresError) -> [(
        loss: SchemaForecast.Loss, entry: Entry, goesUnseen: Bool
    )] {
        var found: [(loss: SchemaForecast.Loss, entry: Entry, goesUnseen: Bool)] = []
        for row in rows {
            let index = Int(truncatingIfNeeded: try row.int64("i") &- 1)
            guard losses.indices.contains(index) else { continue }
            let loss = losses[index]
            if let arguments = loss.object.arguments, loss.object.kind == .function {
                let types = (try row.optionalText("root_types") ?? "").split(separator: ", ").map(String.init)
                guard CatalogueObjects.fits(arguments, types) else { continue }
            } else if loss.object.kind == .function {
                continue
            }
            let entry = Entry(
                type: try row.text("type"),
                identity: try row.text("identity"),
                name: try row.text("name"),
                table: try row.optionalText("table_name"),
                isKey: try row.bool("is_key"),
                definition: try row.optionalText("definition"),
                removal: try row.optionalText("removal")
            )
            let isSilent = try row.bool("silent")
            // Dropping a table that a migration names also drops the table's keys, including those that a user created.
            if loss.column == nil, loss.constraint == nil, loss.manner != .retype,
                entry.table?.utf8.elementsEqual(loss.object.name.name.utf8) == true, entry.isKey || entry.type == "sequence" && isSilent
            {
                continue
            }
            guard !Self.isOwn(entry, isSilent: isSilent, vocabulary) else { continue }
            found.append((loss, entry, loss.manner == .cascade || loss.manner == .restrict && isSilent))
        }
        return found
    }

    /// Whether the set itself makes it, at this version or another.
    static func isOwn(_ entry: Entry, isSilent: Bool, _ set: SetVocabulary) -> Bool {
        let isOnOwnTable = entry.table.map(set.relations.contains) ?? false
        func isMade(_ name: String, _ names: Set<String>) -> Bool { names.contains(name) || set.quotedWords.contains(name) }
        switch entry.type {
        case "table", "view", "materialized view", "foreign table": return isMade(entry.name, set.relations)
        // What belongs to a column or an identity goes with it, also into another schema.
        case "sequence": return isSilent || isOnOwnTable || set.relations.contains(entry.name)
        case "index": return isOnOwnTable && (isMade(entry.name, set.relations) || entry.hasServersName)
        case "table column", "default value": return isOnOwnTable && (set.columns.contains(entry.name) || set.words.contains(entry.name))
        // Keys, references and NOT NULL may have names that the server made up.
        case "table constraint": return isOnOwnTable && (entry.isKey || isMade(entry.name, set.words) || entry.hasServersName)
        case "trigger", "policy", "rule", "statistics object": return isOnOwnTable && isMade(entry.name, set.words)
        case "publication relation": return isMade(entry.name, set.words)
        case "type": return isMade(entry.name, set.types)
        case "function", "procedure", "aggregate": return isMade(entry.name, set.functions)
        case "extension": return set.extensions.contains(entry.name)
        case "schema": return set.schemas.contains(entry.name)
        default: return false
        }
    }

    // MARK: - What is asked

    /// The roots are $1 kinds, $2 schemas (NULL: the path, $6, decides), $3 names, $4 columns or constraints, $5 whether only the type changes.
    /// An object that something to be dropped is an internal part of is dropped as well, as a view whose rule is.
    private static let sql = """
        WITH RECURSIVE given AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[]) WITH ORDINALITY
                AS g(kind, schema, name, sub, is_retyped, i)
        ), relation AS (
            SELECT g.*, r.oid FROM given g CROSS JOIN LATERAL (
                SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = g.name::name AND (n.nspname = g.schema::name OR g.schema IS NULL AND n.nspname = ANY ($6::name[]))
                ORDER BY array_position($6::name[], n.nspname) LIMIT 1) r
            WHERE g.kind IN ('relation', 'column', 'constraint')
        ), root AS (
            SELECT i, is_retyped, 'pg_class'::regclass::oid AS classid, oid AS objid, 0 AS objsubid, NULL::text AS types
            FROM relation WHERE kind = 'relation'
            UNION ALL
            SELECT r.i, r.is_retyped, 'pg_class'::regclass, a.attrelid, a.attnum, NULL FROM relation r
            JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = r.sub::name AND NOT a.attisdropped WHERE r.kind = 'column'
            UNION ALL
            -- The column goes from partitions and heirs, too.
            SELECT r.i, r.is_retyped, 'pg_class'::regclass, a.attrelid, a.attnum, NULL FROM relation r
            JOIN pg_inherits h ON h.inhparent = r.oid
            JOIN pg_attribute a ON a.attrelid = h.inhrelid AND a.attname = r.sub::name AND NOT a.attisdropped AND NOT a.attislocal
            WHERE r.kind = 'column'
            UNION ALL
            SELECT r.i, r.is_retyped, 'pg_constraint'::regclass, k.oid, 0, NULL FROM relation r
            JOIN pg_constraint k ON k.conrelid = r.oid AND k.conname = r.sub::name WHERE r.kind = 'constraint'
            UNION ALL
            SELECT g.i, false, 'pg_type'::regclass, t.oid, 0, NULL FROM given g CROSS JOIN LATERAL (
                SELECT y.oid FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
                WHERE y.typname = g.name::name AND (n.nspname = g.schema::name OR g.schema IS NULL AND n.nspname = ANY ($6::name[]))
                ORDER BY array_position($6::name[], n.nspname) LIMIT 1) t WHERE g.kind = 'type'
            UNION ALL
            SELECT g.i, false, 'pg_proc'::regclass, p.oid, 0, oidvectortypes(p.proargtypes) FROM given g
            JOIN pg_proc p ON p.proname = g.name::name JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE g.kind = 'function' AND (n.nspname = g.schema::name OR g.schema IS NULL AND n.nspname = ANY ($6::name[]))
            UNION ALL
            SELECT g.i, false, 'pg_namespace'::regclass, n.oid, 0, NULL FROM given g
            JOIN pg_namespace n ON n.nspname = g.name::name WHERE g.kind = 'schema'
            UNION ALL
            SELECT g.i, false, 'pg_extension'::regclass, e.oid, 0, NULL FROM given g
            JOIN pg_extension e ON e.extname = g.name::name WHERE g.kind = 'extension'
        ), dropped AS (
            SELECT i, classid, objid, objsubid, types, true AS silent FROM root WHERE NOT is_retyped
            UNION
            SELECT d.i, x.classid, x.objid, x.objsubid, d.types, d.silent AND x.silent
            FROM dropped d CROSS JOIN LATERAL (
                SELECT p.classid, p.objid, p.objsubid, p.deptype <> 'n' AS silent FROM pg_depend p
                WHERE p.refclassid = d.classid AND p.refobjid = d.objid AND (d.objsubid = 0 OR p.refobjsubid = d.objsubid)
                UNION ALL
                SELECT p.refclassid, p.refobjid, p.refobjsubid, true FROM pg_depend p
                WHERE p.classid = d.classid AND p.objid = d.objid AND p.objsubid = d.objsubid AND p.deptype = 'i'
                    AND NOT EXISTS (SELECT FROM root r WHERE r.classid = d.classid AND r.objid = d.objid AND r.objsubid = d.objsubid)
            ) x
        ), retyped AS (
            -- What only reads a column stops a change of its type; indexes, constraints and defaults are made again by the server.
            SELECT r.i, CASE WHEN w.oid IS NULL THEN p.classid ELSE 'pg_class'::regclass END AS classid, coalesce(w.ev_class, p.objid) AS objid,
                p.objsubid, r.types, false AS silent
            FROM root r
            JOIN pg_depend p ON p.refclassid = r.classid AND p.refobjid = r.objid AND p.refobjsubid = r.objsubid
            LEFT JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid AND w.rulename = '_RETURN'
            LEFT JOIN pg_trigger g ON p.classid = 'pg_trigger'::regclass AND g.oid = p.objid
            LEFT JOIN pg_attrdef f ON p.classid = 'pg_attrdef'::regclass AND f.oid = p.objid
            LEFT JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
            WHERE r.is_retyped AND (p.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass,
                    'pg_publication_rel'::regclass) OR g.oid IS NOT NULL AND NOT g.tgisinternal OR a.attgenerated <> '')
        ), found AS (
            SELECT i, classid, objid, objsubid, types, bool_or(silent) AS silent FROM (
                SELECT * FROM dropped UNION ALL SELECT * FROM retyped) f
            WHERE NOT EXISTS (SELECT FROM root r WHERE r.classid = f.classid AND r.objid = f.objid AND (r.objsubid = 0 OR r.objsubid = f.objsubid))
            GROUP BY i, classid, objid, objsubid, types
        ), named AS (
            SELECT f.i, f.silent, f.types AS root_types, f.objid, f.objsubid > 0 AND ca.attgenerated = '' AS is_column,
                CASE WHEN d.adrelid IS NOT NULL AND da.attgenerated <> '' THEN 'table column' ELSE o.type END AS type,
                coalesce(k.contype IN ('p', 'n', 'f'), false) AS is_key,
                CASE WHEN d.adrelid IS NOT NULL THEN format('%I.%I.%I', tn.nspname, t.relname, da.attname) ELSE o.identity END AS identity,
                coalesce(CASE WHEN f.objsubid > 0 THEN ca.attname ELSE c.relname END, k.conname, p.proname, y.typname, g.tgname, po.polname,
                    pb.pubname, s.stxname, da.attname, w.rulename, e.extname, n.nspname, o.name, o.identity)::text AS name,
                t.relname AS table_name, c.relkind, x.indexrelid IS NOT NULL AS is_index,
                format('%I.%I', tn.nspname, t.relname) AS table_identity,
                EXISTS (SELECT FROM pg_depend m WHERE m.classid = f.classid AND m.objid = f.objid AND m.deptype = 'e') AS is_member,
                c.relkind = 't' OR c.relnamespace = 'pg_toast'::regnamespace OR y.typrelid <> 0 AND yc.relkind <> 'c' OR ye.oid IS NOT NULL OR g.tgisinternal
                    OR w.rulename = '_RETURN' OR f.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass) OR k.contypid <> 0
                    OR x.indexrelid IS NOT NULL AND (EXISTS (SELECT FROM pg_constraint q WHERE q.conindid = x.indexrelid AND q.conrelid = x.indrelid)
                        OR EXISTS (SELECT FROM pg_inherits q WHERE q.inhrelid = x.indexrelid))
                    AS is_part
            FROM found f
            LEFT JOIN pg_class c ON f.classid = 'pg_class'::regclass AND c.oid = f.objid
            LEFT JOIN pg_index x ON x.indexrelid = c.oid
            LEFT JOIN pg_attribute ca ON f.objsubid > 0 AND ca.attrelid = c.oid AND ca.attnum = f.objsubid
            LEFT JOIN pg_constraint k ON f.classid = 'pg_constraint'::regclass AND k.oid = f.objid
            LEFT JOIN pg_proc p ON f.classid = 'pg_proc'::regclass AND p.oid = f.objid
            LEFT JOIN pg_type y ON f.classid = 'pg_type'::regclass AND y.oid = f.objid
            LEFT JOIN pg_class yc ON yc.oid = y.typrelid
            LEFT JOIN pg_type ye ON ye.typarray = y.oid AND ye.typarray <> 0
            LEFT JOIN pg_trigger g ON f.classid = 'pg_trigger'::regclass AND g.oid = f.objid
            LEFT JOIN pg_policy po ON f.classid = 'pg_policy'::regclass AND po.oid = f.objid
            LEFT JOIN pg_publication_rel pr ON f.classid = 'pg_publication_rel'::regclass AND pr.oid = f.objid
            LEFT JOIN pg_publication pb ON pb.oid = pr.prpubid
            LEFT JOIN pg_statistic_ext s ON f.classid = 'pg_statistic_ext'::regclass AND s.oid = f.objid
            LEFT JOIN pg_attrdef d ON f.classid = 'pg_attrdef'::regclass AND d.oid = f.objid
            LEFT JOIN pg_attribute da ON da.attrelid = d.adrelid AND da.attnum = d.adnum
            LEFT JOIN pg_rewrite w ON f.classid = 'pg_rewrite'::regclass AND w.oid = f.objid
            LEFT JOIN pg_extension e ON f.classid = 'pg_extension'::regclass AND e.oid = f.objid
            LEFT JOIN pg_namespace n ON f.classid = 'pg_namespace'::regclass AND n.oid = f.objid
            LEFT JOIN pg_depend so ON c.relkind = 'S' AND so.classid = 'pg_class'::regclass AND so.objid = c.oid
                AND so.refclassid = 'pg_class'::regclass AND so.refobjsubid > 0 AND so.deptype IN ('a', 'i')
            LEFT JOIN pg_class t ON t.oid = coalesce(x.indrelid, ca.attrelid, nullif(k.conrelid, 0), g.tgrelid, po.polrelid, pr.prrelid, s.stxrelid,
                d.adrelid, w.ev_class, so.refobjid)
            LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
            CROSS JOIN LATERAL pg_identify_object(f.classid, f.objid, f.objsubid) o
        )
        SELECT i, silent, root_types, type, identity, name, table_name, is_key,
            CASE type
                WHEN 'view' THEN format('SELECT pg_get_viewdef(%L::regclass)', identity)
                WHEN 'materialized view' THEN format('SELECT pg_get_viewdef(%L::regclass)', identity)
                WHEN 'index' THEN format('SELECT pg_get_indexdef(%L::regclass)', identity)
                WHEN 'function' THEN format('SELECT pg_get_functiondef(%L::regprocedure)', identity)
                WHEN 'procedure' THEN format('SELECT pg_get_functiondef(%L::regprocedure)', identity)
                WHEN 'table constraint' THEN format(
                    'SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %L::regclass AND conname = %L', table_identity, name)
                WHEN 'trigger' THEN format(
                    'SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %L::regclass AND tgname = %L', table_identity, name)
                WHEN 'rule' THEN format(
                    'SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = %L::regclass AND rulename = %L', table_identity, name)
                WHEN 'policy' THEN format(
                    'SELECT * FROM pg_policies WHERE format(''%%I.%%I'', schemaname, tablename) = %L AND policyname = %L', table_identity, name)
                WHEN 'statistics object' THEN format(
                    'SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = %L::regclass AND stxname = %L', table_identity, name)
                WHEN 'table column' THEN format(
                    'SELECT a.atttypid::regtype, pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a LEFT JOIN pg_attrdef d '
                    || 'ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = %L::regclass AND a.attname = %L', table_identity, name)
                WHEN 'default value' THEN format(
                    'SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = %L::regclass', table_identity)
            END AS definition,
            CASE
                WHEN type IN ('view', 'materialized view', 'index', 'function', 'procedure', 'aggregate', 'foreign table') THEN
                    format('DROP %s %s', upper(type), identity)
                WHEN type IN ('trigger', 'policy', 'rule') THEN format('DROP %s %I ON %s', upper(type), name, table_identity)
                WHEN type = 'table constraint' THEN format('ALTER TABLE %s DROP CONSTRAINT %I', table_identity, name)
                WHEN type = 'statistics object' THEN format('DROP STATISTICS %s', identity)
                WHEN type = 'publication relation' THEN format('ALTER PUBLICATION %I DROP TABLE %s', name, table_identity)
                WHEN is_column THEN format('ALTER TABLE %s ALTER COLUMN %I TYPE text USING %I::text', table_identity, name, name)
                WHEN type = 'table column' THEN format('ALTER TABLE %s DROP COLUMN %I', table_identity, name)
                WHEN type = 'default value' THEN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', table_identity, name)
            END AS removal
        FROM named
        WHERE NOT is_member AND is_part IS NOT TRUE
        ORDER BY i, objid DESC
        LIMIT 1000
        """
}

extension Dependents {
    /// Why the change must not begin, and what it drops with the operator's consent.
    func verdict(
        _ rows: [QueryResult.Row],
        accepted names: [String],
        vocabulary: SetVocabulary
    ) throws(PostgresError) -> (failure: Failure?, accepted: [String]) {
        let all = try entries(rows, vocabulary: vocabulary)
        var seen: Set<Entry> = []
        var unseen: [Entry] = []
        var obstacles: [Entry] = []
        var accepted: [String] = []
        var first: SchemaForecast.Origin?
        for (loss, entry, _) in all where seen.insert(entry).inserted {
            // What one migration only drops with what it needs may stop another.
            let stops = all.contains { $0.entry == entry && !$0.goesUnseen }
            if entry.isAccepted(by: names) {
                accepted.append(entry.description)
                continue
            }
            if stops { obstacles.append(entry) } else { unseen.append(entry) }
            first = first ?? loss.origin
        }
        guard let first else { return (nil, accepted) }
        var sentences: [String] = []
        if !unseen.isEmpty {
            sentences.append(
                "pending migrations would drop what is not TeslaMate's: \(PreflightText.list(unseen.map(\.description), limit: 40))"
            )
        }
        if !obstacles.isEmpty {
            sentences.append(
                "what is not TeslaMate's depends on what pending migrations drop or change, so that they would fail: "
                    + PreflightText.list(obstacles.map(\.description), limit: 40)
            )
        }
        let hint = Advice.keepingDependents(unseen: unseen, obstacles: obstacles)
        let failure = Failure(
            .blocked,
            sentences.joined(separator: "; "),
            version: first.version,
            file: first.file,
            line: first.line,
            hint: hint
        )
        return (failure, accepted)
    }
}
