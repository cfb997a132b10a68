/// What a run writes into the ledger and the audit log of one instance without running a migration there. It is worked out when the plan is made, which
/// pins it, and written only where ledger and schema are still what was judged.
public struct Correction: Sendable, Hashable, Codable {
    /// Why something is written.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// The database has no ledger: it gets one.
        case baseline
        /// Ledger or audit log contradict the database.
        case repair
    }

    /// Why the instance is left as it is.
    public struct Refusal: Sendable, Hashable, Codable {
        /// One sentence without a full stop.
        public var message: String
        /// What to do next; nil if that is not known.
        public var hint: String?

        /// A refusal with its reason.
        public init(_ message: String, hint: String? = nil) {
            (self.message, self.hint) = (message, hint)
        }
    }

    /// An invalid index that is built again.
    public struct Rebuild: Sendable, Hashable, Codable {
        /// Its qualified name, as SQL.
        public var index: String
        /// Indexes that earlier attempts to build it left, as SQL; they are dropped first.
        public var leftovers: [String]

        /// An index with what is left of earlier attempts.
        public init(_ index: String, leftovers: [String] = []) {
            (self.index, self.leftovers) = (index, leftovers)
        }
    }

    /// Why something is written.
    public var kind: Kind
    /// Why nothing is written; nil if the instance can be corrected.
    public var refusal: Refusal?
    /// The versions in the ledger that was judged, ascending; empty if there was no ledger.
    public var found: [MigrationVersion]
    /// The fingerprint of the catalogue that was judged; nil if the correction does not depend on it.
    public var fingerprint: String?
    /// The versions whose rows the ledger gets, ascending. The audit log gets a row for each.
    public var records: [MigrationVersion]
    /// The versions whose rows are deleted from the ledger, ascending. The audit log gets a row for each.
    public var removes: [MigrationVersion]
    /// The versions whose file was edited and is taken for the one that was applied, ascending. The audit log gets a row for each.
    public var accepts: [MigrationVersion]
    /// Invalid indexes that are built again before anything is written; nil where no index is invalid. Only such a correction has the key.
    public var rebuilds: [Rebuild]?
    /// The fingerprint of the catalogue once these indexes are valid; nil where no index is invalid.
    public var rebuiltFingerprint: String?
    /// What the operator should read although nothing is done about it; nil if there is nothing. Only such a correction has the key.
    public var warnings: [String]?
    /// Whether the operator's word counts although the database says something else; nil if it does not. Only such a correction has the key.
    public var forced: Bool?
    /// Why it is this and nothing else: one sentence without a full stop, for the person who reads the plan; nil if there is nothing to say.
    public var reason: String?

    /// A correction from its parts.
    public init(
        _ kind: Kind,
        found: [MigrationVersion],
        fingerprint: String? = nil,
        records: [MigrationVersion] = [],
        removes: [MigrationVersion] = [],
        accepts: [MigrationVersion] = []
    ) {
        self.kind = kind
        self.found = found.sorted()
        self.fingerprint = fingerprint
        self.records = records.sorted()
        self.removes = removes.sorted()
        self.accepts = accepts.sorted()
    }

    /// A correction that is refused.
    public init(_ kind: Kind, refused refusal: Refusal) {
        self.init(kind, found: [])
        self.refusal = refusal
    }
}

extension Correction {
    /// The versions of the ledger once it is corrected, ascending.
    public var result: [MigrationVersion] { Set(found).subtracting(removes).union(records).sorted() }

    /// Whether the operator's word counts although the database says something else.
    public var isForced: Bool { forced == true }

    /// The invalid indexes that are built again.
    package var rebuilt: [Rebuild] { rebuilds ?? [] }

    /// Whether there is nothing to write.
    public var isEmpty: Bool { records.isEmpty && removes.isEmpty && accepts.isEmpty && rebuilt.isEmpty }

    /// What a ledger means for a correction.
    package enum Standing: Sendable, Hashable {
        /// It is as it was judged, and something is to be written.
        case due
        /// Nothing is to be written, or all of it is.
        case done
        /// It is neither as it was judged nor as it should become.
        case moved
    }

    /// What a ledger with these versions means. Accepted files and indexes alone leave no trace in the ledger, so they are due as long as it is as it was judged.
    package func standing(_ applied: some Sequence<MigrationVersion>) -> Standing {
        if isEmpty { return .done }
        let versions = Set(applied)
        if versions == Set(found) { return .due }
        return versions == Set(result) ? .done : .moved
    }
}
