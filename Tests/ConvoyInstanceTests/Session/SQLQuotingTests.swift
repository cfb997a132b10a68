import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance

@Suite("Quoting for SQL")
struct SQLQuotingTests {
    /// A mark that Swift joins with the character before it, so that the two are neither the quote nor the backslash.
    private static let names = [
        "a\"b", "a\"\u{301}b", "\"\u{200d}", "a'\u{301}b", "a\\\u{301}'\u{301}", "\r\n\"\r\n", "x\"\u{301}; SELECT 1; --",
    ]

    @Test(arguments: names)
    func `the server reads back what was quoted`(_ name: String) async throws {
        try await withDatabase { database in
            let result = try await database.query(
                "SELECT \(quotedLiteral(name)) AS literal, k.* FROM (SELECT 1 AS \(quotedIdentifier(name))) AS k"
            )
            let row = try #require(result.rows.first)
            #expect(try row.text("literal").utf8.elementsEqual(name.utf8))
            #expect(try row.text(name) == "1")
        }
    }
}
