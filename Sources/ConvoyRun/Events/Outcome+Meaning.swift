extension Outcome {
    /// What the outcome says, in one line without a full stop; the documentation and `convoy explain` show it.
    package var meaning: String {
        switch self {
        case .upToDate: "nothing was pending"
        case .migrated: "every pending migration was applied"
        case .rolledBack: "every migration above the target was reverted"
        case .pending: "not started, or (in `status`) not at the newest version"
        case .failed: "a migration failed and was rolled back, or a hook failed; the migrations before it stand"
        case .lockBusy: "another session held a lock for too long"
        case .unreachable: "no session could be opened: host, port, TLS, password or the server itself"
        case .unprovisioned: "the database does not exist, or it has tables and no ledger"
        case .ahead: "the ledger has versions that the migration set does not know"
        case .edited: "the file of an applied migration was changed since (with `strict`, or under `status --check`)"
        case .outOfOrder: "a pending version is older than the newest applied one (with `out_of_order: refuse`)"
        case .blocked: "Convoy found beforehand why it would fail; nothing was changed"
        case .checkFailed: "a health check of the migrated instance failed"
        case .interrupted: "the operator cancelled it; what was not committed was rolled back"
        case .unknown: "a connection was lost at a COMMIT, or no standby confirmed it"
        case .skipped: "the fleet file skips the instance, and says why; Convoy did not connect to it"
        case .adopted: "`baseline` wrote the ledger of a database that had none"
        case .repaired: "`repair` corrected the ledger, the audit log or indexes"
        }
    }

    /// How stop rules, `on_failure` and the exit code take the outcome.
    package var weight: String {
        if isGood { return "it is well: stop rules do not count it, and the exit code can be 0" }
        if self == .ahead {
            return
                "it is a failure, unless the fleet file has `accept: [ahead]`: stop rules and `on_failure` count it, and the exit code is not 0"
        }
        if isFailure { return "it is a failure: stop rules and `on_failure` count it, and the exit code is not 0" }
        return "it is not well, but no failure of the migration: `on_failure` and the stop rules for failures do not count it"
    }
}
