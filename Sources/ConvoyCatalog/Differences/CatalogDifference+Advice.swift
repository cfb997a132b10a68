import ConvoyInstance

/// The queries are for psql, with whatever search path a tenant has given its database, and perhaps for a superuser. A name without a schema may be
/// the tenant's: of an operator too, whose exact match of types wins. So every function, type, table and operator is named with `pg_catalog`, both
/// sides of a comparison have one type, and there is no LIKE, IN, ANY, BETWEEN or DISTINCT, which look an operator up by its bare name.
extension CatalogDifference {
    /// A query that shows the object as it is in the database, for psql; nil for a name that was cut. Of an object that is missing it gives no row, or NULL.
    package var sql: String? {
        // A cut name has the hash of the whole behind the limit, so it is longer than any other.
        guard object.unicodeScalars.count <= CatalogQuery.objectLength else { return nil }
        return switch kind {
        case .owner, .privilege, .comment: sqlOfProperty
        case .function where (found ?? expected ?? "").hasPrefix("operator "): Self.sql(of: "operator", object)
        default: Self.sql(of: kind.rawValue, object)
        }
    }

    /// Of an owner, a privilege or a comment: the query about the object that has it.
    private var sqlOfProperty: String? {
        guard let text = found ?? expected, let colon = text.firstIndex(of: ":") else { return nil }
        let sort = String(text[..<colon])
        switch (kind, sort) {
        case (.comment, "column"):
            return """
                SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum::pg_catalog.int4) AS comment FROM pg_catalog.pg_attribute a \
                WHERE \(Self.equal("a.attrelid", Self.parentRelation(object))) AND \(Self.equal("a.attname", Self.last(object)))
                """
        case (.comment, "table"), (.comment, "view"), (.comment, "materialized view"), (.comment, "sequence"), (.comment, "index"):
            return "SELECT \(Self.description(Self.relation(object), "pg_class")) AS comment"
        case (.comment, "function"):
            return "SELECT \(Self.description(Self.oid("to_regprocedure", object), "pg_proc")) AS comment"
        case (.comment, "type"):
            return "SELECT \(Self.description(Self.oid("to_regtype", object), "pg_type")) AS comment"
        case (_, "column"):
            return """
                SELECT a.attname, a.attacl FROM pg_catalog.pg_attribute a \
                WHERE \(Self.equal("a.attrelid", Self.parentRelation(object))) AND \(Self.equal("a.attname", Self.last(object)))
                """
        case (.privilege, "default"):
            let schema = object == CatalogFact.everySchema ? "0::pg_catalog.oid" : Self.oid("to_regnamespace", object)
            return """
                SELECT d.defaclobjtype, pg_catalog.pg_get_userbyid(d.defaclrole) AS role, d.defaclacl FROM pg_catalog.pg_default_acl d \
                WHERE \(Self.equal("d.defaclnamespace", schema))
                """
        case (.comment, _): return Self.sql(of: sort, object)
        case (_, "table"), (_, "view"), (_, "materialized view"), (_, "sequence"):
            return """
                SELECT c.relname, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.relacl FROM pg_catalog.pg_class c \
                WHERE \(Self.equal("c.oid", Self.relation(object)))
                """
        default: return Self.sql(of: sort, object)
        }
    }

    private static func sql(of sort: String, _ object: String) -> String? {
        switch sort {
        case "schema":
            return """
                SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner) AS owner, n.nspacl, \(description("n.oid", "pg_namespace")) AS comment \
                FROM pg_catalog.pg_namespace n WHERE \(equal("n.nspname", last(object)))
                """
        case "extension":
            return """
                SELECT e.extname, e.extversion, e.extnamespace::pg_catalog.regnamespace AS schema FROM pg_catalog.pg_extension e \
                WHERE \(equal("e.extname", last(object)))
                """
        case "enum", "domain", "type":
            return """
                SELECT t.oid::pg_catalog.regtype AS type, pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base, \
                pg_catalog.pg_get_userbyid(t.typowner) AS owner, t.typacl, ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e \
                WHERE \(equal("e.enumtypid", "t.oid")) ORDER BY e.enumsortorder) AS labels FROM pg_catalog.pg_type t \
                WHERE \(equal("t.oid", oid("to_regtype", object)))
                """
        case "table":
            let identity = "(SELECT c.relreplident FROM pg_catalog.pg_class c WHERE \(equal("c.oid", "a.attrelid"))) AS replica_identity"
            return columns(relation(object), nil, ", \(identity)")
        case "column": return columns(parentRelation(object), last(object), "")
        case "constraint":
            let parent = SQLName.parts(object).dropLast().joined(separator: ".")
            return """
                SELECT o.conname, pg_catalog.pg_get_constraintdef(o.oid) AS definition, \
                ARRAY(SELECT t.tgenabled FROM pg_catalog.pg_trigger t WHERE \(equal("t.tgconstraint", "o.oid"))) AS triggers_enabled, \
                \(description("o.oid", "pg_constraint")) AS comment \
                FROM pg_catalog.pg_constraint o WHERE \(equal("o.conname", last(object))) \
                AND (\(equal("o.conrelid", oid("to_regclass", parent))) OR \(equal("o.contypid", oid("to_regtype", parent))))
                """
        case "index":
            return """
                SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, i.indisvalid FROM pg_catalog.pg_index i \
                WHERE \(equal("i.indexrelid", relation(object)))
                """
        case "function":
            return """
                SELECT p.oid::pg_catalog.regprocedure AS function, p.prosrc, pg_catalog.pg_get_userbyid(p.proowner) AS owner, p.proacl \
                FROM pg_catalog.pg_proc p WHERE \(equal("p.oid", oid("to_regprocedure", object)))
                """
        case "operator":
            return """
                SELECT o.oid::pg_catalog.regoperator AS operator, o.oprcode AS function, pg_catalog.pg_get_userbyid(o.oprowner) AS owner \
                FROM pg_catalog.pg_operator o WHERE \(equal("o.oid", oid("to_regoperator", object)))
                """
        case "sequence": return "SELECT s.* FROM pg_catalog.pg_sequence s WHERE \(equal("s.seqrelid", relation(object)))"
        case "view", "materialized-view":
            return """
                \(ownSearchPath) SELECT pg_catalog.pg_get_viewdef(CASE WHEN s.path IS NOT NULL THEN \(relation(object)) END) AS definition \
                FROM s
                """
        case "trigger":
            return """
                SELECT pg_catalog.pg_get_triggerdef(t.oid) AS definition, t.tgenabled, \(description("t.oid", "pg_trigger")) AS comment \
                FROM pg_catalog.pg_trigger t WHERE \(equal("t.tgrelid", parentRelation(object))) AND \(equal("t.tgname", last(object)))
                """
        case "rule":
            return """
                \(ownSearchPath) SELECT pg_catalog.pg_get_ruledef(CASE WHEN s.path IS NOT NULL THEN r.oid END) AS definition, r.ev_enabled, \
                \(description("r.oid", "pg_rewrite")) AS comment FROM s CROSS JOIN pg_catalog.pg_rewrite r \
                WHERE \(equal("r.ev_class", parentRelation(object))) AND \(equal("r.rulename", last(object)))
                """
        case "policy":
            return """
                SELECT p.polname, p.polcmd, p.polroles::pg_catalog.regrole[] AS roles, pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using, \
                pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS with_check, \(description("p.oid", "pg_policy")) AS comment \
                FROM pg_catalog.pg_policy p WHERE \(equal("p.polrelid", parentRelation(object))) AND \(equal("p.polname", last(object)))
                """
        case "event-trigger":
            return """
                SELECT v.evtname, v.evtevent, v.evtenabled, v.evtfoid::pg_catalog.regprocedure AS function FROM pg_catalog.pg_event_trigger v \
                WHERE \(equal("v.evtname", last(object)))
                """
        default: return nil
        }
    }

    /// `pg_get_viewdef` and `pg_get_ruledef` ask queries of their own, with bare operators, on the search path of the session. This changes it for the
    /// statement alone; what uses `path` runs after it.
    private static let ownSearchPath =
        "WITH s AS MATERIALIZED (SELECT pg_catalog.set_config('search_path', 'pg_catalog', true) AS path)"

    private static func columns(_ relation: String, _ name: String?, _ more: String) -> String {
        let condition = name.map { " AND " + equal("a.attname", $0) } ?? ""
        return """
            SELECT a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, \
            pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default\(more) FROM pg_catalog.pg_attribute a \
            LEFT JOIN pg_catalog.pg_attrdef d ON \(equal("d.adrelid", "a.attrelid")) AND \(equal("d.adnum", "a.attnum")) \
            WHERE \(equal("a.attrelid", relation)) AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 \
            AND NOT a.attisdropped\(condition) ORDER BY a.attnum
            """
    }

    /// A comparison of two values of one type of the server.
    private static func equal(_ left: String, _ right: String) -> String { "\(left) OPERATOR(pg_catalog.=) \(right)" }

    /// The comment on an object.
    private static func description(_ oid: String, _ catalog: String) -> String {
        "pg_catalog.obj_description(\(oid), '\(catalog)'::pg_catalog.name)"
    }

    /// The oid of the object that has this name, by one of the server's functions that look a name up.
    private static func oid(_ function: String, _ object: String) -> String {
        "pg_catalog.\(function)(\(quotedLiteral(object))::pg_catalog.text)::pg_catalog.oid"
    }

    /// The oid of a table, and that of the table that a column or a trigger belongs to.
    private static func relation(_ object: String) -> String { oid("to_regclass", object) }
    private static func parentRelation(_ object: String) -> String {
        oid("to_regclass", SQLName.parts(object).dropLast().joined(separator: "."))
    }

    /// The last identifier of a name, as a value of the type `name`.
    private static func last(_ object: String) -> String {
        quotedLiteral(unquotedIdentifier(SQLName.parts(object).last ?? object)) + "::pg_catalog.name"
    }
}
