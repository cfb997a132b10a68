import ConvoyText

/// What is known of the wait of an instance besides its reason.
public struct WaitFacts: Sendable, Hashable {
    /// The sessions and transactions that hold the lock, as the server named them; empty if they are not known, or if no lock is waited for.
    public var blockers: [LockHolder]
    /// The statement of the migration that waits, cut as that of a ``Failure``; nil if that is not known, or if no statement waits.
    public private(set) var statement: String?
    /// The line of the migration's file on which the statement begins.
    public private(set) var line: Int?

    /// Facts of a wait; without arguments nothing is known.
    public init(blockers: [LockHolder] = [], statement: String? = nil, line: Int? = nil) {
        self.blockers = Array(blockers.prefix(Self.blockerLimit))
        self.statement = statement.map { StatementCut($0, position: nil).text }
        self.line = line
    }

    /// How many holders a wait names at most.
    private static let blockerLimit = 5
}

extension WaitFacts {
    /// The members of an event that has them: only what is known.
    var members: [(String, JSONValue)] {
        (blockers.isEmpty ? [] : [("blockers", .array(blockers.map(\.json)))])
            + (statement.map { [("statement", .string($0))] } ?? []) + (line.map { [("line", .integer($0))] } ?? [])
    }
}
