import ConvoyMigrations
import Testing

@testable import ConvoyCatalog

/// What a repair does in each state that a kill, a restore, a clone or an edited set can leave: the table of `docs/repair.md`.
struct LedgerStateTests {
    /// A small set. Migrations 3, 6 and 9 change only rows, and 7 takes back what 5 made.
    private static let steps: [(version: Int64, added: [CatalogFact], removed: [CatalogFact])] = [
        (1, [CatalogFact(.schema, "public"), CatalogFact(.table, "public.a", "(id)"), CatalogFact(.column, "public.a.id", "integer")], []),
        (
            2, [CatalogFact(.table, "public.a", "(id, x)"), CatalogFact(.column, "public.a.x", "text")],
            [CatalogFact(.table, "public.a", "(id)")]
        ),
        (3, [], []),
        (4, [index], []),
        (5, [CatalogFact(.table, "public.b", "(id)")], []),
        (6, [], []),
        (7, [], [CatalogFact(.table, "public.b", "(id)")]),
        (
            8, [CatalogFact(.table, "public.a", "(id, x, y)"), CatalogFact(.column, "public.a.y", "text")],
            [CatalogFact(.table, "public.a", "(id, x)")]
        ),
        (9, [], []),
        (10, [pendingIndex], []),
    ]

    private static let index = CatalogFact(.index, "public.a_x", "CREATE INDEX a_x ON public.a USING btree (x)")
    private static let pendingIndex = CatalogFact(.index, "public.a_y", "CREATE INDEX a_y ON public.a USING btree (y)")
    private static let versions = steps.map { MigrationVersion($0.version) }

    private static let expected: ExpectedCatalogs = {
        var facts: Set<CatalogFact> = []
        var catalogs: [MigrationVersion: Catalog] = [:]
        for step in steps {
            facts.subtract(step.removed)
            facts.formUnion(step.added)
            catalogs[MigrationVersion(step.version)] = Catalog(facts)
        }
        return ExpectedCatalogs(catalogs)
    }()

    private static let matcher = CatalogMatcher(expected)

    /// A database: its ledger, the version whose catalogue it has (0 for an empty one), and what is different from that.
    struct Database: Sendable, CustomTestStringConvertible {
        var name: String
        var ledger: [Int64]?
        var catalogue: Int64
        var extra: [CatalogFact] = []
        var missing: [CatalogFact] = []
        var edited: [Int64] = []
        var isOfAnotherDatabase = false
        var acceptsUnknown = false
        var isStrict = false
        var at: Int64?
        var acceptedEdits: Set<Int64> = []
        var forgotten: Set<Int64> = []
        /// What happens: `-V` and `+V` are rows that go and come, `?V` those of a vanished file, `=V` an accepted edit, `#` an index; a refusal or a note by its name.
        var result: String

        var testDescription: String { name }

        var verdict: RepairVerdict {
            let facts = expected[MigrationVersion(catalogue)]?.facts ?? [CatalogFact(.schema, "public")]
            let state = LedgerState(
                applied: ledger?.map { MigrationVersion($0) },
                edited: edited.map { MigrationVersion($0) },
                catalog: Catalog(facts.subtracting(missing).union(extra)),
                isOfAnotherDatabase: isOfAnotherDatabase,
                acceptsUnknown: acceptsUnknown,
                isStrict: isStrict
            )
            let choices = RepairChoices(
                at: at.map { MigrationVersion($0) },
                acceptedEdits: Set(acceptedEdits.map { MigrationVersion($0) }),
                forgotten: Set(forgotten.map { MigrationVersion($0) })
            )
            return state.verdict(choices, matcher: matcher, versions: versions)
        }
    }

    static func summary(_ verdict: RepairVerdict) -> String {
        func name(_ value: some Any) -> String {
            let text = String(describing: Mirror(reflecting: value).children.first?.label ?? "\(value)")
            return text
        }
        let refusals = verdict.refusals.map { "refused:" + name($0) }
        let notes = verdict.notes.map { note in
            if case .anotherDatabase = note { return "note:anotherDatabase" }
            return "note:" + name(note)
        }
        return
            (verdict.removed.map { "-\($0)" } + verdict.forgotten.map { "?\($0)" } + verdict.recorded.map { "+\($0)" }
            + verdict.accepted.map { "=\($0)" } + verdict.dropped.map { "drop:\($0)" } + verdict.rebuilt.map { "#\($0)" } + refusals + notes)
            .joined(separator: " ")
    }

    private static func invalid(_ fact: CatalogFact) -> CatalogFact { CatalogFact(.index, fact.object, fact.text + " invalid") }

    private static let foreignIndex = CatalogFact(.index, "public.mine", "CREATE INDEX mine ON public.a USING btree (x) invalid")
    private static let leftover = CatalogFact(.index, "public.a_x_ccnew1", "CREATE INDEX a_x_ccnew1 ON public.a USING btree (x) invalid")
    private static let view = CatalogFact(.view, "public.dashboard", "() as SELECT 1")
    private static let grant = CatalogFact(.privilege, "public.a", "table: another role SELECT; owner SELECT")

    static let databases: [Database] = [
        // Nothing is wrong.
        Database(name: "up to date", ledger: Array(1...10), catalogue: 10, result: ""),
        Database(name: "an older version", ledger: Array(1...5), catalogue: 5, result: ""),
        Database(name: "a version that changed only rows", ledger: Array(1...6), catalogue: 6, result: ""),
        Database(name: "before a version that changes only rows", ledger: Array(1...5), catalogue: 6, result: ""),
        Database(name: "new and empty", ledger: nil, catalogue: 0, result: ""),
        Database(name: "empty with an empty ledger", ledger: [], catalogue: 0, result: ""),
        Database(name: "objects and rights of an operator", ledger: Array(1...5), catalogue: 5, extra: [view, grant], result: ""),
        // No ledger.
        Database(name: "objects without a ledger", ledger: nil, catalogue: 4, result: "refused:noLedger"),
        Database(name: "objects with an empty ledger", ledger: [], catalogue: 4, result: "refused:noLedger"),
        Database(name: "objects of another app", ledger: nil, catalogue: 0, extra: [view], result: "refused:noLedger"),
        Database(name: "ledger of another app", ledger: [77], catalogue: 0, result: "refused:anotherApp"),
        // The ledger says less: killed beside a statement without a transaction, or a ledger of an older dump.
        Database(name: "killed before the row", ledger: [1, 2, 3], catalogue: 4, result: "refused:equalsSeveral"),
        Database(name: "killed before the row of the newest", ledger: Array(1...9), catalogue: 10, result: "+10"),
        Database(name: "ledger of an older dump", ledger: [1, 2], catalogue: 10, result: "+3 +4 +5 +6 +7 +8 +9 +10"),
        Database(name: "ledger of an older dump, schema of several", ledger: [1, 2], catalogue: 5, result: "refused:equalsSeveral"),
        Database(name: "the same, with a version", ledger: [1, 2], catalogue: 5, at: 6, result: "+3 +4 +5 +6"),
        Database(name: "the same, with the older of both", ledger: [1, 2], catalogue: 5, at: 5, result: "+3 +4 +5"),
        Database(name: "the same, with another version", ledger: [1, 2], catalogue: 5, at: 8, result: "refused:isNotAt"),
        // The ledger says more: restored in part.
        Database(name: "tables of an older dump", ledger: Array(1...10), catalogue: 1, result: "-2 -3 -4 -5 -6 -7 -8 -9 -10"),
        Database(name: "tables of an older dump, schema of several", ledger: Array(1...10), catalogue: 2, result: "refused:equalsSeveral"),
        Database(name: "the same, with a version", ledger: Array(1...10), catalogue: 2, at: 3, result: "-4 -5 -6 -7 -8 -9 -10"),
        Database(name: "ledger without tables", ledger: [1, 2], catalogue: 0, result: "-1 -2"),
        Database(name: "ledger without tables, with a version", ledger: [1, 2], catalogue: 0, at: 2, result: "refused:isNotAt"),
        Database(
            name: "ledger with the tables of another app",
            ledger: [1, 2],
            catalogue: 0,
            extra: [view],
            result: "refused:equalsNoVersion"
        ),
        // Gaps.
        Database(name: "a gap that left a trace", ledger: [1, 2, 3, 5, 6, 7, 8, 9, 10], catalogue: 10, result: "+4"),
        Database(
            name: "a gap of rows only",
            ledger: [1, 2, 4, 5, 6, 7, 8, 9, 10],
            catalogue: 10,
            result: "+3 refused:leavesNoTrace"
        ),
        Database(name: "the same, with a version", ledger: [1, 2, 4, 5, 6, 7, 8, 9, 10], catalogue: 10, at: 10, result: "+3"),
        Database(
            name: "a gap whose trace went again",
            ledger: [1, 2, 3, 4, 6, 7, 8, 9, 10],
            catalogue: 10,
            result: "+5 refused:leavesNoTrace"
        ),
        Database(name: "a gap whose removal shows", ledger: [1, 2, 3, 4, 5, 6, 8], catalogue: 8, result: "+7"),
        Database(
            name: "a gap that was never applied",
            ledger: [1, 2, 3, 5, 6],
            catalogue: 6,
            missing: [index],
            result: "refused:equalsNoVersion"
        ),
        // Versions without a file.
        Database(name: "a vanished file that changed rows", ledger: [1, 2, 3, 4, 44], catalogue: 4, result: "refused:newerThanSet"),
        Database(name: "the same, named", ledger: [1, 2, 3, 4, 44], catalogue: 4, forgotten: [44], result: "?44"),
        Database(
            name: "the same, accepted by the fleet file",
            ledger: [1, 44],
            catalogue: 1,
            acceptsUnknown: true,
            result: "note:acceptedUnknown"
        ),
        Database(name: "a vanished older file that changed rows", ledger: [0, 1, 2], catalogue: 2, result: "?0"),
        Database(
            name: "a vanished file that made an object",
            ledger: [0, 1, 2],
            catalogue: 2,
            extra: [view],
            result: "refused:mayHaveChangedTheSchema"
        ),
        Database(
            name: "a vanished file that changed an object",
            ledger: [0, 1],
            catalogue: 1,
            extra: [CatalogFact(.column, "public.a.x", "int")],
            result: "refused:equalsNoVersion"
        ),
        Database(
            name: "a vanished file and a restored ledger",
            ledger: [0, 1],
            catalogue: 10,
            result: "+2 +3 +4 +5 +6 +7 +8 +9 +10 refused:unknownAndContradicted"
        ),
        // Edited files.
        Database(name: "an edited file", ledger: [1, 2], catalogue: 2, edited: [1], result: "note:edited"),
        Database(
            name: "an edited file of a strict instance",
            ledger: [1, 2],
            catalogue: 2,
            edited: [1],
            isStrict: true,
            result: "refused:edited"
        ),
        Database(name: "an accepted edit", ledger: [1, 2], catalogue: 2, edited: [1, 2], acceptedEdits: [1], result: "=1 note:edited"),
        Database(name: "an accepted edit of another version", ledger: [1, 2], catalogue: 2, acceptedEdits: [1], result: ""),
        Database(
            name: "an edited file whose row goes",
            ledger: Array(1...10),
            catalogue: 1,
            edited: [5],
            acceptedEdits: [5],
            result: "-2 -3 -4 -5 -6 -7 -8 -9 -10"
        ),
        // Indexes.
        Database(
            name: "an invalid index",
            ledger: Array(1...5),
            catalogue: 5,
            extra: [invalid(index)],
            missing: [index],
            result: "#public.a_x"
        ),
        Database(
            name: "an invalid index with what a rebuild left",
            ledger: Array(1...5),
            catalogue: 5,
            extra: [invalid(index), leftover],
            missing: [index],
            result: "drop:public.a_x_ccnew1 #public.a_x"
        ),
        Database(
            name: "what a rebuild left of a valid index",
            ledger: Array(1...5),
            catalogue: 5,
            extra: [leftover],
            result: "note:foreignIndexes"
        ),
        Database(
            name: "an invalid index of an operator",
            ledger: Array(1...5),
            catalogue: 5,
            extra: [foreignIndex],
            result: "note:foreignIndexes"
        ),
        Database(
            name: "an invalid index of a pending migration",
            ledger: Array(1...9),
            catalogue: 9,
            extra: [invalid(pendingIndex)],
            result: "note:pendingIndexes"
        ),
        Database(
            name: "killed while an index was built, and a restored ledger",
            ledger: Array(1...8),
            catalogue: 1,
            extra: [invalid(pendingIndex)],
            result: "-2 -3 -4 -5 -6 -7 -8 note:pendingIndexes"
        ),
        Database(
            name: "an invalid index with another definition",
            ledger: Array(1...5),
            catalogue: 5,
            extra: [CatalogFact(.index, "public.a_x", "CREATE INDEX a_x ON public.a USING btree (id) invalid")],
            missing: [index],
            result: "refused:equalsNoVersion note:foreignIndexes"
        ),
        Database(
            name: "a missing index",
            ledger: Array(1...5),
            catalogue: 5,
            missing: [index],
            result: "refused:equalsNoVersion"
        ),
        // Another database.
        Database(name: "cloned", ledger: [1, 2], catalogue: 2, isOfAnotherDatabase: true, result: "note:anotherDatabase"),
        Database(
            name: "drifted",
            ledger: [1, 2],
            catalogue: 2,
            extra: [CatalogFact(.column, "public.a.x", "integer")],
            missing: [CatalogFact(.column, "public.a.x", "text")],
            result: "refused:equalsNoVersion"
        ),
        // The newest column was dropped by hand: what is left is the version before.
        Database(name: "a column that was dropped", ledger: [1, 2], catalogue: 1, result: "-2"),
        Database(
            name: "a column that was renamed",
            ledger: [1, 2],
            catalogue: 1,
            extra: renamed,
            missing: oldest,
            result: "-2 refused:mayBeRenamed"
        ),
        Database(name: "the same, with a version", ledger: [1, 2], catalogue: 1, extra: renamed, missing: oldest, at: 1, result: "-2"),
        Database(
            name: "a vanished file beside an invalid index of nobody",
            ledger: [0, 1, 2],
            catalogue: 2,
            extra: [foreignIndex],
            result: "refused:mayHaveChangedTheSchema note:foreignIndexes"
        ),
    ]

    private static let renamed = [CatalogFact(.column, "public.a.z", "text"), CatalogFact(.table, "public.a", "(id, z)")]
    private static let oldest = [CatalogFact(.table, "public.a", "(id)")]

    @Test(arguments: databases)
    func eachStateIsRepairedOrRefused(_ database: Database) {
        #expect(Self.summary(database.verdict) == database.result)
    }

    /// What is repaired needs no second repair.
    @Test(arguments: databases)
    func aSecondRepairFindsNothing(_ database: Database) {
        let verdict = database.verdict
        guard verdict.refusals.isEmpty, !verdict.isEmpty else { return }
        var again = database
        let gone = Set(verdict.removed + verdict.forgotten)
        let rows = Set((database.ledger ?? []).map { MigrationVersion($0) }).subtracting(gone).union(verdict.recorded)
        again.ledger = rows.sorted().compactMap { Int64($0.description) }
        again.edited.removeAll { verdict.accepted.contains(MigrationVersion($0)) || gone.contains(MigrationVersion($0)) }
        if !verdict.rebuilt.isEmpty {
            again.extra.removeAll { verdict.rebuilt.contains($0.object) || verdict.dropped.contains($0.object) }
            again.missing.removeAll { verdict.rebuilt.contains($0.object) }
        }
        #expect(again.verdict.isEmpty)
        #expect(again.verdict.refusals == [])
        #expect(again.verdict.fingerprint == verdict.repairedFingerprint)
    }

    /// Each refusal says what to do instead, and neither it nor a note ends with a full stop.
    @Test func everyRefusalHasWords() {
        let verdicts = Self.databases.map(\.verdict)
        for refusal in verdicts.flatMap(\.refusals) {
            #expect(!refusal.message.isEmpty && !refusal.message.hasSuffix("."))
            #expect(!refusal.hint.isEmpty && !refusal.hint.hasSuffix("."))
        }
        #expect(Set(verdicts.flatMap(\.refusals).map { Mirror(reflecting: $0).children.first?.label ?? "\($0)" }).count == 11)
        for note in verdicts.flatMap(\.notes) { #expect(!note.description.hasSuffix(".")) }
    }

    @Test func theNearestVersionIsNamed() throws {
        let database = try #require(Self.databases.first { $0.name == "drifted" })
        #expect(
            database.verdict.refusals.map(\.message)
                == ["the schema is not that of any version; the nearest is 3, from which 1 object differs: different column public.a.x"]
        )
    }
}
