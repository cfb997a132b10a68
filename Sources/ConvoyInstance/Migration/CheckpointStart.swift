import ConvoyMigrations

/// How an empty database starts: from which checkpoint, and what is still to be made around it. A value: it is sent elsewhere.
struct CheckpointStart: Sendable {
    let checkpoint: Checkpoint
    /// The migrations that it stands for, oldest first.
    let migrations: [Migration]
    /// The schemas that must be empty.
    let schemas: Set<String>
    /// Whether there is no ledger yet.
    let makesLedger: Bool
    /// Whether there is to be an audit log, and there is none yet.
    var makesAuditLog: Bool
    /// Whether an administrator has made the extensions, so that the owner need not.
    var extensionsAreMade = false

    var version: MigrationVersion { checkpoint.version }

    /// What the owner's transaction runs.
    var statements: [SQLStatement] { extensionsAreMade ? checkpoint.ordinaryStatements : checkpoint.statements }
}

extension Checkpoint {
    /// Its statements for any owner, in the form in which migrations are judged, timed and named in failures. It has the checkpoint's version and file.
    var ordinaryMigration: Migration { migration(ordinaryStatements, admin: nil) }

    /// The same of those that create extensions; nil if there are none.
    var extensionMigration: Migration? {
        let statements = extensionStatements
        // Which extensions need an administrator is worked out from what the statements create.
        return statements.isEmpty ? nil : migration(statements, admin: AdminRequirement(extensions: []))
    }

    private func migration(_ statements: [SQLStatement], admin: AdminRequirement?) -> Migration {
        Migration(
            version: version,
            name: "checkpoint",
            file: file,
            up: MigrationSection(
                isTransactional: true,
                elements: statements.map(MigrationSection.Element.statement),
                admin: admin
            ),
            down: .irreversible(reason: "a checkpoint has no way down; its migrations have", line: 1),
            checksum: digest
        )
    }
}
