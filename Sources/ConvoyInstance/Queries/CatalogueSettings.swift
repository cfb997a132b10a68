import ConvoyPostgres

/// What a transaction sets before it asks questions about the catalogue.
enum CatalogueSettings {
    /// Of a new database the server has no statistics. Then it would compile the question, which takes a hundred times as long as to run it.
    ///
    /// The others are what a tenant can set for its database and what changes how stored names and expressions are printed.
    static let statements: [PipelineStatement] = [
        "jit TO off", "quote_all_identifiers TO off", "standard_conforming_strings TO on", "timezone TO 'UTC'",
        "intervalstyle TO 'postgres'",
        "bytea_output TO 'hex'", "extra_float_digits TO 1", "xmlbinary TO 'base64'", "xmloption TO 'content'", "lc_monetary TO 'C'",
    ].map { PipelineStatement("SET LOCAL \($0)") }
}

extension PostgresConnection {
    /// Asks questions about the catalogue, in the transaction that the first statements begin.
    ///
    /// - Parameter next: what follows from the answers so far; it is asked before the first one too.
    func askCatalogue<Value>(
        _ opening: [PipelineStatement],
        _ next: ([QueryResult]) throws(PostgresError) -> CatalogueStep<Value>
    ) async throws(PostgresError) -> Value {
        var opening = opening + CatalogueSettings.statements
        var results: [QueryResult] = []
        while true {
            switch try next(results) {
            case .done(let value): return value
            case .ask(let question):
                let answers = try await pipeline(opening + [question], timeout: InstanceProbe.silenceTimeout)
                guard answers.count == opening.count + 1, let last = answers.last else {
                    throw PostgresError(.unexpectedResult, "the server skipped a statement")
                }
                for answer in answers.dropLast() { _ = try answer.get() }
                results.append(try last.get())
                opening = []
            }
        }
    }
}
