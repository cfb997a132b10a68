import ConvoyMigrations
import ConvoyPostgres

/// The objects of an instance that the pending migrations name, as the catalogue has them.
struct CatalogueObjects {
    struct Entry: Sendable, Hashable {
        var kind: SchemaEffect.Kind
        var schema: String
        var name: String
        /// As PostgreSQL calls it: table, index, enum type, …
        var noun: String
        /// A function's argument types; nil for other objects.
        var types: [String]?
        var owner: String
        /// Whether the role has the owner's rights.
        var isOwned: Bool
        var belongsToSuperuser: Bool
        /// Whether an extension brought it.
        var isMember: Bool
        var privileges: Set<String>
        /// Gives the object, or the table that it belongs to, to the role.
        var handOver: String?
        /// Frees its name.
        var rename: String?
    }

    var entries: [Entry] = []
    /// Columns of tables, as `schema`, `table`, `column`.
    var columns: Set<[String]> = []
    /// The schemas in which a name without a schema is resolved.
    let path: [String]

    /// What to ask for a forecast; ``init(_:path:)`` takes the answer.
    ///
    /// - Parameter others: objects in addition to those of the forecast.
    static func question(
        _ forecast: SchemaForecast,
        also others: [SchemaEffect.Object] = [],
        role: String,
        path: [String]
    ) -> PipelineStatement {
        var names: [SchemaEffect.Kind: Set<String>] = [:]
        var schemas = Set(path)
        func add(_ kind: SchemaEffect.Kind, _ name: ObjectName) {
            names[kind, default: []].insert(name.name)
            if let schema = name.schema { schemas.insert(schema) }
        }
        for object in forecast.owned.keys { add(object.kind, object.name) }
        for object in others { add(object.kind, object.name) }
        for use in forecast.uses.keys { add(.relation, use.table) }
        var columns: Set<String> = []
        for creation in forecast.creations {
            add(creation.object.kind, creation.object.name)
            // A table has a type of its name.
            if creation.object.kind == .relation, creation.column == nil { add(.type, creation.object.name) }
            if let column = creation.column { columns.insert(column) }
        }
        func array(_ kind: SchemaEffect.Kind) -> String { arrayLiteral(names[kind] ?? []) }
        return PipelineStatement(
            sql,
            [
                arrayLiteral(schemas), role, array(.relation), array(.type), array(.function), array(.schema), arrayLiteral(columns),
            ]
        )
    }

    /// Everything that the set makes, the ledger and the audit log, in the schemas where it makes it.
    static func question(_ vocabulary: SetVocabulary, role: String, path: [String]) -> PipelineStatement {
        let schemas = vocabulary.schemas.union(["convoy"])
        return PipelineStatement(
            sql,
            [
                arrayLiteral(schemas.union(path)), role, arrayLiteral(vocabulary.relations.union([Ledger.tableName, "migration_log"])),
                arrayLiteral(vocabulary.types), arrayLiteral(vocabulary.functions), arrayLiteral(schemas), "{}",
            ]
        )
    }

    private static let sql = """
        SELECT o.*, coalesce(r.rolsuper, false) AS is_superusers FROM (
        SELECT 'relation' AS kind, n.nspname AS schema, c.relname AS name,
            CASE c.relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table' END AS noun,
            NULL AS types, pg_get_userbyid(c.relowner)::text AS owner, pg_has_role($2::name, c.relowner, 'USAGE') AS is_owned,
            concat_ws(',', CASE WHEN has_table_privilege($2::name, c.oid, 'INSERT') THEN 'INSERT' END,
                CASE WHEN has_table_privilege($2::name, c.oid, 'UPDATE') OR has_any_column_privilege($2::name, c.oid, 'UPDATE') THEN 'UPDATE' END,
                CASE WHEN has_table_privilege($2::name, c.oid, 'DELETE') THEN 'DELETE' END,
                CASE WHEN has_table_privilege($2::name, c.oid, 'REFERENCES') OR has_any_column_privilege($2::name, c.oid, 'REFERENCES')
                    THEN 'REFERENCES' END) AS privileges,
            format('ALTER TABLE %I.%I OWNER TO %I', coalesce(tn.nspname, n.nspname), coalesce(t.relname, c.relname), $2::name) AS hand_over,
            format('ALTER %s %I.%I RENAME TO %I', CASE WHEN c.relkind IN ('i', 'I') THEN 'INDEX' ELSE 'TABLE' END, n.nspname, c.relname,
                left(c.relname, 55) || '_old') AS rename,
            EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid AND m.deptype = 'e') AS is_member
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_index i ON i.indexrelid = c.oid
        LEFT JOIN pg_depend q ON c.relkind = 'S' AND q.classid = 'pg_class'::regclass AND q.objid = c.oid
            AND q.refclassid = 'pg_class'::regclass AND q.refobjsubid > 0 AND q.deptype IN ('a', 'i')
        LEFT JOIN pg_class t ON t.oid = coalesce(i.indrelid, q.refobjid)
        LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
        WHERE c.relname = ANY ($3::name[]) AND n.nspname = ANY ($1::name[]) AND c.relkind <> 't'
        UNION ALL
        SELECT 'type', n.nspname, t.typname, CASE WHEN c.oid IS NOT NULL THEN 'row type' ELSE 'type' END, NULL,
            pg_get_userbyid(t.typowner), pg_has_role($2::name, t.typowner, 'USAGE') OR c.oid IS NOT NULL, '',
            CASE WHEN c.oid IS NULL THEN format('ALTER TYPE %I.%I OWNER TO %I', n.nspname, t.typname, $2::name) END,
            CASE WHEN c.oid IS NULL THEN format('ALTER TYPE %I.%I RENAME TO %I', n.nspname, t.typname, left(t.typname, 55) || '_old') END,
            EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid AND m.deptype = 'e')
        FROM pg_type t
        JOIN pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_class c ON c.oid = t.typrelid AND c.relkind <> 'c'
        WHERE t.typname = ANY ($4::name[]) AND n.nspname = ANY ($1::name[])
        UNION ALL
        SELECT 'function', n.nspname, p.proname, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
            oidvectortypes(p.proargtypes), pg_get_userbyid(p.proowner), pg_has_role($2::name, p.proowner, 'USAGE'), '',
            format('ALTER ROUTINE %s OWNER TO %I', o.identity, $2::name),
            format('ALTER ROUTINE %s RENAME TO %I', o.identity, left(p.proname, 55) || '_old'),
            EXISTS (SELECT FROM pg_depend m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND m.deptype = 'e')
        FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL pg_identify_object('pg_proc'::regclass, p.oid, 0) o
        WHERE p.proname = ANY ($5::name[]) AND n.nspname = ANY ($1::name[])
        UNION ALL
        SELECT 'schema', '', n.nspname, 'schema', NULL, pg_get_userbyid(n.nspowner), pg_has_role($2::name, n.nspowner, 'USAGE'), '',
            format('ALTER SCHEMA %I OWNER TO %I', n.nspname, $2::name),
            format('ALTER SCHEMA %I RENAME TO %I', n.nspname, left(n.nspname, 55) || '_old'), false
        FROM pg_namespace n WHERE n.nspname = ANY ($6::name[])
        UNION ALL
        SELECT 'column', n.nspname, c.relname, a.attname, NULL, '', false, '', NULL, NULL, false
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE a.attname = ANY ($7::name[]) AND c.relname = ANY ($3::name[]) AND n.nspname = ANY ($1::name[]) AND NOT a.attisdropped
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        ) o LEFT JOIN pg_roles r ON r.rolname = o.owner
        """

    init(_ rows: [QueryResult.Row], path: [String]) throws(PostgresError) {
        self.path = path
        for row in rows {
            let (schema, name, noun) = (try row.text("schema"), try row.text("name"), try row.text("noun"))
            guard let kind = SchemaEffect.Kind(rawValue: try row.text("kind")) else {
                columns.insert([schema, name, noun])
                continue
            }
            entries.append(
                Entry(
                    kind: kind,
                    schema: schema,
                    name: name,
                    noun: noun,
                    types: try row.optionalText("types").map(Self.types),
                    owner: try row.text("owner"),
                    isOwned: try row.bool("is_owned"),
                    belongsToSuperuser: try row.bool("is_superusers"),
                    isMember: try row.bool("is_member"),
                    privileges: Set(try row.text("privileges").split(separator: ",").map(String.init)),
                    handOver: try row.optionalText("hand_over"),
                    rename: try row.optionalText("rename")
                )
            )
        }
    }

    /// What `oidvectortypes` writes, taken apart. No type's name that counts here has a comma.
    private static func types(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ", ").map(String.init)
    }

    /// The entry that a name means; nil if no entry has the name, or if a function's arguments leave it open.
    func entry(_ object: SchemaEffect.Object) -> Entry? {
        let named = entries.filter { entry in
            guard entry.kind == object.kind, entry.name == object.name.name else { return false }
            guard object.kind == .function else { return true }
            return object.arguments.map { Self.fits($0, entry.types ?? []) } ?? false
        }
        if object.kind == .schema { return named.first }
        let schemas = object.name.schema.map { [$0] } ?? path
        return schemas.lazy.compactMap { schema in named.first { $0.schema == schema } }.first
    }

    /// Whether the schema where something is made has the name already.
    func occupant(_ creation: SchemaForecast.Creation, schema: String) -> Entry? {
        var object = creation.object
        if object.kind != .schema { object.name.schema = object.name.schema ?? schema }
        if let found = entry(object) { return found }
        guard object.kind == .relation else { return nil }
        // A table's type has the name of an enum.
        let type = entry(SchemaEffect.Object(.type, object.name))
        return type?.noun == "type" && creation.makesType ? type : nil
    }

    /// Whether written arguments, each perhaps with a name before its type, have exactly these types.
    static func fits(_ arguments: [String], _ types: [String]) -> Bool {
        arguments.count == types.count
            && zip(arguments, types).allSatisfy { argument, type in
                [argument, aliased(argument)].contains { $0 == type || $0.hasSuffix(" \(type)") }
            }
    }

    private static let aliases = [
        "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean", "float8": "double precision",
        "float4": "real", "varchar": "character varying", "timestamptz": "timestamp with time zone", "decimal": "numeric",
        "timestamp": "timestamp without time zone",
    ]

    private static func aliased(_ argument: String) -> String {
        var words = argument.split(separator: " ").map(String.init)
        if let last = words.last, let name = aliases[last] { words[words.count - 1] = name }
        return words.joined(separator: " ")
    }
}

/// A PostgreSQL array as text.
func arrayLiteral(_ items: some Sequence<String>) -> String { arrayLiteral(inOrder: items.sorted()) }

/// The same in the order given.
func arrayLiteral(inOrder items: some Sequence<String>) -> String {
    let elements = items.map { item in
        "\"" + item.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
    return "{" + elements.joined(separator: ",") + "}"
}
