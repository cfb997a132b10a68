package import ConvoyMigrations
package import ConvoyText
package import FoundationEssentials

/// A database that is behind what the journal or its own audit log knows of it. Whether it was restored from an older backup, or rolled back by
/// another tool, cannot be known, so it is shown as a question; it decides nothing.
package struct Setback: Sendable, Hashable {
    /// What knows of more than the ledger has.
    package enum Witness: Sendable, Hashable {
        /// The journal: the run with this id left the instance at the version.
        case journal(run: String)
        /// The instance's own audit log has the version as applied, by this run where it names one.
        case auditLog(run: String?)
    }

    package var witness: Witness
    /// The newest version that the witness knows and the ledger lacks.
    package var version: MigrationVersion
    /// When the instance had it; nil if that is not known.
    package var recordedAt: Date?
    /// When the first missing migration was committed: a backup that lacks it is older. Nil if that is not known.
    package var backupBefore: Date?
    /// Whether the audit log was written in another database than the one that was probed.
    package var isAnotherDatabase: Bool

    /// A setback from its parts.
    package init(witness: Witness, version: MigrationVersion, recordedAt: Date?, backupBefore: Date?, isAnotherDatabase: Bool) {
        self.witness = witness
        self.version = version
        self.recordedAt = recordedAt
        self.backupBefore = backupBefore
        self.isAnotherDatabase = isAnotherDatabase
    }

    /// Compares what a probe found with what is remembered; nil if nothing speaks against it.
    ///
    /// The journal outweighs the audit log: rows that are older than its knowledge, or that have no time, do not count beside it.
    ///
    /// - Parameters:
    ///   - found: the newest knowledge of the instance; only that of a probe can be behind.
    ///   - recorded: the newest that a run of the journal knows.
    ///   - claim: what the audit log says; nil if that is nothing.
    package init?(found: VersionKnowledge, recorded: VersionKnowledge?, claim: AuditClaim?) {
        guard found.source == .probe, recorded.map({ $0.at < found.at }) ?? true else { return nil }
        let isAnotherDatabase = claim?.isOfAnotherDatabase ?? false
        if let recorded, case .run(let run) = recorded.source, let version = recorded.version, found.version.map({ $0 < version }) ?? true {
            self.init(
                witness: .journal(run: run),
                version: version,
                recordedAt: recorded.at,
                backupBefore: nil,
                isAnotherDatabase: isAnotherDatabase
            )
            return
        }
        guard let missing = claim?.missing else { return nil }
        let appliedAt = missing.lastAppliedAt?.plausible(at: found.at)
        if let recorded { guard let appliedAt, appliedAt > recorded.at else { return nil } }
        self.init(
            witness: .auditLog(run: missing.run),
            version: missing.version,
            recordedAt: appliedAt,
            backupBefore: missing.firstAppliedAt?.plausible(at: found.at),
            isAnotherDatabase: isAnotherDatabase
        )
    }

    /// What is behind what, and the question: `behind run 20261127T…, which left it at 20260101000000: restored from …?`
    package var text: String {
        let backup = backupBefore.map { "a backup of before \($0.human)" } ?? "an older backup"
        let record =
            switch witness {
            case .journal(let run): "behind run \(run.visible), which left it at \(version)"
            case .auditLog(let run): "behind its audit log, which has \(version) as applied" + (run.map { " in run \($0.visible)" } ?? "")
            }
        guard isAnotherDatabase else {
            return "\(record): restored from \(backup), or rolled back by another tool or with another journal?"
        }
        return "\(record), in another database than this one: restored from \(backup) into a new database, or not the same installation?"
    }

    /// The object `setback` of machine output.
    package var json: JSONValue {
        let (source, run): (String, String?) =
            switch witness {
            case .journal(let run): ("journal", run)
            case .auditLog(let run): ("audit-log", run)
            }
        return [
            "source": .string(source),
            "run": .optional(run),
            "version": .string(version.description),
            "recorded_at": .optional(recordedAt?.rfc3339),
            "backup_before": .optional(backupBefore?.rfc3339),
            "another_database": .bool(isAnotherDatabase),
            "message": .string(text),
        ]
    }
}
