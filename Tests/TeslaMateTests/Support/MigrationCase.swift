import ConvoyMigrations
import FoundationEssentials
import TestSupport
import Testing

/// Rows before and after one migration, as TeslaMate's own migrator left them.
struct MigrationCase: Sendable, CustomTestStringConvertible {
    enum Expectation: Sendable, Hashable {
        case success
        /// Nil where TeslaMate refuses in its own code, without a SQLSTATE.
        case refusal(sqlstate: String?)
    }

    /// The folder's name: the version, and where there are several the variant.
    let name: String
    let version: MigrationVersion
    let previousVersion: MigrationVersion
    let up: Expectation
    /// Nil where the case does not go down again.
    let down: Expectation?
    /// What puts the rows there, at the version before.
    let preparation: [String]
    /// What happens between up and down.
    let interlude: [String]
    let before: [RecordedTable]
    let after: [RecordedTable]
    let afterDown: [RecordedTable]
    private let folder: String

    var testDescription: String { name }

    init(folder: String, name: String) throws {
        let description = try decodedJSON(Description.self, text(of: "\(folder)/case.json"))
        self.folder = folder
        self.name = name
        version = try #require(MigrationVersion(description.version))
        previousVersion = try #require(MigrationVersion(description.previousVersion))
        up = description.expect == "ok" ? .success : .refusal(sqlstate: description.sqlstate)
        down = description.down.map { down in
            // “ERROR P0001 (raise_exception) …”
            down.ok ? .success : .refusal(sqlstate: down.error?.split(separator: " ").dropFirst().first.map(String.init))
        }
        preparation = try Self.statements("\(folder)/before.sql")
        interlude = FileManager.default.fileExists(atPath: "\(folder)/mid.sql") ? try Self.statements("\(folder)/mid.sql") : []
        before = try RecordedTable.all(in: "\(folder)/before")
        after = try RecordedTable.all(in: "\(folder)/after")
        afterDown = try RecordedTable.all(in: "\(folder)/after_down")
    }

    /// Another file of the case.
    func file(_ name: String) throws -> String { try text(of: "\(folder)/\(name)") }

    private struct Description: Decodable {
        struct Down: Decodable {
            let ok: Bool
            let error: String?
        }

        let version: String
        let previousVersion: String
        let expect: String
        let sqlstate: String?
        let down: Down?
    }

    /// The statements of a script, split as those of a migration are.
    private static func statements(_ path: String) throws -> [String] {
        let contents = "-- migrate:up\n\(try text(of: path))\n-- migrate:down\n-- convoy:irreversible a script\n"
        let file = MigrationFile(version: MigrationVersion(1), name: "script", path: path, contents: Array(contents.utf8))
        return try file.migration().up.elements.compactMap { element in
            guard case .statement(let statement) = element else { return nil }
            return statement.text
        }
    }
}

/// One table as recorded.
struct RecordedTable: Sendable {
    /// As a query names it, for example `private.tokens`.
    let name: String
    let table: CSVTable

    fileprivate static func all(in folder: String) throws -> [RecordedTable] {
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { file in
            RecordedTable(name: String(file.dropLast(".csv".count)), table: try CSVTable(text(of: "\(folder)/\(file)")))
        }
    }
}

/// Reads JSON with `names_like_this`.
func decodedJSON<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(text.utf8))
}
