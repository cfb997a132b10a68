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
    /// Whether an audit log is wanted and still missing.
    var makesAuditLog: Bool
    /// Whether the schemas may have anything that is no relation, such as the members of an extension.
    var mayHaveOtherObjects: Bool
    /// Whether the session is a superuser's and becomes the owner: a trigger could take its rights back.
    let hasMoreRightsThanOwner: Bool
    /// Whether an administrator has made the extensions, so that the owner need not.
    var extensionsAreMade = false

    var version: MigrationVersion { checkpoint.version }

    /// The extensions that the owner's transaction makes.
    var extensionStatements: [SQLStatement] { extensionsAreMade ? [] : checkpoint.extensionStatements }
}

extension Checkpoint {
    /// Whether an empty database becomes the same from it as from the single migrations. These make a new extension where there is an old one, tolerate a
    /// schema that exists, and move tables from one schema to another, which have other default privileges.
    func fits(_ facts: InstanceFacts) -> Bool {
        guard let pending = facts.pending, !pending.hasDefaultPrivileges else { return false }
        return createdSchemas.allSatisfy { pending.creatableSchemas[$0] == nil }
            && extensions.allSatisfy { name, schema in
                guard let found = pending.extensionSchemas[name] else { return true }
                return !pending.outdatedExtensions.contains(name) && (schema == nil || schema == found)
            }
    }

    /// Its statements for any owner, in the form in which migrations are judged, timed and named in failures. It has the checkpoint's version and file.
    var ordinaryMigration: Migration { migration(ordinaryStatements, admin: nil) }

    /// The same of those that create extensions; nil if no statement does.
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
