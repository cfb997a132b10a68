/// Convoy's own statements that come again with each migration: the server parses and plans them once in a session.
struct RepeatedStatements: Sendable, Hashable {
    enum Key: String, Sendable {
        case opening, settings, recording, audit, readBack = "read_back"
    }

    /// Counts the attempts to prepare them in a session: a name is never used twice, since it is not known how far an earlier attempt came.
    let round: Int
    /// False for the migration that prepares them.
    var isPrepared: Bool
    /// What is done with the audit log, which decides on their texts.
    var audit: AuditUse

    /// What a migration does with the audit log.
    enum AuditUse: Sendable, Hashable { case none, writes, writesAndReads }

    func name(_ key: Key) -> String { "convoy_\(key.rawValue)_\(round)" }
}
