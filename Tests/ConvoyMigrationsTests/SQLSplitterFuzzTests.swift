import ConvoyMigrations
import Testing

/// Texts put together at random from fragments whose cut is known, and texts cut off at random.
struct SQLSplitterFuzzTests {
    static let statements = [
        "SELECT 1",
        "INSERT INTO \"a;\"\"b\" VALUES ('it''s; -- no', E'\\';\\\\', $$;'$$, $q$ $$;$$ $q $q$)",
        "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN $1 > 0 THEN 1 ELSE 2 END; SELECT 3 AS end; END",
        "CREATE OR REPLACE RULE r AS ON DELETE TO a DO INSTEAD (SELECT ';'; UPDATE b SET c = (1); )",
        "DO $body$\nBEGIN\n  -- it's a comment; in a body\n  PERFORM 1;\nEND\n$body$",
        "SELECT a$b, c.\"d\", U&'\\0441;' , U&\"x;\", B'01', größe /* x; /* y; */ ' */ + 1 -- '; \" $$\n  FROM t",
        "UPDATE t SET a = E'x' -- ;\n 'y\\';z' WHERE b = '\\'",
        "COMMENT ON TABLE t IS 'a\n-- migrate:down\nb'",
        "SELECT 1e10, 0x1F, $1, $22",
        "END",
    ]
    static let gaps = ["", " ", "\n", "\t\n\n", "-- a; b' \" $$ /*\n", "/* ; ' /* \" */ $$ */", "; ;", "\r\n", "--\n"]

    @Test(arguments: 0..<60)
    func findsWhatWasPutTogether(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var text = ""
        var expected: [String] = []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            text += Self.gap(&random)
            let statement = Self.statements[Int.random(in: 0..<Self.statements.count, using: &random)]
            expected.append("\(text.utf8.count { $0 == 10 } + 1): \(statement)")
            text += statement + Self.gap(&random) + ";" + Self.gap(&random)
        }
        #expect(SQLSplitterTests.split(text) == expected)
    }

    private static func gap(_ random: inout SplitMix) -> String {
        let gap = (0..<Int.random(in: 0...3, using: &random)).map { _ in gaps[Int.random(in: 0..<gaps.count, using: &random)] }.joined()
        return gap
    }

    /// Cuts may fall inside characters. Every byte is in one token, each statement begins and ends with what is no comment, and no byte that
    /// carries meaning gets lost but the semicolons between statements.
    @Test(arguments: 0..<60)
    func keepsEveryByteOfAnyCut(seed: Int) {
        var random = SplitMix(state: UInt64(seed) &+ 1000)
        let whole = Self.statements.shuffled(using: &random).joined(separator: ";\n")
        let bytes = Array(whole.utf8)
        let start = Int.random(in: 0..<bytes.count, using: &random)
        let end = Int.random(in: start...bytes.count, using: &random)
        let source = SourceText(path: "a.sql", bytes: Array(bytes[start..<end]))

        #expect(SQLLexer(source).flatMap { source.bytes[$0.range] } == source.bytes)

        var splitter = SQLSplitter(source)
        var ranges: [Range<Int>] = []
        while let piece = splitter.next() {
            if case .statement(let statement) = piece { ranges.append(statement.range) }
        }
        guard splitter.problems.isEmpty else { return }
        let lost = SQLLexer(source).filter { token in
            switch token.kind {
            case .whitespace, .lineComment, .blockComment, .semicolon: false
            default: !ranges.contains { $0.lowerBound <= token.range.lowerBound && token.range.upperBound <= $0.upperBound }
            }
        }
        #expect(lost.isEmpty)
    }

    @Test(arguments: 0..<60)
    func survivesAnyBytes(seed: Int) {
        var random = SplitMix(state: UInt64(seed) &+ 5000)
        let alphabet = Array("'\"$;()\\-/*\n\r eEuU&aA1_.é".utf8) + [0x80, 0xFF]
        let bytes = (0..<400).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
        let source = SourceText(path: "a.sql", bytes: bytes)
        #expect(SQLLexer(source).flatMap { source.bytes[$0.range] } == bytes)
        for piece in SQLSplitter(source) {
            if case .statement(let statement) = piece { #expect(!statement.range.isEmpty) }
        }
    }
}

/// A small generator, so that a failing seed fails again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
