import ConvoyCatalog
import ConvoyInstance
import ConvoyPostgres
import TestSupport
import Testing

extension CatalogFacts {
    /// Reads the catalogue of a database, without the ledger, Convoy's own schema, and what extensions own.
    init(of database: TestDatabase) async throws {
        let connection = try await database.connect()
        defer { connection.close() }
        // The facts of TeslaMate's migrator were recorded so: definitions leave out the schemas that are searched.
        try await connection.query("SET search_path = public")
        // The server would compile the query, which takes far longer than to run it.
        try await connection.query("SET jit = off")
        var results: [QueryResult] = []
        while true {
            switch try CatalogReading.step(results, at: nil, owner: database.ownerName, known: nil) {
            case .ask(let question): results.append(try await connection.query(question.sql, question.parameters))
            case .done(let reading):
                guard case .facts(let catalog) = reading.content else { throw TestSupportError("\(reading.content)") }
                self.init(lines: try Self.lines(catalog))
                return
            }
        }
    }

    /// The facts in the form of those that were recorded.
    ///
    /// Kinds that no recorded database has are lines too much: an index that is not valid, an object that does not belong to the ledger's owner, a
    /// privilege. That everybody may use the schema `public` was not recorded; nor were the bodies of functions.
    private static func lines(_ catalog: Catalog) throws -> Set<String> {
        var lines: Set<String> = []
        for fact in catalog.facts {
            var (object, text) = (fact.object, fact.text)
            switch fact.kind {
            case .privilege where object == "public": continue
            case .table:
                object = unquoted(object)
                let end = try #require(text.firstIndex(of: ")"))
                lines.insert("column-order \(object): \(unquoted(String(text[..<end].dropFirst())))")
                lines.insert("table \(object)\(text[text.index(after: end)...])")
            case .column: lines.insert("column \(unquoted(object)) \(text)")
            case .enum: lines.insert("enum \(object): \(text.filter { $0 != "'" })")
            case .function:
                object = String(object.prefix { $0 != "(" })
                lines.insert("function \(object)\(text)")
            default:
                text = text.isEmpty ? "" : " \(text)"
                lines.insert("\(fact.kind.rawValue) \(unquoted(object))\(text)")
            }
        }
        return lines
    }

    private static func unquoted(_ names: String) -> String { names.filter { $0 != "\"" } }
}
