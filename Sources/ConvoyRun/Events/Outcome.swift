package import ConvoyMigrations

/// How an instance ended in a run, or how `status` finds it. Never only "failed".
public enum Outcome: String, Sendable, Hashable, Codable, CaseIterable {
    /// Nothing was pending.
    case upToDate = "up-to-date"
    /// Every pending migration was applied.
    case migrated
    /// Every migration above the target was reverted.
    case rolledBack = "rolled-back"
    /// Not reached, or not selected, or (in `status`) not at the target yet.
    case pending
    /// A migration failed and was rolled back; what came before it stands.
    case failed
    /// Another session held the instance's advisory lock, or a lock that a migration needs, for too long.
    case lockBusy = "lock-busy"
    /// No session could be had: host, port, TLS, password or the server itself.
    case unreachable
    /// The database does not exist, or it has no ledger and is not empty.
    case unprovisioned
    /// The ledger has versions that the set does not know.
    case ahead
    /// An applied file's checksum differs from the audit log's.
    case edited
    /// A pending version is older than the newest applied one, and the policy refuses that.
    case outOfOrder = "out-of-order"
    /// Preflight found why it would fail; nothing was changed.
    case blocked
    /// A check on the upgraded instance failed.
    case checkFailed = "check-failed"
    /// The operator cancelled it; what it had not committed was rolled back.
    case interrupted
    /// The connection was lost and the database could not be reached again to learn what holds; or what was committed is not confirmed by a
    /// synchronous standby.
    case unknown
    /// The fleet file skips it, and says why: no command connected to it.
    case skipped
    /// The database had no ledger, and has one now.
    case adopted
    /// Ledger or audit log contradicted the database, and were corrected.
    case repaired

    /// Whether an exit code of 0 may follow.
    public var isGood: Bool {
        switch self {
        case .upToDate, .migrated, .rolledBack, .adopted, .repaired, .pending, .skipped: true
        default: false
        }
    }

    /// How an instance ends that was corrected.
    package init(_ kind: Correction.Kind) {
        self =
            switch kind {
            case .baseline: .adopted
            case .repair: .repaired
            }
    }

    /// Whether a resumed run leaves alone what ended so. The others are not known, or not done, and are started again.
    public var isSettled: Bool {
        switch self {
        case .interrupted, .unknown, .pending: false
        default: true
        }
    }

    /// Whether it speaks against the migration, so that stop rules and `on_failure` count it: a host that is down says nothing about the
    /// migration, and an interruption is the operator's doing.
    public var isFailure: Bool { !isGood && self != .unreachable && self != .interrupted }
}
