import Testing

@testable import ConvoyCatalog

/// Two catalogues side by side: values, no database.
struct CatalogDifferenceTests {
    private static let cars = [
        CatalogFact(.schema, "public"), CatalogFact(.table, "public.cars", "(id, name)"),
        CatalogFact(.column, "public.cars.id", "bigint not null"), CatalogFact(.column, "public.cars.name", "text"),
        CatalogFact(.function, "public.f(integer)", "(a integer) returns integer", detail: "SELECT 1"),
    ]

    private func differences(
        _ change: (inout Set<CatalogFact>) -> Void,
        in scope: CatalogScope = CatalogScope(schemas: ["public"])
    ) -> [String] {
        var facts = Set(Self.cars)
        change(&facts)
        return Catalog(facts).differences(from: Catalog(Set(Self.cars)), in: scope).map {
            "\($0.change.rawValue) \($0.kind.rawValue) \($0.object): \($0.expected ?? "-") | \($0.found ?? "-")"
        }
    }

    @Test func equalOnesDiffersInNothing() {
        #expect(differences { _ in } == [])
    }

    @Test func missingExtraAndDifferent() {
        let found = differences {
            $0.remove(CatalogFact(.column, "public.cars.id", "bigint not null"))
            $0.insert(CatalogFact(.column, "public.cars.id", "integer not null"))
            $0.remove(CatalogFact(.function, "public.f(integer)", "(a integer) returns integer", detail: "SELECT 1"))
            $0.insert(CatalogFact(.index, "public.cars_name", "CREATE INDEX"))
        }
        #expect(
            found == [
                "different column public.cars.id: bigint not null | integer not null",
                "extra index public.cars_name: - | CREATE INDEX",
                "missing function public.f(integer): (a integer) returns integer | -",
            ]
        )
    }

    @Test func aNewColumnIsOneDifferenceAndAnotherOrderIsOne() {
        let added = differences {
            $0.remove(Self.cars[1])
            $0.insert(CatalogFact(.table, "public.cars", "(id, plate, name)"))
            $0.insert(CatalogFact(.column, "public.cars.plate", "text"))
        }
        #expect(added == ["extra column public.cars.plate: - | text"])
        let swapped = differences {
            $0.remove(Self.cars[1])
            $0.insert(CatalogFact(.table, "public.cars", "(name, id)"))
        }
        #expect(swapped == ["different table public.cars: (id, name) | (name, id)"])
        let stored = differences {
            $0.remove(Self.cars[1])
            $0.insert(CatalogFact(.table, "public.cars", "(id, name) unlogged"))
        }
        #expect(stored == ["different table public.cars: (id, name) | (id, name) unlogged"])
    }

    @Test func whatIsOutsideOfTheSetCountsOnlyWhenAskedFor() {
        let change: (inout Set<CatalogFact>) -> Void = {
            $0.insert(CatalogFact(.schema, "grafana"))
            $0.insert(CatalogFact(.table, "grafana.boards", "(id)"))
            $0.remove(Self.cars[4])
            $0.insert(CatalogFact(.function, "public.f(integer)", "(a integer) returns integer", detail: "SELECT 2"))
        }
        #expect(differences(change) == [])
        #expect(
            differences(change, in: .all) == [
                "extra schema grafana: - | ",
                "extra table grafana.boards: - | (id)",
                "different function public.f(integer): (a integer) returns integer as SELECT 1 | (a integer) returns integer as SELECT 2",
            ]
        )
    }

    @Test func twoObjectsOfOneName() {
        let sequence = CatalogFact(.owner, "public.x", "sequence: another role")
        let type = CatalogFact(.owner, "public.x", "type: another role")
        let differences = Catalog([sequence, type]).differences(from: Catalog([sequence]), in: .all)
        #expect(differences == [CatalogDifference(.owner, "public.x", expected: nil, found: "type: another role")])
    }

    /// Only a name that was cut takes the advice away; whatever a tenant writes into a name does not.
    @Test func whichNamesHaveAdvice() {
        func sql(_ object: String) -> String? { CatalogDifference(.table, object, expected: nil, found: "()").sql }
        #expect(sql("public.\"a… b\"")?.contains("'public.\"a… b\"'::pg_catalog.text") == true)
        #expect(sql("public.\"a… 0123456789abcdef0123456789abcdef\"") != nil)
        let longest = "public." + String(repeating: "x", count: 993)
        #expect(sql(longest) != nil)
        #expect(sql(longest + "… 0123456789abcdef0123456789abcdef") == nil)
    }

    /// Default privileges that hold in every schema belong to no schema, so they always count.
    @Test func whatHoldsInEverySchemaCounts() {
        let everywhere = differences { $0.insert(CatalogFact(.privilege, "*", "default: tables of owner: PUBLIC SELECT")) }
        #expect(everywhere == ["extra privilege *: - | default: tables of owner: PUBLIC SELECT"])
        #expect(differences { $0.insert(CatalogFact(.privilege, "other", "default: tables of owner: PUBLIC SELECT")) } == [])
        #expect(differences { $0.insert(CatalogFact(.privilege, "\"*\"", "default: tables of owner: PUBLIC SELECT")) } == [])
    }

    @Test func theFingerprintIsOfTheFactsAndNotOfTheirOrder() {
        #expect(Catalog(Set(Self.cars)).fingerprint == Catalog(Set(Self.cars.reversed())).fingerprint)
        #expect(Catalog([]).fingerprint == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(Catalog([Self.cars[0]]).fingerprint != Catalog([Self.cars[1]]).fingerprint)
    }
}
