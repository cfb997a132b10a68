/// What `checks/<version>.sql` asks an instance before the migration of that version: each row is a reason why it would fail there.
public struct MigrationCheck: Sendable, Hashable {
    /// The version whose migration it is asked for.
    public let version: MigrationVersion
    /// The file's path as reports show it.
    public let file: String
    /// In the order of the file.
    public let queries: [Query]

    /// One query; the first column of each row is a sentence that an operator can act on.
    public struct Query: Sendable, Hashable {
        /// The query itself.
        public let statement: SQLStatement
        /// From `-- convoy:if-applied`: versions that must be in the ledger, because they make what the query reads.
        public let applied: [MigrationVersion]
        /// From `-- convoy:if-pending`: versions that must not be in the ledger, because they change what the query reads.
        public let pending: [MigrationVersion]

        /// A query; without versions it fits every ledger.
        public init(statement: SQLStatement, applied: [MigrationVersion] = [], pending: [MigrationVersion] = []) {
            self.statement = statement
            self.applied = applied
            self.pending = pending
        }

        /// Whether the query fits a database whose ledger has these versions.
        public func fits(ledger versions: Set<MigrationVersion>) -> Bool {
            applied.allSatisfy(versions.contains) && !pending.contains(where: versions.contains)
        }
    }

    /// The queries of one file.
    public init(version: MigrationVersion, file: String, queries: [Query]) {
        self.version = version
        self.file = file
        self.queries = queries
    }
}
