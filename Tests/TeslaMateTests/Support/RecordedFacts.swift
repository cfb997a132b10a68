import ConvoyMigrations
import FoundationEssentials
import TestSupport
import Testing

/// What TeslaMate's own migrator was seen to do: the folder `Facts`, read once.
struct RecordedFacts: Sendable {
    /// All that a test may ask for; tests that cannot read it fail with the reason.
    static let all = Result { try RecordedFacts(folder: "\(repositoryRoot)/Tests/TeslaMateTests/Facts") }

    /// In order.
    let versions: [MigrationVersion]
    /// The catalogue at the newest version, as recorded in one piece.
    let newest: CatalogFacts
    /// What going down from each version gives.
    let downs: [MigrationVersion: RecordedDown]
    /// In the order of their names.
    let cases: [MigrationCase]
    private let catalogues: [MigrationVersion: CatalogFacts]

    private init(folder: String) throws {
        let deltas = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/schema").filter { $0.hasSuffix(".delta") }.sorted()
        var catalogues: [MigrationVersion: CatalogFacts] = [:]
        var catalogue = CatalogFacts()
        versions = try deltas.map { name in
            let version = try #require(MigrationVersion(name.dropLast(".delta".count)), "\(name) is not named by a version")
            try catalogue.apply(delta: text(of: "\(folder)/schema/\(name)"), named: name)
            catalogues[version] = catalogue
            return version
        }
        self.catalogues = catalogues
        newest = CatalogFacts(lines: Set(try text(of: "\(folder)/schema/final.facts").split(separator: "\n").map(String.init)))
        downs = try RecordedDown.read(CSVTable(try text(of: "\(folder)/down.csv")))
        cases = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/cases").sorted().map { name in
            try MigrationCase(folder: "\(folder)/cases/\(name)", name: name)
        }
    }

    /// The catalogue at a version; the empty one before the first.
    func catalogue(at version: MigrationVersion?) throws -> CatalogFacts {
        guard let version else { return CatalogFacts(lines: ["schema public"]) }
        return try #require(catalogues[version], "there are no facts about \(version)")
    }

    /// The version before another; nil for the first.
    func predecessor(of version: MigrationVersion) -> MigrationVersion? { versions.last { $0 < version } }

    func migrationCase(named name: String) throws -> MigrationCase {
        try #require(cases.first { $0.name == name }, "there is no case \(name)")
    }
}

/// What TeslaMate's way down from a version gives.
enum RecordedDown: String, Sendable {
    /// The catalogue of the version before.
    case exact
    /// The same but for the order of columns.
    case columnOrder = "column-order"
    /// No change.
    case nothing
    /// Something else.
    case differs
    /// It refuses.
    case irreversible

    fileprivate static func read(_ table: CSVTable) throws -> [MigrationVersion: RecordedDown] {
        var downs: [MigrationVersion: RecordedDown] = [:]
        for row in table.rows {
            let version = try #require(row[0].flatMap { MigrationVersion($0) })
            let down: RecordedDown = try #require(row[1].flatMap(RecordedDown.init), "down.csv says something new of \(version)")
            downs[version] = down
        }
        return downs
    }
}

/// A migration as the argument of a test, so that the test's output names it.
struct MigrationArgument: Sendable, CustomTestStringConvertible {
    /// Every migration that there are facts about. A test of its own sees to it that this is not empty.
    static let all: [MigrationArgument] = {
        let versions = (try? RecordedFacts.all.get().versions) ?? []
        let set = try? teslaMateSet.get()
        return versions.map { MigrationArgument(version: $0, testDescription: "\($0)_\(set?[$0]?.name ?? "missing")") }
    }()

    let version: MigrationVersion
    let testDescription: String
}

/// The repository's own migration set, without its checkpoints: an empty database goes through each migration.
let teslaMateSet = Result {
    try MigrationSet.load(directory: "\(repositoryRoot)/Migrations", displayedAs: "Migrations").having(checkpoints: [])
}

/// A whole text file.
func text(of path: String) throws -> String {
    let data = try #require(FileManager.default.contents(atPath: path), "cannot read \(path)")
    return String(decoding: data, as: UTF8.self)
}
