import ConvoyMigrations
import ConvoyText
import TestSupport
import Testing

@testable import ConvoyCatalog

/// Recognising a version from a catalogue, with the catalogues of the repository's own set.
struct CatalogRecognitionTests {
    private static let set = Result { try MigrationSet.load(directory: "\(repositoryRoot)/Migrations", displayedAs: "Migrations") }
    private static let expected = Result {
        try ExpectedCatalogs.load(
            of: try set.get().migrations.map(\.version),
            directory: "\(repositoryRoot)/Migrations",
            displayedAs: "Migrations"
        )
    }

    /// Each version against every other: it is among those that are named, and those have its catalogue.
    @Test func everyVersionIsRecognised() throws {
        let expected = try Self.expected.get()
        let recognition = CatalogRecognition(expected)
        var found: Set<[MigrationVersion]> = []
        for version in expected.versions {
            let catalog = try #require(expected[version])
            guard case .versions(let alike) = recognition.verdict(on: catalog) else {
                Issue.record("\(version) is not recognised")
                continue
            }
            found.insert(alike)
            for other in expected.versions {
                let wanted = try #require(expected[other])
                #expect(
                    alike.contains(other) == catalog.differences(from: wanted, in: .ofTheSet(expected)).isEmpty,
                    "\(version) beside \(other)"
                )
            }
        }
        #expect(expected.versions.count == 105)
        #expect(found.count == 90)
        #expect(recognition.alike.flatMap(\.self).count == 29 && recognition.alike.count == 14)
    }

    /// What does not count: other schemas, bodies of functions, privileges and comments.
    @Test func whatDoesNotCount() throws {
        let expected = try Self.expected.get()
        let newest = try #require(expected.versions.last)
        let catalog = try #require(expected[newest])
        var facts = Set(
            catalog.facts.map { fact in
                var fact = fact
                if !fact.detail.isEmpty { fact.detail = "another body" }
                return fact
            }
        )
        facts.formUnion([
            CatalogFact(.schema, "mine"), CatalogFact(.table, "mine.cars", "(id)"), CatalogFact(.column, "mine.cars.id", "bigint"),
            CatalogFact(.privilege, "public.cars", "table: grafana SELECT; owner SELECT"),
            CatalogFact(.comment, "public.cars", "table: mine"),
        ])
        guard case .versions(let alike) = CatalogRecognition(expected).verdict(on: Catalog(facts)) else {
            Issue.record("not recognised")
            return
        }
        #expect(alike.last == newest)
    }

    @Test(arguments: [20, 60, 104])
    func whatIsNoVersionHasANearest(_ index: Int) throws {
        let expected = try Self.expected.get()
        let version = expected.versions[index]
        let catalog = try #require(expected[version])
        let column = try #require(catalog.sorted.last { $0.kind == .column })
        let extra = CatalogFact(.table, "public.notes", "(id)")
        let verdict = CatalogRecognition(expected).verdict(on: Catalog(catalog.facts.subtracting([column]).union([extra])))
        guard case .none(let nearest, let differences) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(expected[nearest] == expected[version] || nearest == version, "\(nearest)")
        #expect(differences.map { "\($0.change.rawValue) \($0.object)" } == ["extra public.notes", "missing \(column.object)"])
    }

    @Test func anEmptyDatabaseIsNoVersion() throws {
        let recognition = CatalogRecognition(try Self.expected.get())
        #expect(recognition.verdict(on: Catalog([])) == .empty)
        #expect(recognition.verdict(on: Catalog([CatalogFact(.schema, "public"), CatalogFact(.comment, "public", "schema: x")])) == .empty)
        #expect(CatalogRecognition(ExpectedCatalogs([:])).verdict(on: Catalog([CatalogFact(.table, "public.t", "()")])) == .empty)
    }

    // MARK: - Which of several

    /// Every group of the set. A migration without a statement is neither missing nor run twice; one that changes rows is a person's decision.
    @Test func whichOfTheVersionsIsProposed() throws {
        let set = try Self.set.get()
        let repeatable = try RepeatableVersions.load(in: set, directory: "\(repositoryRoot)/Migrations", displayedAs: "Migrations")
        let choices = CatalogRecognition(try Self.expected.get()).alike.map { alike in
            let choice = VersionChoice(among: alike, in: set, repeatable: repeatable)
            return "\(alike.map(\.description).joined(separator: " ")): \(choice.proposed?.description ?? "-")"
        }
        #expect(
            choices == [
                "20190729142656 20190729181314: -",
                "20190731154452 20190805092941: 20190805092941",
                "20190812191616 20190813184320: 20190813184320",
                "20190823173437 20190826142828: 20190826142828",
                "20190913175011 20190913175543: 20190913175011",
                "20191003130650 20191003132415: 20191003130650",
                "20191007105010 20191008191431: 20191007105010",
                "20191026145925 20191026185642: 20191026145925",
                "20191212215130 20191212230527: 20191212215130",
                "20200212001245 20200216121330: 20200212001245",
                "20200302100654 20200306130218: 20200302100654",
                "20200401171402 20200401171923: -",
                "20240915193446 20240929084639 20250407155134: -",
                "20260807090000 20260808090000: 20260807090000",
            ]
        )
    }

    @Test(
        arguments: [
            ("-- Nothing to do.", .nothing), ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';", .sameCatalogue),
            ("alter table t alter column c set default 'x';", .sameCatalogue), ("COMMENT ON TABLE t IS 'x';", .sameCatalogue),
            ("ALTER EXTENSION cube UPDATE;", .sameCatalogue), ("ALTER EXTENSION cube SET SCHEMA public;", .unknown),
            ("ALTER TABLE t ALTER COLUMN c SET DEFAULT 'x', DROP COLUMN d;", .unknown), ("UPDATE t SET c = 1;", .unknown),
            ("COMMENT ON TABLE t IS 'x';\nDELETE FROM t;", .unknown), ("ALTER TABLE t DROP COLUMN c;", .unknown),
            ("SELECT f();", .unknown), ("-- convoy:step look", .unknown),
        ] as [(String, MigrationSection.Repetition)]
    )
    func whatASecondRunDoes(_ up: String, _ repetition: MigrationSection.Repetition) throws {
        let set = try migrationSet([(1, migrationText("CREATE TABLE t (c text);")), (2, migrationText(up))])
        #expect(set.migrations[1].up.repetition == repetition)
        let choice = VersionChoice(among: set.migrations.map(\.version), in: set, repeatable: RepeatableVersions())
        #expect(choice.proposed?.value == [.nothing: 2, .sameCatalogue: 1][repetition])
        #expect(choice.inDoubt.map(\.value) == (repetition == .unknown ? [2] : []))
        // What the author says may run twice.
        let known = VersionChoice(
            among: set.migrations.map(\.version),
            in: set,
            repeatable: RepeatableVersions([MigrationVersion(2)])
        )
        #expect(known.proposed?.value == (repetition == .nothing ? 2 : 1) && known.inDoubt == [])
    }

    @Test(
        arguments: [
            ("version,reason\n2,it computes, anew\n", [2], []), ("", [], []), ("version\n", [], [1]),
            ("version,reason\nx,y\n9,y\n2\n2,\n", [], [2, 3, 4, 5, 5]),
        ] as [(String, [Int64], [Int])]
    )
    func whatTheAuthorSays(_ text: String, _ versions: [Int64], _ lines: [Int]) async throws {
        let set = try migrationSet([(1, migrationText("CREATE TABLE t (c text);")), (2, migrationText("UPDATE t SET c = 'x';"))])
        try await withTemporaryFolder(files: ["catalogue/repeatable.csv": text]) { folder in
            var (found, problems): ([MigrationVersion], [Problem]) = ([], [])
            do throws(Problems) {
                found = try RepeatableVersions.load(in: set, directory: folder, displayedAs: "Migrations").versions.sorted()
            } catch {
                problems = error.problems
            }
            #expect(found.map(\.value) == versions)
            #expect(problems.compactMap(\.line) == lines)
            #expect(problems.allSatisfy { $0.file == "Migrations/catalogue/repeatable.csv" && $0.hint != nil })
        }
        try await withTemporaryFolder { folder in
            let none = try RepeatableVersions.load(in: set, directory: folder, displayedAs: "Migrations")
            #expect(none.versions == [])
        }
    }
}
