import ConvoyFleet
import Testing

@Suite("Names in selectors")
struct SelectorNameTests {
    @Test(arguments: [
        "tm_plain", "tm_my car", "tm_a,b", "tm_o'brien", "tm_(x)", "tm_ü", "a\"b", "a\\b", "a\\", "\\\"'", "Mu\\u{308}ller", "a=b", "!x",
        "*", "", "a\tb",
    ])
    func `every value can be written`(_ name: String) throws {
        for text in [
            "name=\(Selector.quoted(name))", "name in (other, \(Selector.quoted(name)) ,y)",
            "database~t*, name = \(Selector.quoted(name)) ",
        ] {
            let selector = try Selector(parsing: text)
            #expect(selector.matches(name: name, server: "s", database: "tm", labels: [:]))
            #expect(!selector.matches(name: name + "x", server: "s", database: "tm", labels: [:]))
        }
        #expect(try !Selector(parsing: "name!=\(Selector.quoted(name))").matches(name: name, server: "s", database: "tm", labels: [:]))
    }

    @Test func `either kind of quotes serves`() throws {
        #expect(try Selector(parsing: "name='tm_my car'").matches(name: "tm_my car", server: "s", database: "d", labels: [:]))
        #expect(try Selector(parsing: "name='o\\'brien'").matches(name: "o'brien", server: "s", database: "d", labels: [:]))
        #expect(try Selector(parsing: "name=\"o'brien\"").matches(name: "o'brien", server: "s", database: "d", labels: [:]))
        #expect(try Selector(parsing: "name~'tm *'").matches(name: "tm car", server: "s", database: "d", labels: [:]))
    }

    @Test(arguments: [
        ("name=\"a", 6, "the quote is not closed"), ("name=\"a\"b", 9, "terms are joined with commas"),
        ("name=“a”", 6, "curly quote (U+201C)"),
        ("name=a\u{a0}", 7, "no-break space (U+00A0)"), ("name=a\u{200b}", 7, "(U+200B)"), ("nаme=a", 2, "U+0430 (Cyrillic а)"),
        ("name\u{a0}=a", 5, "no-break space (U+00A0)"), ("name=a，b", 7, "full-width"), ("name=a;b", 7, "without quotes"),
    ])
    func `what is no value says where and which character`(_ text: String, _ column: Int, _ words: String) {
        #expect {
            try Selector(parsing: text)
        } throws: {
            guard let error = $0 as? SelectorError else { return false }
            return error.column == column && error.message.contains(words)
        }
    }

    private static let vocabulary: SelectionVocabulary = {
        var vocabulary = SelectionVocabulary()
        vocabulary.add(name: "alice", server: "eu-1", database: "tm_alice", labels: ["ring": "canary", "region": "eu"])
        vocabulary.add(name: "bob", server: "eu-1", database: "tm_bob", labels: ["ring": "stable"])
        vocabulary.add(name: "M\u{fc}ller", server: "eu-1", database: "M\u{fc}ller", labels: [:])
        return vocabulary
    }()

    @Test(
        arguments: [
            ("name=alice", nil), ("ring=canary,region in (eu)", nil), ("ring!=legacy", nil), ("!region", nil), ("name~zzz*", nil),
            ("name", nil),
            ("name in (alice,bobb)", "no instance is called bobb; did you mean bob?"),
            ("name!=bobb", "no instance is called bobb; did you mean bob?"),
            ("name notin (alice,bobb)", "no instance is called bobb; did you mean bob?"),
            ("server=eu-2", "no instance is on a server called eu-2; did you mean eu-1?"),
            ("database=tm_alic", "no instance has a database called tm_alic; did you mean tm_alice?"),
            ("ring in (canary,stabel)", "no instance has the label ring=stabel; did you mean stable?"),
            ("rign!=canary", "no instance has a label `rign`; did you mean ring?"),
            ("!rign", "no instance has a label `rign`; did you mean ring?"),
            ("rign notin (a,b)", "no instance has a label `rign`; did you mean ring?"),
            ("alice", "no instance has a label `alice`; a word alone means a label; did you mean name=alice?"),
            ("alcie", "no instance has a label `alcie`; a word alone means a label; did you mean name=alice?"),
            ("xyz", "no instance has a label `xyz`; a word alone means a label; an instance is name=xyz"),
            ("name=аlice", "no instance is called аlice; character 1 of it is U+0430 (Cyrillic а); did you mean alice?"),
            (
                "name=Mu\u{308}ller",
                "no instance is called Mu\u{308}ller; the “M\u{fc}ller” of the fleet is written with U+00FC U+006C and not U+0075 U+0308: write name=M\u{fc}ller exactly like this"
            ),
        ] as [(String, String?)]
    )
    func `a name that nothing has is a miss`(_ text: String, _ expected: String?) throws {
        let misses = try Selector(parsing: text).misses(in: Self.vocabulary)
        #expect(misses.map { miss in miss.message + (miss.hint.map { "; \($0)" } ?? "") } == (expected.map { [$0] } ?? []))
    }

    @Test func `no, 0123, 1.10 and 12:30 stay what is written`() throws {
        let file = """
            version: 1
            instances:
              - {name: no, dbname: a, labels: {country: NO, v: 1.10, oct: 0123, b: on, t: 12:30, d: 2024-01-01}}
              - {name: 0123, dbname: b}
              - {name: 1e3, dbname: c}
              - {name: true, dbname: d}
            """
        let fleet = try FleetFile.read(Array(file.utf8), file: "f", environment: [:])
        func selected(_ text: String) throws -> [String] { fleet.instances.filter(try Selector(parsing: text).matches).map(\.name) }
        for text in ["country=NO", "v=1.10", "oct=0123", "b=on", "t=12:30", "d=2024-01-01"] { #expect(try selected(text) == ["no"]) }
        for text in ["country=false", "v=1.1", "oct=83", "b=true"] { #expect(try selected(text) == []) }
        for name in ["0123", "1e3", "true"] { #expect(try selected("name=\(name)") == [name]) }
    }
}
