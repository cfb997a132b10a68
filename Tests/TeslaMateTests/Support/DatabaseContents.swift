import ConvoyPostgres
import TestSupport

/// All that a database holds: catalogue and rows, ledger and audit log included. Two equal ones mean that nothing was changed.
struct DatabaseContents: Sendable, Equatable {
    let catalogue: CatalogFacts
    /// `TABLE: ROW`, sorted.
    let rows: [String]

    init(of database: TestDatabase) async throws {
        catalogue = try await CatalogFacts(of: database)
        let connection = try await database.connect()
        defer { connection.close() }
        let tables = try await connection.query(
            """
            SELECT format('SELECT %L || r::text AS row FROM %I.%I r', schemaname || '.' || tablename || ': ', schemaname, tablename) AS reading
            FROM pg_tables WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema'
            """
        ).rows.map { row throws(PostgresError) in try row.text("reading") }
        guard !tables.isEmpty else {
            rows = []
            return
        }
        rows = try await connection.query(tables.joined(separator: "\nUNION ALL "))
            .rows.map { row throws(PostgresError) in try row.text("row") }.sorted()
    }
}
