import ConvoyMigrations
import ConvoyPostgres

/// `convoy.migration_log`: what Convoy itself did in an instance, written in each migration's own transaction.
enum AuditLog {
    static let schema = "convoy"
    static let table = "convoy.migration_log"

    /// Each row has system identifier and database oid, so that rows of a restored or cloned database are recognised.
    static let columns: Set<String> = [
        "id", "version", "name", "direction", "checksum", "run", "started_at", "duration_ms", "applied_by", "convoy_version",
        "system_identifier", "database_oid",
    ]

    static let creation: [PipelineStatement] = [
        PipelineStatement("CREATE SCHEMA IF NOT EXISTS convoy"),
        PipelineStatement(
            """
            CREATE TABLE IF NOT EXISTS convoy.migration_log (
                id uuid NOT NULL PRIMARY KEY, version bigint NOT NULL, name text NOT NULL, direction text NOT NULL,
                checksum text NOT NULL, run text NOT NULL, started_at timestamptz NOT NULL, duration_ms bigint NOT NULL,
                applied_by text NOT NULL, convoy_version text NOT NULL, system_identifier text NOT NULL, database_oid oid NOT NULL)
            """
        ),
    ]

    /// The checksum of the newest time that each version was applied.
    static let reading = PipelineStatement(
        """
        SELECT DISTINCT ON (version) version, checksum FROM convoy.migration_log
        WHERE direction = 'up' ORDER BY version, started_at DESC
        """
    )

    /// The row of one migration. Its start is that of the transaction unless another one is given.
    ///
    /// It runs with the migration's search path, where a name or an operator that is not qualified can be somebody else's.
    static func insertion(
        _ migration: Migration,
        _ direction: MigrationDirection,
        run: String,
        identity: SessionIdentity,
        startedAt: String? = nil
    ) -> PipelineStatement {
        PipelineStatement(
            """
            INSERT INTO convoy.migration_log (id, version, name, direction, checksum, run, started_at, duration_ms, applied_by,
                convoy_version, system_identifier, database_oid)
            SELECT pg_catalog.gen_random_uuid(), $1::bigint, $2::pg_catalog.text, $3::pg_catalog.text, $4::pg_catalog.text, $5::pg_catalog.text, started.at,
                (extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started.at) OPERATOR(pg_catalog.*) 1000)::bigint,
                session_user, $6::pg_catalog.text, $7::pg_catalog.text, $8::pg_catalog.oid
            FROM (SELECT coalesce($9::timestamp with time zone, pg_catalog.transaction_timestamp()) AS at) started
            """,
            [
                migration.version.description, migration.name, direction.rawValue, migration.checksum, run, Convoy.version,
                identity.systemIdentifier, String(identity.databaseOID), startedAt,
            ]
        )
    }
}

/// The product itself.
public enum Convoy {
    /// As `convoy --version` prints it and the audit log records it.
    public static let version = "0.1.0"
}
