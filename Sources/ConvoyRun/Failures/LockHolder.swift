package import ConvoyText

/// The holder of a lock that an instance needs, as far as it was proved: the server itself named it, or it holds a conflicting lock on the
/// very object that was waited for.
public struct LockHolder: Sendable, Hashable, Codable {
    /// What holds the lock.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A client's session.
        case session
        /// A transaction that was prepared and not finished; no process holds it.
        case preparedTransaction = "prepared-transaction"
        /// An autovacuum worker.
        case autovacuum
        /// A parallel worker of another session's statement.
        case parallelWorker = "parallel-worker"
        /// A walsender, or a worker of logical replication.
        case replication
        /// Another process of the server.
        case background
        /// A process of another role, of which this role may not see what it is.
        case hidden
    }

    /// The server process; 0 for a prepared transaction.
    public var pid: Int32
    /// Its `application_name`; empty if it set none.
    public var application: String
    /// Its client address; nil on a Unix socket, or if the role may not see it.
    public var address: String?
    /// When its session began, or the transaction was prepared, RFC 3339 UTC; nil if the role may not see it.
    public var since: String?
    /// Nil in journals of older programs.
    public var kind: Kind?
    /// The role that it works as; nil if it has no role.
    public var role: String?
    /// The name under which the transaction was prepared.
    public var transaction: String?
    /// Whether the instance's own role may end it.
    package var mayBeEnded = false

    private enum CodingKeys: String, CodingKey {
        case pid, application, address, since, kind, role, transaction
    }

    /// A holder as the server reports it.
    public init(
        pid: Int32,
        application: String,
        address: String?,
        since: String?,
        kind: Kind? = nil,
        role: String? = nil,
        transaction: String? = nil
    ) {
        self.pid = pid
        self.application = application
        self.address = address
        self.since = since
        self.kind = kind
        self.role = role
        self.transaction = transaction
    }
}

extension LockHolder: CustomStringConvertible {
    /// The holder in words, for example `process 4711 (psql) from 10.0.0.5`.
    public var description: String {
        switch kind {
        case .preparedTransaction:
            var description = "the prepared transaction \(transaction ?? "?")"
            if let since { description += ", prepared \(since)" }
            if let role { description += " by \(role)" }
            return description
        case .autovacuum: return "autovacuum (process \(pid))"
        case .replication: return "replication (process \(pid)\(facts))"
        case .background: return "a process of the server itself (\(pid)\(facts))"
        case .parallelWorker: return "a parallel worker (process \(pid)\(facts))"
        case .hidden:
            return "process \(pid)\(application.isEmpty ? "" : " (\(application))") of \(role.map { "role \($0)" } ?? "another role")"
        case .session, nil:
            var description = "process \(pid)"
            if !application.isEmpty { description += " (\(application))" }
            if let address { description += " from \(address)" }
            if let since { description += ", connected since \(since)" }
            return description
        }
    }

    private var facts: String { application.isEmpty ? "" : ", \(application)" }
}

extension LockHolder {
    /// Journals and readers from before `kind` see what they know.
    package var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("pid", .integer(Int(pid))), ("application", .string(application)), ("address", .optional(address)),
            ("since", .optional(since)),
        ]
        if let kind {
            members += [("kind", .string(kind.rawValue)), ("role", .optional(role)), ("transaction", .optional(transaction))]
        }
        return .object(.init(members))
    }
}
