import ConvoyMigrations
import ConvoyText
import Foundation
import TestSupport
import Testing

@testable import ConvoyCatalog

/// The files of the expected catalogues: written, read, and damaged in every way.
struct ExpectedCatalogsTests {
    private static let hostile = "x\ty\\n\r\n\u{1B}[2J … '\""

    private static let catalogs = ExpectedCatalogs([
        MigrationVersion(1): Catalog([CatalogFact(.schema, "public"), CatalogFact(.table, "public.cars", "(id)")]),
        MigrationVersion(2): Catalog([
            CatalogFact(.schema, "public"), CatalogFact(.table, "public.cars", "(id, name)"),
            CatalogFact(.function, "public.f()", hostile, detail: "\n" + hostile),
        ]),
        MigrationVersion(3): Catalog([CatalogFact(.schema, "public")]),
    ])

    private func withSet(_ body: (_ folder: String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try Self.catalogs.write(into: folder)
            try await body(folder)
        }
    }

    private func load(_ folder: String) throws(Problems) -> ExpectedCatalogs {
        try ExpectedCatalogs.load(of: [1, 2, 3].map(MigrationVersion.init), directory: folder, displayedAs: "Migrations")
    }

    /// The problems, one line each, without their hints.
    private func problems(_ folder: String) -> [String] {
        do throws(Problems) {
            _ = try load(folder)
            return []
        } catch {
            return error.problems.map { $0.file + ($0.line.map { ":\($0)" } ?? "") + ": " + $0.message }
        }
    }

    @Test func whatIsWrittenIsRead() async throws {
        try await withSet { folder in
            let read = try load(folder)
            #expect(read.versions == [1, 2, 3].map(MigrationVersion.init))
            for version in read.versions { #expect(read[version] == Self.catalogs[version]) }
            #expect(read.schemas == ["public"])
            #expect(ExpectedCatalogs.describedVersions(in: folder).sorted() == read.versions)
            #expect(read[MigrationVersion(4)] == nil)
            #expect(
                try String(contentsOfFile: "\(folder)/catalogue/2.facts", encoding: .utf8).split(separator: "\n").map { $0.prefix(26) }
                    == [
                        "# convoy catalogue 1: 3 fa", "- table\tpublic.cars\t(id)", "+ table\tpublic.cars\t(id, n",
                        "+ function\tpublic.f()\tx\\ty",
                    ]
            )
        }
    }

    @Test func aFileTooManyGoes() async throws {
        try await withSet { folder in
            try writeFile("\(folder)/catalogue/4.facts", "old")
            #expect(problems(folder) == ["Migrations/catalogue/4.facts: the migration set has no migration of this version"])
            try Self.catalogs.write(into: folder)
            #expect(problems(folder) == [])
        }
    }

    @Test func aFolderOrAFileThatIsMissing() async throws {
        try await withSet { folder in
            try FileManager.default.removeItem(atPath: "\(folder)/catalogue/2.facts")
            #expect(problems(folder) == ["Migrations/catalogue/2.facts: the file does not exist"])
            try FileManager.default.removeItem(atPath: "\(folder)/catalogue")
            #expect(problems(folder) == ["Migrations/catalogue: the migration set has no catalogue of its versions"])
        }
    }

    @Test(arguments: [
        ("(id, name)", "(id, nome)", "2.facts:1: the facts do not give this fingerprint: this file or an earlier one was edited"),
        ("3 facts", "4 facts", "2.facts:1: the facts do not give this fingerprint: this file or an earlier one was edited"),
        (
            "- table\tpublic.cars\t(id)", "- table\tpublic.cars\t(ie)",
            "2.facts:2: the version before it does not have this line: this file or an earlier one was edited or is missing"
        ),
        ("- table\tpublic.cars\t(id)\n", "+ schema\tpublic\t\n", "2.facts:2: the version before it has this line already"),
        ("+ table\t", "+ tables\t", "2.facts:3: this is not a fact of a catalogue"),
        ("+ table\t", "* table\t", "2.facts:3: a line begins with “- ” or, behind those, with “+ ”"),
        ("\\\\n", "\\q", "2.facts:4: this is not a fact of a catalogue"),
        ("# convoy catalogue 1: ", "# convoy catalogue 2: ", "2.facts:1: this is not the first line of a catalogue"),
    ])
    func anEditedFileIsNamedWithItsLine(text: String, edited: String, problem: String) async throws {
        try await withSet { folder in
            let path = "\(folder)/catalogue/2.facts"
            let before = try String(contentsOfFile: path, encoding: .utf8)
            let after = before.replacingOccurrences(of: text, with: edited)
            try #require(before != after)
            try writeFile(path, after)
            #expect(problems(folder) == ["Migrations/catalogue/\(problem)"])
        }
    }

    @Test func aFileThatIsNotText() async throws {
        try await withSet { folder in
            try Data([0xFF, 0xFE]).write(to: URL(fileURLWithPath: "\(folder)/catalogue/1.facts"))
            #expect(problems(folder) == ["Migrations/catalogue/1.facts: the file is not UTF-8 text"])
        }
    }

    @Test func theFolderIsNoPartOfTheSet() async throws {
        let files = ["1_a.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n"]
        try await withTemporaryFolder(files: files) { folder in
            let before = try MigrationSet.load(directory: folder, displayedAs: "M")
            try ExpectedCatalogs([MigrationVersion(1): Catalog([])]).write(into: folder)
            let after = try MigrationSet.load(directory: folder, displayedAs: "M")
            #expect(after.migrations.map(\.checksum) == before.migrations.map(\.checksum))
        }
    }
}
