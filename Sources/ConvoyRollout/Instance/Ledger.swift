import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials

/// Ecto's bookkeeping table of one instance, its schema pinned: `schema_migrations(version bigint PRIMARY KEY, inserted_at timestamp(0))`.
struct Ledger: Sendable, Hashable {
    static let tableName = "schema_migrations"

    let schema: String
    /// Who owns it, or will: migrations run as this role.
    let owner: String

    /// Quoted and qualified.
    var table: String { "\(quotedIdentifier(schema)).\(quotedIdentifier(Self.tableName))" }

    /// Makes the table as Ecto would, but within a transaction of ours.
    var creation: [PipelineStatement] {
        [
            PipelineStatement(
                """
                CREATE TABLE IF NOT EXISTS \(table) (
                    version bigint NOT NULL, inserted_at timestamp(0) without time zone,
                    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version))
                """
            )
        ]
    }

    /// All versions and the newest time, in one row.
    var reading: PipelineStatement {
        PipelineStatement(
            """
            SELECT string_agg(version::text, ',' ORDER BY version) AS versions,
                extract(epoch FROM max(inserted_at))::bigint AS last
            FROM \(table)
            """
        )
    }

    /// What TeslaMate's own migrator takes: it conflicts with itself, not with reads or inserts.
    var lock: PipelineStatement { PipelineStatement("LOCK TABLE \(table) IN SHARE UPDATE EXCLUSIVE MODE") }

    /// SQLSTATEs that Convoy's own guard raises.
    enum GuardCode {
        /// Someone else recorded, or took back, this version meanwhile.
        static let alreadyDone = "ZC001"
        /// The migration before it is not where the plan left it.
        static let predecessorMoved = "ZC002"
        /// The ledger or the audit log could run code with an administrator's rights.
        static let unsafe = "ZC003"
    }

    /// Raises ZC002 unless the predecessor is where the plan expects it.
    func predecessorGuard(_ predecessor: MigrationVersion?, _ direction: MigrationDirection) -> String {
        guard let predecessor else { return "" }
        let condition = direction == .up ? "NOT EXISTS" : "EXISTS"
        return """
            IF \(condition) (SELECT FROM \(table) WHERE version = bigint '\(predecessor)') THEN
                RAISE EXCEPTION USING ERRCODE = '\(GuardCode.predecessorMoved)', MESSAGE = 'migration \(predecessor) is not where the plan left it';
            END IF;

            """
    }

    /// Records or takes back the version, or raises ZC001.
    func recording(_ version: MigrationVersion, _ direction: MigrationDirection) -> String {
        let change =
            switch direction {
            // Ecto's clock is UTC, cut to whole seconds.
            case .up:
                """
                INSERT INTO \(table) (version, inserted_at)
                VALUES (bigint '\(version)', pg_catalog.date_trunc('second'::text, pg_catalog.clock_timestamp() AT TIME ZONE 'UTC'))
                ON CONFLICT DO NOTHING;
                """
            case .down: "DELETE FROM \(table) WHERE version = bigint '\(version)';"
            }
        return """
            \(change)
            GET DIAGNOSTICS touched = ROW_COUNT;
            IF touched <> 1 THEN
                RAISE EXCEPTION USING ERRCODE = '\(GuardCode.alreadyDone)', MESSAGE = 'migration \(version) is already \(direction == .up ? "applied" : "reverted")';
            END IF;

            """
    }

    /// One `DO` block around the parts of a guard.
    static func block(_ parts: [String]) -> PipelineStatement {
        let body = parts.joined()
        // A schema's name may hold anything.
        var tag = "$convoy$"
        while body.contains(tag) { tag = "$convoy\(tag.utf8.count)" + tag.dropFirst("$convoy".count) }
        return PipelineStatement("DO \(tag)\nDECLARE\n    touched bigint;\nBEGIN\n\(body)END\n\(tag)")
    }
}

extension LedgerContents {
    init(_ row: QueryResult.Row) throws(PostgresError) {
        self.init()
        applied = (try row.optionalText("versions") ?? "").split(separator: ",").compactMap { Int64($0).map(MigrationVersion.init) }
        lastMigratedAt = try row.optionalText("last").flatMap(Double.init).map(Date.init(timeIntervalSince1970:))
    }
}
