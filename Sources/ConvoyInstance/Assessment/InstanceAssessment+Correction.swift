import ConvoyMigrations
import ConvoyRun
import ConvoyText

/// What the facts mean for a correction, which was worked out when the plan was made.
extension InstanceAssessment {
    /// Finds out whether a correction is still to be written.
    ///
    /// - Parameter applied: the versions in the ledger; empty if the database has no ledger.
    /// - Returns: why the instance is left as it is.
    mutating func judge(_ change: Change, _ kind: Correction.Kind, _ applied: [MigrationVersion]) -> Failure? {
        guard case .correct(let correction) = change else {
            return Failure(
                .blocked,
                "the database could not be read when the plan was made, so it is not known what to write",
                hint: "run `convoy \(kind.rawValue)` again, which makes a new plan"
            )
        }
        warnings += correction.warnings ?? []
        if let refusal = correction.refusal { return Failure(.blocked, refusal.message, hint: refusal.hint) }
        switch correction.standing(applied) {
        case .done: return nil
        case .due:
            isCorrectionDue = true
            return nil
        case .moved:
            let extra = Set(applied).subtracting(correction.found).sorted()
            let missing = Set(correction.found).subtracting(applied).sorted()
            let parts = [extra.isEmpty ? nil : "it has \(shortList(extra))", missing.isEmpty ? nil : "it lacks \(shortList(missing))"]
            return Failure(
                .blocked,
                "the ledger changed since the plan was made: " + parts.compactMap(\.self).joined(separator: ", and "),
                hint: "another migrator was at work: run `convoy \(kind.rawValue)` again, which makes a new plan"
            )
        }
    }

    /// A new ledger beside tables of another role: the app, which is that role, could not read it.
    static func foreignTables(_ facts: InstanceFacts, _ ledger: Ledger, exists: Bool) -> Failure? {
        guard !exists, let owner = facts.tableOwner, !owner.isIdentical(to: ledger.owner) else { return nil }
        return Failure(
            .blocked,
            "the tables belong to \(owner), and a new ledger would belong to \(ledger.owner): the app could not use it",
            sqlstate: "42501",
            hint: "log in as \(owner), which owns the tables"
        )
    }
}
