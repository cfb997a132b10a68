import ConvoyMigrations
import Testing

@testable import ConvoyCatalog

/// What a schema proves of a ledger, and what it does not.
struct LedgerProofTests {
    private static let index = CatalogFact(.index, "public.a_x", "CREATE INDEX a_x ON public.a USING btree (x)")

    /// A small set with a catalogue of its own, and a ledger of it.
    private func verdict(
        _ catalogs: [[CatalogFact]],
        ledger: [Int64],
        at catalogue: Int,
        _ at: Int64? = nil,
        beside extra: [CatalogFact] = []
    ) -> RepairVerdict {
        let versions = catalogs.indices.map { MigrationVersion(Int64($0 + 1)) }
        // Only objects in the set's own schemas speak of a version.
        let whole = catalogs.map { Set($0 + [CatalogFact(.schema, "public")]) }
        let matcher = CatalogMatcher(ExpectedCatalogs(Dictionary(uniqueKeysWithValues: zip(versions, whole.map { Catalog($0) }))))
        let state = LedgerState(applied: ledger.map { MigrationVersion($0) }, catalog: Catalog(whole[catalogue - 1].union(extra)))
        return state.verdict(RepairChoices(at: at.map { MigrationVersion($0) }), matcher: matcher, versions: versions)
    }

    /// What an older migration made is no trace of it where a later one has made it again.
    @Test func whatALaterVersionMadeAgainShowsNothing() {
        let table = CatalogFact(.table, "public.a", "(x)")
        let made = verdict([[table], [table, Self.index], [table], [table, Self.index]], ledger: [1, 3, 4], at: 4)
        #expect(LedgerStateTests.summary(made) == "+2 refused:leavesNoTrace")
        let removed = verdict([[table, Self.index], [table], [table, Self.index], [table]], ledger: [1, 3, 4], at: 4)
        #expect(LedgerStateTests.summary(removed) == "+2 refused:leavesNoTrace")
        let kept = verdict([[table], [table, Self.index], [table, Self.index]], ledger: [1, 3], at: 3)
        #expect(LedgerStateTests.summary(kept) == "+2")
    }

    /// What is there under another name is not missing, and an object of an operator is nothing of the kind.
    @Test func anIndexThatWasRenamed() {
        let table = CatalogFact(.table, "public.a", "(x)")
        let catalogs = [[table], [table, Self.index]]
        let same = CatalogFact(.index, "public.mine", "CREATE INDEX mine ON public.a USING btree (x)")
        let renamed = verdict(catalogs, ledger: [1, 2], at: 1, beside: [same])
        #expect(LedgerStateTests.summary(renamed) == "-2 refused:mayBeRenamed")
        #expect(renamed.refusals.map(\.hint).contains { $0.contains("`convoy repair --instance NAME --at 1` removes the rows") })
        #expect(LedgerStateTests.summary(verdict(catalogs, ledger: [1, 2], at: 1, 1, beside: [same])) == "-2")
        let other = CatalogFact(.index, "public.mine", "CREATE INDEX mine ON public.a USING hash (x)")
        #expect(LedgerStateTests.summary(verdict(catalogs, ledger: [1, 2], at: 1, beside: [other])) == "-2")
    }

    /// A set may begin with versions that make nothing an empty database has not.
    @Test func aFirstVersionWithoutObjects() {
        let first = [CatalogFact(.schema, "public"), CatalogFact(.extension, "cube", "in public")]
        let catalogs = [first, first + [CatalogFact(.table, "public.a", "(x)")]]
        #expect(LedgerStateTests.summary(verdict(catalogs, ledger: [1], at: 1)).isEmpty)
        let doubtful = verdict(catalogs, ledger: [1, 2], at: 1)
        #expect(
            doubtful.refusals.map(\.message) == [
                "the ledger ends with 2, and the schema is that of 1 and that of an empty database: which it is cannot be seen"
            ]
        )
        #expect(doubtful.removed == [])
        #expect(LedgerStateTests.summary(verdict(catalogs, ledger: [1, 2], at: 1, 1)) == "-2")
    }

    /// A newer release, which the fleet file accepts, may have taken back what a version of the set made.
    @Test func anAcceptedNewerVersionIsInDoubt() {
        func summary(_ ledger: [Int64], _ catalogue: Int64) -> String {
            let database = LedgerStateTests.Database(name: "", ledger: ledger, catalogue: catalogue, acceptsUnknown: true, result: "")
            return LedgerStateTests.summary(database.verdict)
        }
        #expect(summary([1, 2, 44], 1) == "-2 refused:unknownAndContradicted note:acceptedUnknown")
        #expect(summary([1, 44], 10).hasSuffix("refused:unknownAndContradicted note:acceptedUnknown"))
        #expect(summary([1, 2, 44], 2) == "note:acceptedUnknown")
    }

    /// Where most of a schema differs, no version is the right one.
    @Test func aForeignSchemaIsNotToBeRepaired() throws {
        let foreign = try #require(LedgerStateTests.databases.first { $0.name == "ledger with the tables of another app" })
        let hints = foreign.verdict.refusals.map(\.hint)
        #expect(hints.count == 1)
        for hint in hints { #expect(hint.hasPrefix("more than half of the schema differs") && !hint.contains("convoy")) }
    }

    @Test(arguments: [
        ("CREATE INDEX i ON t USING btree (a) invalid", "CREATE INDEX i ON t USING btree (a)" as String?),
        ("CREATE INDEX i ON t USING btree (a) WHERE invalid", nil), ("CREATE INDEX i ON t USING btree (a)", nil),
        ("CREATE INDEX i ON t USING btree (a) WHERE invalid invalid", "CREATE INDEX i ON t USING btree (a) WHERE invalid"),
    ])
    func anInvalidIndexIsRecognised(text: String, valid: String?) {
        #expect(CatalogFact(.index, "i", text).asValidIndex?.text == valid)
    }
}
