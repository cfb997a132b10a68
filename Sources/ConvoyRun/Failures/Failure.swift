public import ConvoyMigrations

/// Why an instance did not succeed: what machine output shows as FAILURE. Carries no secret and no row contents.
public struct Failure: Error, Sendable, Hashable {
    /// The outcome that it leads to.
    public var kind: Outcome
    /// The migration at fault.
    public var version: MigrationVersion?
    /// The migration's file.
    public var file: String?
    /// The line in ``file`` of the error position, or else of the statement, counted from 1; nil if that is not known.
    public var line: Int?
    /// The statement, cut to ``statementLimit`` characters; where ``position`` lies behind them, what is around it follows them.
    public internal(set) var statement: String?
    /// Where in ``statement`` the server points, in Unicode code points from 1; nil if the server gave no position.
    public internal(set) var position: Int?
    /// The server's SQLSTATE; nil if the server sent none.
    public var sqlstate: String?
    /// What went wrong.
    public var message: String
    /// More about it, for example the server's DETAIL or the last lines that a hook wrote; nil if there is nothing to add.
    public var detail: String?
    /// What to do next.
    public var hint: String?
    /// The server's HINT. The database's owner may have written it, so that it is never shown as ours.
    public var serverHint: String?
    /// The holder of the lock that was waited for; nil if no lock was waited for, or if the holder is not known.
    public var lockedBy: LockHolder?

    /// How much of a statement a failure keeps, in characters.
    public static let statementLimit = 500

    /// A failure with its outcome, and what is known of its cause. The statement is cut as ``statement`` says.
    public init(
        _ kind: Outcome,
        _ message: String,
        version: MigrationVersion? = nil,
        file: String? = nil,
        line: Int? = nil,
        statement: String? = nil,
        position: Int? = nil,
        sqlstate: String? = nil,
        detail: String? = nil,
        hint: String? = nil,
        serverHint: String? = nil,
        lockedBy: LockHolder? = nil
    ) {
        self.kind = kind
        self.version = version
        self.file = file
        self.line = line
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.serverHint = serverHint
        self.lockedBy = lockedBy
        if let statement { setStatement(statement, position: position) }
    }

    /// Notes the statement at fault, cut as ``statement`` says.
    ///
    /// - Parameter position: where in it the server points, in Unicode code points from 1.
    package mutating func setStatement(_ text: String, position: Int?) {
        let cut = StatementCut(text, position: position)
        (statement, self.position) = (cut.text, cut.position)
    }
}
