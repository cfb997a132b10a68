package import ConvoyFleet
package import ConvoyInstance
import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Reads the statements that make objects again whose facts are not enough for it: views, rules, and functions that are long or have settings.
///
/// Like the catalogue's query it runs no code of a tenant: with `pg_catalog` as the search path, functions of the server print what is stored.
package struct DefinitionReader: Sendable {
    private let runner: InstanceRunner
    /// A longer statement is not read.
    private static let lengthLimit = 1_000_000

    package init(_ runner: InstanceRunner) {
        self.runner = runner
    }

    /// - Parameters:
    ///   - catalog: that of the instance.
    /// - Returns: a statement for each object that needs one and has one.
    package func definitions(of catalog: Catalog, in instance: Instance) async throws(Failure) -> [CatalogFact: String] {
        let facts = catalog.facts.filter(Self.needsDefinition)
        guard !facts.isEmpty else { return [:] }
        let names = "{" + facts.map { Self.element($0.object) }.sorted().joined(separator: ",") + "}"
        let question = PipelineStatement(Self.sql, [names, String(Self.lengthLimit)])
        let result = try await runner.askCatalogue(of: instance) { _, results throws(PostgresError) -> CatalogueStep<QueryResult> in
            guard let result = results.first else { return .ask(question) }
            return .done(result)
        }
        var definitions: [CatalogFact: String] = [:]
        do throws(PostgresError) {
            for row in result.rows {
                let (kind, name, definition) = (try row.text("kind"), try row.text("name"), try row.optionalText("definition"))
                guard let definition, let fact = facts.first(where: { $0.kind.rawValue == kind && $0.object == name }) else { continue }
                definitions[fact] = definition
            }
        } catch {
            throw Failure(.failed, "reading definitions: \(error.message)")
        }
        return definitions
    }

    private static func needsDefinition(_ fact: CatalogFact) -> Bool {
        switch fact.kind {
        case .view, .materializedView, .rule: true
        case .function: !fact.text.hasPrefix("operator of ") && (fact.isCut || FunctionDefinition(fact) == nil)
        default: false
        }
    }

    /// An element of an array as the server reads it.
    private static func element(_ text: String) -> String {
        var element = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { element.unicodeScalars.append("\\") }
            element.unicodeScalars.append(scalar)
        }
        return element + "\""
    }

    private static let sql = """
        WITH named AS MATERIALIZED (
            SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized-view' END AS kind, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
                c.oid, c.reloptions
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND c.oid >= 16384
            UNION ALL
            SELECT 'rule', quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(w.rulename), w.oid, NULL
            FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE w.oid >= 16384 AND w.rulename <> '_RETURN'
            UNION ALL
            SELECT 'function', quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')', p.oid, NULL
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid >= 16384 AND p.prokind IN ('f', 'p')
        ), written AS (
            SELECT kind, name, CASE kind
                WHEN 'view' THEN concat('CREATE VIEW ', name, ' WITH (' || array_to_string(reloptions, ', ') || ')', ' AS ', pg_get_viewdef(oid))
                WHEN 'materialized-view' THEN concat('CREATE MATERIALIZED VIEW ', name, ' WITH (' || array_to_string(reloptions, ', ') || ')', ' AS ',
                    pg_get_viewdef(oid))
                WHEN 'rule' THEN pg_get_ruledef(oid)
                ELSE pg_get_functiondef(oid) END AS definition
            FROM named WHERE name = ANY ($1::text[])
        )
        SELECT kind, name, CASE WHEN length(definition) <= $2::int8 THEN rtrim(definition, E'; \\n') END AS definition FROM written
        """
}
