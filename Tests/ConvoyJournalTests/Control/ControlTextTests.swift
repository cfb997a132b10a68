import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyJournal

/// Arrays as parameters, whatever stands in them.
@Suite struct ControlTextTests {
    @Test func aServerReadsWhatWasWritten() async throws {
        let values: [String?] = ["a", nil, "", "NULL", "x,y", "{}", "\"", "\\", "\\\"", " ", "ü😀", "line\nfeed", "e\u{301}"]
        try await withDatabase { database in
            let rows = try await database.query(
                "SELECT value FROM unnest($1::text[]) WITH ORDINALITY AS v (value, place) ORDER BY place",
                [ControlText.array(values)]
            ).rows
            let read = try rows.map { try $0.optionalText("value") }
            #expect(read.map { $0.map { Array($0.utf8) } } == values.map { $0.map { Array($0.utf8) } })
            let none = try await database.query("SELECT count(*) AS n FROM unnest($1::text[])", [ControlText.array([] as [String?])])
                .onlyRow()
            #expect(try none.int64("n") == 0)
            let numbers = try await database.query(
                "SELECT sum(n) AS n FROM unnest($1::bigint[]) AS n",
                [ControlText.array([1, -2, .max] as [Int64])]
            )
            #expect(try numbers.onlyRow().text("n") == "9223372036854775806")
        }
    }
}
