import ConvoyMigrations
import Testing

/// Rows or objects that an old database may hold, and what a check says of them.
struct Trouble: Sendable, CustomTestStringConvertible {
    /// The migration that would fail.
    let version: MigrationVersion
    /// The version at which the database stands.
    let origin: MigrationVersion
    /// What the check says, in part; nil where the migration succeeds all the same.
    let reason: String?
    /// How the migration fails where nobody checks before.
    let sqlstate: String?
    private let script: String
    /// Not the owner's doing.
    let isAdministrators: Bool

    var testDescription: String { "\(version) from \(origin): \(reason ?? "harmless: \(script.prefix(60))…")" }

    /// What puts it there.
    var statements: [String] {
        let source = SourceText(path: "trouble", text: script)
        return SQLSplitter(source).compactMap { piece in
            guard case .statement(let statement) = piece else { return nil }
            return source.text(statement.range)
        }
    }

    static func breaks(
        _ version: Int64,
        at origin: Int64,
        _ reason: String,
        _ sqlstate: String?,
        asAdministrator: Bool = false,
        _ script: String
    ) -> Trouble {
        Trouble(
            version: MigrationVersion(version),
            origin: MigrationVersion(origin),
            reason: reason,
            sqlstate: sqlstate,
            script: script,
            isAdministrators: asAdministrator
        )
    }

    static func passes(_ version: Int64, at origin: Int64, _ script: String) -> Trouble {
        Trouble(
            version: MigrationVersion(version),
            origin: MigrationVersion(origin),
            reason: nil,
            sqlstate: nil,
            script: script,
            isAdministrators: false
        )
    }
}
