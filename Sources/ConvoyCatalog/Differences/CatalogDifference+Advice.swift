import ConvoyInstance

extension CatalogDifference {
    /// A query that shows the object as it is in the database, for psql; nil for a name that was cut. Of an object that is missing it gives no row, or NULL.
    package var sql: String? {
        guard !object.contains("… ") else { return nil }
        return switch kind {
        case .owner, .privilege, .comment: sqlOfProperty
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
                SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum) AS comment FROM pg_catalog.pg_attribute a \
                WHERE a.attrelid = \(relation(object, droppingLast: 1)) AND a.attname = \(last(object))
                """
        case (.comment, "table"), (.comment, "view"), (.comment, "materialized view"), (.comment, "sequence"), (.comment, "index"):
            return "SELECT pg_catalog.obj_description(\(relation(object)), 'pg_class') AS comment"
        case (.comment, "function"):
            return "SELECT pg_catalog.obj_description(pg_catalog.to_regprocedure(\(quotedLiteral(object))), 'pg_proc') AS comment"
        case (.comment, "type"):
            return "SELECT pg_catalog.obj_description(pg_catalog.to_regtype(\(quotedLiteral(object))), 'pg_type') AS comment"
        case (_, "column"):
            return """
                SELECT a.attname, a.attacl FROM pg_catalog.pg_attribute a \
                WHERE a.attrelid = \(relation(object, droppingLast: 1)) AND a.attname = \(last(object))
                """
        case (.comment, _): return Self.sql(of: sort, object)
        case (_, "table"), (_, "view"), (_, "materialized view"), (_, "sequence"):
            return """
                SELECT c.relname, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.relacl FROM pg_catalog.pg_class c \
                WHERE c.oid = \(relation(object))
                """
        default: return Self.sql(of: sort, object)
        }
    }

    private static func sql(of sort: String, _ object: String) -> String? {
        let name = quotedLiteral(object)
        switch sort {
        case "schema":
            return """
                SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner) AS owner, n.nspacl, pg_catalog.obj_description(n.oid, 'pg_namespace') AS comment \
                FROM pg_catalog.pg_namespace n WHERE n.nspname = \(last(object))
                """
        case "extension":
            return """
                SELECT e.extname, e.extversion, e.extnamespace::pg_catalog.regnamespace AS schema FROM pg_catalog.pg_extension e \
                WHERE e.extname = \(last(object))
                """
        case "enum", "domain", "type":
            return """
                SELECT t.oid::pg_catalog.regtype AS type, pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base, \
                pg_catalog.pg_get_userbyid(t.typowner) AS owner, t.typacl, ARRAY(SELECT e.enumlabel FROM pg_catalog.pg_enum e \
                WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype(\(name))
                """
        case "table": return columns(relation(object), nil)
        case "column": return columns(relation(object, droppingLast: 1), last(object))
        case "constraint":
            let parent = quotedLiteral(SQLName.parts(object).dropLast().joined(separator: "."))
            return """
                SELECT o.conname, pg_catalog.pg_get_constraintdef(o.oid) AS definition, pg_catalog.obj_description(o.oid, 'pg_constraint') AS comment \
                FROM pg_catalog.pg_constraint o WHERE o.conname = \(last(object)) \
                AND (o.conrelid = pg_catalog.to_regclass(\(parent)) OR o.contypid = pg_catalog.to_regtype(\(parent)))
                """
        case "index":
            return """
                SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, i.indisvalid FROM pg_catalog.pg_index i \
                WHERE i.indexrelid = \(relation(object))
                """
        case "function":
            return """
                SELECT p.oid::pg_catalog.regprocedure AS function, p.prosrc, pg_catalog.pg_get_userbyid(p.proowner) AS owner, p.proacl \
                FROM pg_catalog.pg_proc p WHERE p.oid = pg_catalog.to_regprocedure(\(name))
                """
        case "sequence": return "SELECT s.* FROM pg_catalog.pg_sequence s WHERE s.seqrelid = \(relation(object))"
        case "view", "materialized-view": return "SELECT pg_catalog.pg_get_viewdef(\(relation(object))) AS definition"
        case "trigger":
            return """
                SELECT pg_catalog.pg_get_triggerdef(t.oid) AS definition, t.tgenabled, pg_catalog.obj_description(t.oid, 'pg_trigger') AS comment \
                FROM pg_catalog.pg_trigger t WHERE t.tgrelid = \(relation(object, droppingLast: 1)) AND t.tgname = \(last(object))
                """
        case "rule":
            return """
                SELECT pg_catalog.pg_get_ruledef(r.oid) AS definition, r.ev_enabled, pg_catalog.obj_description(r.oid, 'pg_rewrite') AS comment \
                FROM pg_catalog.pg_rewrite r WHERE r.ev_class = \(relation(object, droppingLast: 1)) AND r.rulename = \(last(object))
                """
        case "policy":
            return """
                SELECT p.polname, p.polcmd, p.polroles::pg_catalog.regrole[] AS roles, pg_catalog.pg_get_expr(p.polqual, p.polrelid) AS using, \
                pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) AS with_check, pg_catalog.obj_description(p.oid, 'pg_policy') AS comment \
                FROM pg_catalog.pg_policy p WHERE p.polrelid = \(relation(object, droppingLast: 1)) AND p.polname = \(last(object))
                """
        case "event-trigger":
            return """
                SELECT v.evtname, v.evtevent, v.evtenabled, v.evtfoid::pg_catalog.regprocedure AS function FROM pg_catalog.pg_event_trigger v \
                WHERE v.evtname = \(last(object))
                """
        default: return nil
        }
    }

    private static func columns(_ relation: String, _ name: String?) -> String {
        """
        SELECT a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, \
        pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default FROM pg_catalog.pg_attribute a \
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        WHERE a.attrelid = \(relation) AND a.attnum > 0 AND NOT a.attisdropped\(name.map { " AND a.attname = \($0)" } ?? "") ORDER BY a.attnum
        """
    }

    private func relation(_ object: String, droppingLast count: Int = 0) -> String { Self.relation(object, droppingLast: count) }
    private func last(_ object: String) -> String { Self.last(object) }

    /// The oid of a table, by the parts of a name.
    private static func relation(_ object: String, droppingLast count: Int = 0) -> String {
        "pg_catalog.to_regclass(\(quotedLiteral(SQLName.parts(object).dropLast(count).joined(separator: "."))))"
    }

    /// The last identifier of a name, as a literal.
    private static func last(_ object: String) -> String {
        quotedLiteral(unquotedIdentifier(SQLName.parts(object).last ?? object))
    }
}
