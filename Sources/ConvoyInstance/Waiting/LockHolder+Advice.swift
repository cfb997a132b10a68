import ConvoyRun

extension LockHolder {
    /// What makes the lock free, in words and statements that a test has run.
    ///
    /// - Parameter holders: all sessions that block the lock; empty if they are unknown.
    static func advice(on holders: [LockHolder]) -> String {
        guard !holders.isEmpty else {
            return "the holder of the lock is unknown: run the command again later, or raise lock_wait"
        }
        let advice = holders.prefix(3).map(\.advice).joined(separator: "; ")
        let more = holders.count > 3 ? "; and \(holders.count - 3) more" : ""
        return "\(advice)\(more); then run the command again"
    }

    private var advice: String {
        switch kind {
        case .preparedTransaction:
            // A statement is only printed where it can be typed as it is.
            guard let transaction, transaction.unicodeScalars.allSatisfy(\.isPlain) else {
                return "finish the prepared transaction: pg_prepared_xacts shows its name"
            }
            let statement = "ROLLBACK PREPARED \(quotedLiteral(transaction))"
            return
                "finish the prepared transaction: in this database, as its owner\(role.map { " \($0)" } ?? ""): \(statement), or COMMIT PREPARED"
        case .autovacuum:
            return
                "wait until autovacuum finishes the table, or set autovacuum_wait above the server's deadlock_timeout, so that autovacuum yields"
        case .replication: return "wait until replication (process \(pid)) releases it"
        case .background, .parallelWorker: return "wait until process \(pid) finishes"
        case .hidden:
            return
                "wait until process \(pid) finishes, or have \(role.map { "role \($0)" } ?? "its role") or a superuser look it up in pg_stat_activity"
        case .session, nil:
            let statement = "SELECT pg_catalog.pg_terminate_backend(\(pid))"
            guard !mayBeEnded, let role else { return "wait until process \(pid) finishes, or end it: \(statement)" }
            return "wait until process \(pid) finishes, or have a superuser or role \(role) end it: \(statement)"
        }
    }
}

extension Unicode.Scalar {
    /// Whether it is seen as what it is, in any terminal.
    fileprivate var isPlain: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: value == 0x20
        default: true
        }
    }
}

extension Failure {
    /// A lock that was not to be had.
    init(busy message: String, _ holders: [LockHolder]) {
        self.init(.lockBusy, message, hint: LockHolder.advice(on: holders), lockedBy: holders.first)
    }
}
