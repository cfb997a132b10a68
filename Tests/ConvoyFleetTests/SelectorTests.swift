import ConvoyFleet
import Testing

@Suite("Selectors")
struct SelectorTests {
    @Test(arguments: [
        ("ring=canary", true), ("ring==canary", true), ("ring = canary", true), ("ring=stable", false), ("ring!=stable", true),
        ("ring!=canary", false),
        ("nosuch=x", false), ("nosuch!=x", true), ("nosuch=", false), ("none=", true), ("ring=", false), ("ring in (a,canary)", true),
        ("ring in ( a , b )", false), ("ring notin (a,b)", true), ("ring notin (canary)", false), ("nosuch in (a)", false),
        ("nosuch notin (a)", true),
        ("ring in(canary)", true), ("ring", true), ("nosuch", false), ("!nosuch", true), ("! ring", false), ("name=alice", true),
        ("name=bob", false),
        ("server=eu-1:5432", true), ("database=teslamate_alice", true), ("database~teslamate_*", true), ("database~*_bob", false),
        ("name~al?ce", true),
        ("name~al?", false), ("nosuch~*", false), ("ring=canary,region=eu", true), ("ring=canary, region=us", false), ("!name", false),
        ("a.b/c-d=1", true),
        ("  ring=canary  ", true),
    ])
    func `match by labels and the instance's own names`(_ text: String, _ expected: Bool) throws {
        let selector = try Selector(parsing: text)
        let labels = ["ring": "canary", "region": "eu", "none": "", "a.b/c-d": "1"]
        #expect(selector.matches(name: "alice", server: "eu-1:5432", database: "teslamate_alice", labels: labels) == expected)
        #expect(selector.description == text)
    }

    @Test(arguments: [
        ("", 1), ("   ", 1), (",", 1), ("a=b,", 4), ("a=b,,c", 5), ("a=b c=d", 5), ("a in", 5), ("a in b", 6), ("a in (b", 8),
        ("a in (b c)", 9),
        ("a notin", 8), ("a like b", 3), ("=b", 1), ("a=b*", 4), ("a~", 3), ("!", 2), ("a!b", 3), ("a>1", 2), ("a=b)", 4),
        ("ä=b", 1),
        ("!a=b", 3),
    ])
    func `that are none say where`(_ text: String, _ column: Int) {
        #expect { try Selector(parsing: text) } throws: { ($0 as? SelectorError)?.column == column }
    }

    @Test(arguments: [
        ("*", "", true), ("", "", true), ("", "a", false), ("a", "a", true), ("a", "A", false), ("?", "ü", true), ("?", "", false),
        ("a*", "a", true),
        ("a*b", "ab", true), ("a*b", "acb", true), ("a*b", "acbd", false), ("*a*b*", "xxaxxbxx", true), ("**", "x", true),
        ("a*?b", "ab", false),
        ("a*?b", "axb", true), ("*.sql", "a.sql.sql", true), ("[a]", "a", false), ("a.c", "abc", false),
    ])
    func `globs fit the whole name`(_ pattern: String, _ text: String, _ expected: Bool) {
        #expect(Glob(pattern).matches(text) == expected)
    }

    @Test func `a glob made to be slow is not`() {
        let pattern = String(repeating: "*a", count: 60) + "b"
        #expect(!Glob(pattern).matches(String(repeating: "a", count: 20_000)))
    }

    @Test(
        arguments: [
            (["alice"], "name=alice", "name!=alice"), (["a", "b c"], "name in (a,\"b c\")", "name notin (a,\"b c\")"),
            (["\"", "\\"], "name in (\"\\\"\",\"\\\\\")", "name notin (\"\\\"\",\"\\\\\")"),
        ] as [([String], String, String)]
    )
    func `a selector names instances, or excludes them`(_ names: [String], _ naming: String, _ excluding: String) throws {
        #expect(Selector(naming: names)?.text == naming)
        #expect(Selector(excluding: names, from: nil)?.text == excluding)
        let ring = try Selector(parsing: "ring=canary")
        let some = try #require(Selector(naming: names, within: ring))
        let others = try #require(Selector(excluding: names, from: ring))
        for name in names + ["other"] {
            for label in ["canary", "rest"] {
                let isMeant = label == "canary"
                #expect(some.matches(name: name, server: "", database: "", labels: ["ring": label]) == (isMeant && names.contains(name)))
                #expect(others.matches(name: name, server: "", database: "", labels: ["ring": label]) == (isMeant && !names.contains(name)))
            }
        }
    }

    @Test func `no selector names nothing`() {
        #expect(Selector(naming: []) == nil)
        #expect(Selector(excluding: [], from: nil) == nil)
        #expect(Selector(naming: ["a", ""]) == nil)
    }
}
