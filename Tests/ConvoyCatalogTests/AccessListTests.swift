import Testing

@testable import ConvoyCatalog

struct AccessListTests {
    @Test(arguments: [
        ("{}", nil),
        ("{=U/postgres}", "PUBLIC USAGE"),
        (
            "{teslamate=arwdDxt/teslamate,=r/teslamate}",
            "PUBLIC SELECT; teslamate DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"
        ),
        ("{teslamate=arwdDxtm/teslamate}", "teslamate DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"),
        ("{app=r*w/o}", "app SELECT with grant option, UPDATE"),
        (#"{"\"a=r,\"\"b\"=X/o"}"#, #"a=r,"b EXECUTE"#),
        ("{Müller=U/o}", "Müller USAGE"),
        ("{16999=r/o}", "16999 SELECT"),
    ])
    func privilegesAreListed(text: String, words: String?) throws {
        let list = try #require(AccessList(text))
        #expect(list.text { $0 ?? "PUBLIC" } == words)
    }

    @Test(arguments: ["", "{", "{a}", "{a=q/o}", "{NULL}", "{\"\\\"a=r/o\"}"])
    func whatNoServerPrints(text: String) {
        #expect(AccessList(text) == nil)
    }

    @Test func whatTheServerGivesByItself() {
        #expect(AccessList("{o=arwdDxt/o}") == .ofTable(owner: "o"))
        #expect(AccessList("{o=rwU/o}") == .ofSequence(owner: "o"))
        #expect(AccessList("{=X/o,o=X/o}") == .ofFunction(owner: "o"))
        #expect(AccessList("{=U/o,o=U/o}") == .ofType(owner: "o"))
        #expect(AccessList("{o=UC/o}") == .ofSchema(owner: "o"))
        #expect(AccessList("{}") == .ofColumn)
    }
}
