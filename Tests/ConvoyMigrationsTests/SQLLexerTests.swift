import ConvoyMigrations
import Testing

struct SQLLexerTests {
    /// The tokens but whitespace, each as `kind:text`.
    static func tokens(_ text: String) -> [String] {
        let source = SourceText(path: "a.sql", text: text)
        return SQLLexer(source).filter { $0.kind != .whitespace }.map {
            "\($0.kind)\($0.isComplete ? "" : "…"):\(source.text($0.range))"
        }
    }

    @Test(arguments: [
        // Strings
        ("'a''b' 'c'", ["string:'a''b'", "string:'c'"]),
        (#"'a\' b"#, [#"string:'a\'"#, "word:b"]),
        (#"E'a\'b' e'\\'"#, [#"string:E'a\'b'"#, #"string:e'\\'"#]),
        (#"E'a''\'b' x"#, [#"string:E'a''\'b'"#, "word:x"]),
        (#"U&'\0041''' u&"a""b""#, [#"string:U&'\0041'''"#, #"quotedIdentifier:u&"a""b""#]),
        ("B'01' x'ff' N'é'", ["string:B'01'", "string:x'ff'", "string:N'é'"]),
        (#"sue'\'"#, ["word:sue", #"string:'\'"#]),
        ("U & 'a'", ["word:U", "symbol:&", "string:'a'"]),
        ("'a\n;--b\n/*c'", ["string:'a\n;--b\n/*c'"]),
        // An escape string goes on in the string that follows on another line, and only there.
        ("E'a'\n'b\\'c' d", ["string:E'a'", "string:'b\\'c'", "word:d"]),
        ("E'a' -- x\n -- y\n  'b\\'c' d", ["string:E'a'", "lineComment:-- x", "lineComment:-- y", "string:'b\\'c'", "word:d"]),
        ("E'a'\n'b'\n'c\\' d' e", ["string:E'a'", "string:'b'", "string:'c\\' d'", "word:e"]),
        ("E'a' 'b\\' c", ["string:E'a'", "string:'b\\'", "word:c"]),
        ("E'a'\n/* x */ 'b\\' c", ["string:E'a'", "blockComment:/* x */", "string:'b\\'", "word:c"]),
        ("E'a'\n, 'b\\' c", ["string:E'a'", "symbol:,", "string:'b\\'", "word:c"]),
        // Dollars
        ("$$a;b$$", ["dollarString:$$a;b$$"]),
        ("$fn$ $$ $f$ '$fn $fn$x", ["dollarString:$fn$ $$ $f$ '$fn $fn$", "word:x"]),
        ("$a$ $b$a$", ["dollarString:$a$ $b$a$"]),
        ("$a$ $$a$", ["dollarString:$a$ $$a$"]),
        ("$é1$x$é1$", ["dollarString:$é1$x$é1$"]),
        ("$A$ $a$ $A$", ["dollarString:$A$ $a$ $A$"]),
        ("$1 $23+$4", ["parameter:$1", "parameter:$23", "symbol:+", "parameter:$4"]),
        ("$1$$a$$", ["parameter:$1", "dollarString:$$a$$"]),
        ("a$b$c", ["word:a$b$c"]),
        ("a$$b", ["word:a$$b"]),
        ("_$1$", ["word:_$1$"]),
        ("$ $a", ["symbol:$", "symbol:$", "word:a"]),
        ("1$$a$$", ["number:1", "dollarString:$$a$$"]),
        ("1e10$$a$$", ["number:1e10", "dollarString:$$a$$"]),
        ("0xFF 1_000 1.5e-3", ["number:0xFF", "number:1_000", "number:1", "symbol:.", "number:5e-3"]),
        // Comments
        ("/* a /* b */ c */ d", ["blockComment:/* a /* b */ c */", "word:d"]),
        ("/*/ */ a", ["blockComment:/*/ */", "word:a"]),
        ("/***/a/**/b", ["blockComment:/***/", "word:a", "blockComment:/**/", "word:b"]),
        ("/* ' \" $$ */ a", ["blockComment:/* ' \" $$ */", "word:a"]),
        ("a--b'\nc", ["word:a", "lineComment:--b'", "word:c"]),
        ("a--b\rc", ["word:a", "lineComment:--b", "word:c"]),
        ("1 - -1", ["number:1", "symbol:-", "symbol:-", "number:1"]),
        ("a +-- b", ["word:a", "symbol:+", "lineComment:-- b"]),
        ("a */* b */ c", ["word:a", "symbol:*", "blockComment:/* b */", "word:c"]),
        // Identifiers
        (#""a;""b" c"#, [#"quotedIdentifier:"a;""b""#, "word:c"]),
        (#""a'b" 'c"d'"#, [#"quotedIdentifier:"a'b""#, "string:'c\"d'"]),
        ("größe;", ["word:größe", "semicolon:;"]),
        ("(a)", ["openParenthesis:(", "word:a", "closeParenthesis:)"]),
        (#"\d"#, [#"backslash:\"#, "word:d"]),
        // Unfinished
        ("'a", ["string…:'a"]),
        ("'a''", ["string…:'a''"]),
        (#"E'a\'"#, [#"string…:E'a\'"#]),
        (#"E'a\"#, [#"string…:E'a\"#]),
        ("\"a", ["quotedIdentifier…:\"a"]),
        ("/* /* */", ["blockComment…:/* /* */"]),
        ("$a$ $b$", ["dollarString…:$a$ $b$"]),
        ("$a$ $a", ["dollarString…:$a$ $a"]),
        ("$$", ["dollarString…:$$"]),
        ("", []),
    ])
    func cutsAsPostgreSQLDoes(text: String, expected: [String]) {
        #expect(Self.tokens(text) == expected)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "$a", "$a$", "$$", "E'\\'", "E'a'\n", "/*", "*/", "'", "''", "\"", "--", "-- a\n", "(", "a$", "\\", "U&", "$1", "é", "0x", "1e",
        ]
    )
    func takesLinearTime(unit: String) {
        let source = SourceText(path: "a.sql", text: String(repeating: unit, count: 20_000))
        var position = 0
        var gaps = 0
        for token in SQLLexer(source) {
            if token.range.lowerBound != position || token.range.isEmpty { gaps += 1 }
            position = token.range.upperBound
        }
        #expect(gaps == 0)
        #expect(position == source.bytes.count)
    }
}
