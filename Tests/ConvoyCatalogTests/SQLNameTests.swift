import Testing

@testable import ConvoyCatalog

/// Names as the server quotes them are taken apart at the right places.
struct SQLNameTests {
    @Test(arguments: [
        ("public.cars.id", ["public", "cars", "id"]),
        ("\"od.d\".\"ta\nb\"\"le\".\"co.l\"", ["\"od.d\"", "\"ta\nb\"\"le\"", "\"co.l\""]),
        ("public.f(numeric, \"od.d\".kind)", ["public", "f(numeric, \"od.d\".kind)"]),
        ("", []),
        // To Swift, a quote with a combining mark behind it is another character.
        ("\"\u{301}a.b\".t", ["\"\u{301}a.b\"", "t"]),
    ])
    func theParts(name: String, parts: [String]) {
        #expect(SQLName.parts(name) == parts)
    }

    @Test func theListOfATable() throws {
        let parts = try #require(SQLName.parenthesized("(id, \"a, b)\", c) with fillfactor=90"))
        #expect(SQLName.elements(parts.inside) == ["id", "\"a, b)\"", "c"])
        #expect(parts.rest == " with fillfactor=90")
        #expect(SQLName.parenthesized("id") == nil)
        #expect(SQLName.parenthesized("(id") == nil)
    }

    @Test func theSchemaOfAFact() {
        #expect(CatalogFact(.column, "private.tokens.id").schema == "private")
        #expect(CatalogFact(.schema, "\"a b\"").schema == "\"a b\"")
        #expect(CatalogFact(.extension, "cube", "in public").schema == "public")
        #expect(CatalogFact(.eventTrigger, "watch").schema == nil)
    }
}
