import ConvoyPostgres
import ConvoyRun

/// What in a database would run with an administrator's rights while one of the administrator's migrations is applied and recorded: enabled
/// event triggers, and triggers, rules and expressions of the ledger and the audit log.
///
/// The guard of the administrator's session looks at it under lock; the preflight names it before anything is changed.
enum AdminHazards {
    /// A query with a row for each: `hazard` is its description, `remedy` the statement that takes it away, or NULL, and `undo` the statement
    /// that brings a disabled event trigger back, or NULL.
    static func query(ledger: Ledger, includesAuditLog: Bool) -> String {
        let tables =
            "SELECT c.oid, c.relkind, n.nspname, c.relname FROM pg_catalog.pg_class c "
            + "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
            + "(n.nspname = \(quotedLiteral(ledger.schema)) AND c.relname = '\(Ledger.tableName)')"
            + (includesAuditLog ? " OR (n.nspname = 'convoy' AND c.relname = 'migration_log')" : "")
        func onTable(_ kind: String, _ name: String, remedy: String?, from source: String) -> String {
            let remedy = remedy.map { "pg_catalog.format('\($0)', \(name), t.nspname, t.relname)" } ?? "NULL"
            // A name never looks like the next one in the list.
            return """
                SELECT pg_catalog.format('\(kind) %s on %I.%I', pg_catalog.replace(pg_catalog.quote_ident(\(name)), '; ', ';'), t.nspname, t.relname),
                    \(remedy), NULL
                FROM (\(tables)) t JOIN \(source)
                """
        }
        return [
            """
            SELECT pg_catalog.format('event trigger %s (owner %s, function %s)', e.evtname, pg_catalog.pg_get_userbyid(e.evtowner),
                    e.evtfoid::pg_catalog.regproc) AS hazard,
                pg_catalog.format('ALTER EVENT TRIGGER %I DISABLE', e.evtname) AS remedy,
                pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE%s', e.evtname,
                    CASE e.evtenabled WHEN 'R' THEN ' REPLICA' WHEN 'A' THEN ' ALWAYS' ELSE '' END) AS undo
            FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D'
            """,
            """
            SELECT pg_catalog.format('%s.%s is not an ordinary table', t.nspname, t.relname), NULL, NULL
            FROM (\(tables)) t WHERE t.relkind <> 'r'
            """,
            onTable(
                "trigger",
                "g.tgname",
                remedy: "DROP TRIGGER %I ON %I.%I",
                from: "pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal"
            ),
            onTable("rule", "r.rulename", remedy: "DROP RULE %I ON %I.%I", from: "pg_catalog.pg_rewrite r ON r.ev_class = t.oid"),
            onTable("policy", "p.polname", remedy: "DROP POLICY %I ON %I.%I", from: "pg_catalog.pg_policy p ON p.polrelid = t.oid"),
            onTable(
                "constraint",
                "k.conname",
                remedy: "ALTER TABLE %2$I.%3$I DROP CONSTRAINT %1$I",
                from: "pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype NOT IN ('p', 'u', 'n')"
            ),
            onTable(
                "default of column",
                "a.attname",
                remedy: "ALTER TABLE %2$I.%3$I ALTER COLUMN %1$I DROP DEFAULT",
                from: "pg_catalog.pg_attrdef d ON d.adrelid = t.oid "
                    + "JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
            ),
            """
            SELECT pg_catalog.format('foreign key %I of %s on %I.%I', k.conname, k.conrelid::pg_catalog.regclass, t.nspname, t.relname),
                pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::pg_catalog.regclass, k.conname), NULL
            FROM (\(tables)) t JOIN pg_catalog.pg_constraint k ON k.confrelid = t.oid AND k.contype = 'f' AND k.conrelid <> t.oid
            """,
            """
            SELECT pg_catalog.format('inheritance of %s from %s', h.inhrelid::pg_catalog.regclass, h.inhparent::pg_catalog.regclass),
                pg_catalog.format(CASE WHEN c.relispartition THEN 'ALTER TABLE %2$s DETACH PARTITION %1$s' ELSE 'ALTER TABLE %1$s NO INHERIT %2$s' END,
                    h.inhrelid::pg_catalog.regclass, h.inhparent::pg_catalog.regclass), NULL
            FROM (\(tables)) t JOIN pg_catalog.pg_inherits h ON h.inhrelid = t.oid OR h.inhparent = t.oid
            JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
            """,
            onTable(
                "index with an expression,",
                "x.relname",
                remedy: "DROP INDEX %2$I.%1$I",
                from: "pg_catalog.pg_index i ON i.indrelid = t.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) "
                    + "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
            ),
            onTable(
                "column of a type that is not PostgreSQL''s own,",
                "a.attname",
                remedy: nil,
                from: "pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
                    + "JOIN pg_catalog.pg_type y ON y.oid = a.atttypid "
                    + "AND y.typnamespace <> (SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = 'pg_catalog')"
            ),
        ].joined(separator: "\nUNION ALL\n")
    }

    /// The guard's statements, for a PL/pgSQL block: they fail with ``Ledger/unsafeCode`` and name what was found.
    static func refusal(ledger: Ledger, includesAuditLog: Bool) -> String {
        let query = query(ledger: ledger, includesAuditLog: includesAuditLog)
        return """
            IF EXISTS (\(query)) THEN
                RAISE EXCEPTION USING ERRCODE = '\(Ledger.unsafeCode)', MESSAGE = pg_catalog.concat('it would run as the administrator: ',
                    (SELECT pg_catalog.string_agg(h.hazard, '; ') FROM (\(query) LIMIT 20) h));
            END IF;

            """
    }

    /// What stands in the way, from the rows of ``query(ledger:includesAuditLog:)``.
    static func failure(_ rows: [QueryResult.Row]) throws(PostgresError) -> Failure? {
        guard !rows.isEmpty else { return nil }
        let hazards = try rows.map { row throws(PostgresError) in try row.text("hazard") }
        let remedies = try rows.map { row throws(PostgresError) in try row.optionalText("remedy") }.compactMap(\.self)
        let undoings = try rows.map { row throws(PostgresError) in try row.optionalText("undo") }.compactMap(\.self)
        var hint = "have the owner remove the objects named above; do not apply the migration by hand while they exist"
        if remedies.count == rows.count {
            hint = "as its owner or a DBA: " + remedies.joined(separator: "; ")
            if undoings.count == rows.count {
                hint += "; then run the command again, and afterwards " + undoings.joined(separator: "; ")
            } else {
                hint += "; save the definitions first if you need them again"
            }
        }
        return Failure(
            .blocked,
            "it would run with the rights of the admin connection: "
                + PreflightText.list(hazards, limit: Preflight.reasonLimit, separator: "; "),
            hint: hint
        )
    }
}
