import Testing

@testable import ConvoyInstance

/// What a server prints for arrays, rows and names, and what a lying one might.
struct ServerArrayTests {
    @Test(
        arguments: [
            ("{}", []), ("{1}", ["1"]), ("{1,2}", ["1", "2"]), ("{NULL,a}", [nil, "a"]), (#"{"NULL",""}"#, ["NULL", ""]),
            (#"{"a b","c,d","e\"f","g\\h","{}"}"#, ["a b", "c,d", #"e"f"#, #"g\h"#, "{}"]), ("{ü,\"\u{301}\"}", ["ü", "\u{301}"]),
            ("", nil), ("{", nil), ("a", nil), ("(1)", nil), ("{1", nil), ("1}", nil), (#"{"}"#, nil), (#"{\}"#, nil), (#"{"a,b}"#, nil),
            ("[0:1]={1,2}", nil),
        ] as [(String, [String?]?)]
    )
    func elements(_ text: String, _ elements: [String?]?) {
        #expect(ServerArray.elements(text) == elements)
    }

    @Test(
        arguments: [
            ("()", [nil]), ("(1)", ["1"]), ("(1,,)", ["1", nil, nil]), (#"(1,"")"#, ["1", ""]),
            (#"(1,"a ""b"", c)")"#, ["1", #"a "b", c)"#]),
            (#"(1,"a\\b")"#, ["1", #"a\b"#]), ("(NULL)", ["NULL"]), ("", nil), ("(", nil), ("{1}", nil), (#"(")"#, nil), (#"("""#, nil),
        ] as [(String, [String?]?)]
    )
    func fields(_ text: String, _ fields: [String?]?) {
        #expect(ServerArray.fields(text) == fields)
    }

    @Test(arguments: [
        ("public", "public"), (#""My Schema""#, "My Schema"), (#""a""b""#, #"a"b"#), (#""""""#, #"""#), (#""""#, #""""#), (#"""#, #"""#),
        ("", ""),
        ("\"e\u{301}\"", "e\u{301}"), (#""a"#, #""a"#),
    ])
    func identifiers(_ identifier: String, _ name: String) {
        #expect(unquotedIdentifier(identifier) == name)
    }

    @Test func rowsInRows() throws {
        // SELECT ARRAY(SELECT ROW('ledger', 7, ARRAY(SELECT ROW(n, m, t) FROM …))), as PostgreSQL 15 prints it.
        let text =
            #"{"(ledger,7,\"{\"\"(1,version,bigint)\"\",\"\"(2,\\\\\"\"a b\\\\\"\",)\"\",\"\"(3,\\\\\"\"q\\\\\"\"\\\\\"\"\\\\\\\\\\\\\\\\\\\\\"\",\\\\\"\"\\\\\"\")\"\"}\")"}"#
        let table = try #require(ServerArray.elements(text)?.first??.fields)
        #expect(table.count == 3)
        let columns = try #require(table[2].flatMap(ServerArray.elements)).map { $0?.fields }
        #expect(columns == [["1", "version", "bigint"], ["2", "a b", nil], ["3", #"q"\"#, ""]])
    }

    @Test(arguments: ["public", "a b", #"a"b"#, #""""#, "é\"", "\"\u{301}"])
    func aNameComesBack(_ name: String) {
        #expect(unquotedIdentifier(quotedIdentifier(name)) == name)
    }
}

extension String {
    fileprivate var fields: [String?]? { ServerArray.fields(self) }
}
