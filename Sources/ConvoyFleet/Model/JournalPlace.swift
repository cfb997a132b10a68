package import ConvoyPostgres

/// Where runs are written down.
package enum JournalPlace: Sendable, Hashable {
    /// A SQLite file on this machine.
    case file(String)
    /// A PostgreSQL database that many processes share.
    case control(ConnectionParameters)

    /// For messages: the file's path, or `host:port/database`; never a password.
    package var text: String {
        switch self {
        case .file(let path): path
        case .control(let parameters): parameters.databasePlace
        }
    }

    /// Whether a text is the URL of a database, and not a path.
    package static func isURL(_ text: String) -> Bool { ["postgres://", "postgresql://"].contains(where: text.hasPrefix) }
}
