import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// `convoy.migration_log`: what Convoy itself did in an instance, written in each migration's own transaction.
enum AuditLog {
    static let schema = "convoy"
    static let table = "convoy.migration_log"

    /// The direction of a row that says only that the file of an applied version was edited and is accepted.
    static let acceptance = "accepted"

    /// Each row has system identifier and database oid, so that rows of a restored or cloned database are recognised.
    static let columns: Set<String> = [
        "id", "version", "name", "direction", "checksum", "run", "started_at", "duration_ms", "applied_by", "convoy_version",
        "system_identifier", "database_oid",
    ]

    static var creation: [PipelineStatement] { makingTables(acceptingOther: true) }

    /// - Parameter acceptingOther: whether a table that is there by now is as good; if not, the server refuses to make another one.
    static func makingTables(acceptingOther: Bool) -> [PipelineStatement] {
        [
            PipelineStatement("CREATE SCHEMA IF NOT EXISTS convoy"),
            PipelineStatement(
                """
                CREATE TABLE \(acceptingOther ? "IF NOT EXISTS " : "")convoy.migration_log (
                    id uuid NOT NULL PRIMARY KEY, version bigint NOT NULL, name text NOT NULL, direction text NOT NULL,
                    checksum text NOT NULL, run text NOT NULL, started_at timestamptz NOT NULL, duration_ms bigint NOT NULL,
                    applied_by text NOT NULL, convoy_version text NOT NULL, system_identifier text NOT NULL, database_oid oid NOT NULL)
                """
            ),
        ]
    }

    /// What one run did in this very database, oldest first.
    static func reading(of run: String, systemIdentifier: String, databaseOID: Int64) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT version, pg_catalog.left(direction, 10) AS direction, duration_ms FROM convoy.migration_log
            WHERE run = $1::text AND system_identifier = $2::text AND database_oid = $3::oid AND direction IN ('up', 'down') ORDER BY started_at, version
            LIMIT \(Ledger.versionLimit)
            """,
            [run, systemIdentifier, String(databaseOID)]
        )
    }

    /// Writes the row of one migration, which began with its transaction.
    static let insertion = """
        INSERT INTO convoy.migration_log (id, version, name, direction, checksum, run, started_at, duration_ms, applied_by,
            convoy_version, system_identifier, database_oid)
        VALUES ($9::uuid, $1::bigint, $2::text, $3::text, $4::text, $5::text, pg_catalog.transaction_timestamp(),
            (extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000)::bigint,
            session_user, $6::text, $7::text, $8::oid)
        """

    /// What ``insertion`` is given.
    static func parameters(
        _ migration: Migration,
        _ direction: MigrationDirection,
        run: String,
        identity: SessionIdentity,
        id: String
    ) -> [String?] {
        [
            migration.version.description, migration.name, direction.rawValue, migration.checksum, run, Convoy.version,
            identity.systemIdentifier, String(identity.databaseOID), id,
        ]
    }
}
