/// Which of Convoy's repeated statements the server keeps for the migrations of a change.
struct KeptStatements: Sendable, Hashable {
    /// False after a migration has thrown away what its session kept, or taken one of the names: from then on each statement is parsed anew.
    private(set) var areWanted = true
    /// What the present session keeps, or was last asked to keep; nil if it was not asked yet.
    private(set) var present: RepeatedStatements?

    /// The statements of the next migration of a batch. They are parsed once in a session: by the first migration of its first batch.
    ///
    /// - Returns: nil if the server keeps nothing.
    mutating func next(isFirstOfBatch: Bool, audit: RepeatedStatements.AuditUse) -> RepeatedStatements? {
        guard areWanted else { return nil }
        var statements = present ?? RepeatedStatements(round: 0, isPrepared: false, audit: audit)
        if !isFirstOfBatch {
            // The batch's first migration has prepared them by then.
            statements.isPrepared = true
        } else if !statements.isPrepared || statements.audit != audit {
            // The audit log can become writable in the middle of a run, or no longer be.
            statements = RepeatedStatements(round: statements.round + 1, isPrepared: false, audit: audit)
            present = statements
        }
        return statements
    }

    /// A batch has passed the preparations.
    mutating func wasPrepared() { present?.isPrepared = true }

    /// The server no longer had a statement, or had another one of that name.
    mutating func wasThrownAway() { areWanted = false }

    /// Another session keeps nothing yet.
    mutating func sessionChanged() { present = nil }
}
