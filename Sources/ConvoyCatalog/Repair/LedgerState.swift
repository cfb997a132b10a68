package import ConvoyMigrations

/// What ledger, audit log and catalogue of one database say, as far as a repair depends on it.
package struct LedgerState: Sendable, Hashable {
    /// The versions in the ledger, ascending; nil if there is no ledger.
    package var applied: [MigrationVersion]?
    /// Those that the audit log has with another checksum than the file has now.
    package var edited: [MigrationVersion]
    package var catalog: Catalog
    /// Whether every row of the audit log names another database, as in one that was restored or cloned.
    package var isOfAnotherDatabase: Bool
    /// Whether the fleet file accepts versions that the set does not know.
    package var acceptsUnknown: Bool
    /// Whether the fleet file refuses files that were edited.
    package var isStrict: Bool

    package init(
        applied: [MigrationVersion]?,
        edited: [MigrationVersion] = [],
        catalog: Catalog,
        isOfAnotherDatabase: Bool = false,
        acceptsUnknown: Bool = false,
        isStrict: Bool = false
    ) {
        self.applied = applied
        self.edited = edited
        self.catalog = catalog
        self.isOfAnotherDatabase = isOfAnotherDatabase
        self.acceptsUnknown = acceptsUnknown
        self.isStrict = isStrict
    }
}

/// What an operator has decided, where the database alone does not say it.
package struct RepairChoices: Sendable, Hashable {
    /// The newest version that was applied; its catalogue must be that of the database.
    package var at: MigrationVersion?
    /// Versions whose file was edited and is as good as the one that was applied.
    package var acceptedEdits: Set<MigrationVersion>
    /// Versions newer than all of the set whose rows go.
    package var forgotten: Set<MigrationVersion>

    package init(at: MigrationVersion? = nil, acceptedEdits: Set<MigrationVersion> = [], forgotten: Set<MigrationVersion> = []) {
        self.at = at
        self.acceptedEdits = acceptedEdits
        self.forgotten = forgotten
    }
}

/// What a repair would do, and what it refuses. Where something is refused, nothing is done.
package struct RepairVerdict: Sendable, Hashable {
    /// Rows of the ledger that go, ascending: the schema does not have what these versions make.
    package var removed: [MigrationVersion] = []
    /// Rows of the ledger that go, ascending: the set has no file of these versions.
    package var forgotten: [MigrationVersion] = []
    /// Rows of the ledger that come, ascending: the schema has what these versions make.
    package var recorded: [MigrationVersion] = []
    /// Versions whose file is taken for the one that was applied.
    package var accepted: [MigrationVersion] = []
    /// Invalid indexes that are built again, as SQL.
    package var rebuilt: [String] = []
    /// What earlier attempts to build these left, as SQL: dropped first.
    package var dropped: [String] = []
    /// The fingerprint of the catalogue that was judged, and that of the catalogue with valid indexes.
    package var fingerprint: String
    package var repairedFingerprint: String
    package var refusals: [RepairRefusal] = []
    /// What the operator should read.
    package var notes: [RepairNote] = []

    package init(fingerprint: String) {
        self.fingerprint = fingerprint
        repairedFingerprint = fingerprint
    }

    /// Whether nothing is to be done.
    package var isEmpty: Bool { (removed + forgotten + recorded + accepted).isEmpty && rebuilt.isEmpty }
}
