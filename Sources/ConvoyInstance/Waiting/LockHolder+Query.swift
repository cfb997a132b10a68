import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Asking the server who holds a lock. Every name is the server's own, and no table of the tenant's is read.
extension LockHolder {
    /// Maximum number of holders to name.
    static let limit = 5

    /// The sessions that block a server process, at the end of its queue: `pg_blocking_pids` of that process, and of those that it names.
    static func blocking(_ pid: Int32) -> PipelineStatement {
        PipelineStatement(
            selection(
                seeds: "SELECT b FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::integer)) AS b",
                // The sessions that hold what a process of the queue waits for.
                prepared: """
                    EXISTS (
                        SELECT FROM locks w JOIN conflicts f ON f.wanted = w.mode AND f.held = h.mode
                        WHERE NOT w.granted AND (w.pid = $1::integer OR w.pid IN (SELECT queue.pid FROM queue))
                            AND (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
                                IS NOT DISTINCT FROM
                                (h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid))
                    """
            ),
            [String(pid)]
        )
    }

    /// The holders of a lock, and the sessions ahead of them in the queue.
    ///
    /// - Parameter condition: on the entry `h` of `pg_locks`.
    static func holding(_ condition: String, _ parameters: [String?]) -> PipelineStatement {
        let ours = "h.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"
        return PipelineStatement(
            selection(
                seeds: """
                    SELECT coalesce(h.pid, 0) FROM locks h
                    WHERE h.granted AND \(ours) AND \(condition) AND h.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
                    """,
                prepared: "\(ours) AND \(condition)"
            ),
            parameters
        )
    }

    /// The holders of a lock on the ledger or the audit log that conflicts with this mode.
    static func holding(ledgersAgainst mode: String) -> PipelineStatement {
        holding(
            """
            h.locktype = 'relation' AND EXISTS (SELECT FROM conflicts f WHERE f.wanted = $1 AND f.held = h.mode)
            AND h.relation IN (
                SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = '\(Ledger.tableName)' OR n.nspname = 'convoy' AND c.relname = 'migration_log')
            """,
            [mode]
        )
    }

    /// The holders of a lock on any table or view of this database that conflicts with this mode; temporary ones are of no concern to others.
    static func holding(tablesAgainst mode: String) -> PipelineStatement {
        holding(
            """
            h.locktype = 'relation' AND EXISTS (SELECT FROM conflicts f WHERE f.wanted = $1 AND f.held = h.mode)
            AND h.relation IN (
                SELECT c.oid FROM pg_catalog.pg_class c
                WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't')
            """,
            [mode]
        )
    }

    /// The transactions of this database that have written something and are still open.
    static let openTransactions = PipelineStatement(
        selection(
            seeds: """
                SELECT t.pid FROM (
                    SELECT a.pid FROM pg_catalog.pg_stat_activity a
                    WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
                        AND a.backend_xid IS NOT NULL AND a.backend_type = 'client backend'
                    UNION ALL
                    SELECT 0 FROM pg_catalog.pg_prepared_xacts x WHERE x.database = pg_catalog.current_database()) t
                """,
            prepared: "x.database = pg_catalog.current_database()"
        )
    )

    private static func selection(seeds: String, prepared: String) -> String {
        """
        WITH RECURSIVE
        conflicts (wanted, held) AS (VALUES \(conflicts)),
        locks AS MATERIALIZED (SELECT l.* FROM pg_catalog.pg_locks l),
        queue (pid) AS (
            \(seeds)
            UNION
            SELECT b FROM queue CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(queue.pid)) AS b WHERE queue.pid <> 0
        ),
        roots AS (SELECT queue.pid FROM queue WHERE queue.pid <> 0 AND pg_catalog.cardinality(pg_catalog.pg_blocking_pids(queue.pid)) = 0)
        SELECT roots.pid, pg_catalog.left(a.application_name, 200) AS application, pg_catalog.host(a.client_addr) AS address,
            pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
            a.usename::text AS role, NULL::text AS transaction,
            CASE
                WHEN a.backend_type = 'client backend' THEN 'session'
                WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum'
                WHEN a.backend_type = 'parallel worker' THEN 'parallel-worker'
                WHEN a.backend_type = 'walsender' OR a.backend_type LIKE 'logical replication %' THEN 'replication'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_get_wal_senders() s WHERE s.pid = a.pid) THEN 'replication'
                WHEN a.backend_type IS NULL AND a.usesysid IS NOT NULL THEN 'hidden'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_get_progress_info('VACUUM') p WHERE p.pid = a.pid)
                    OR EXISTS (SELECT FROM pg_catalog.pg_stat_get_progress_info('ANALYZE') p WHERE p.pid = a.pid) THEN 'autovacuum'
                ELSE 'background'
            END AS kind,
            coalesce(
                (pg_catalog.pg_has_role(a.usesysid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))
                    AND (NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid)
                        OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user)),
                false) AS may_end,
            a.xact_start AS begun
        FROM roots JOIN pg_catalog.pg_stat_activity a ON a.pid = roots.pid
        UNION ALL
        SELECT DISTINCT 0, '', NULL, pg_catalog.to_char(x.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            x.owner::text, x.gid, 'prepared-transaction', false, x.prepared
        -- What belongs to a prepared transaction has the virtual transaction of the lock on its number.
        FROM pg_catalog.pg_prepared_xacts x
            JOIN locks own ON own.pid IS NULL AND own.granted AND own.locktype = 'transactionid' AND own.transactionid = x.transaction
            JOIN locks h ON h.pid IS NULL AND h.granted AND h.virtualtransaction = own.virtualtransaction
        WHERE EXISTS (SELECT FROM queue WHERE queue.pid = 0) AND \(prepared)
        ORDER BY begun NULLS LAST, pid
        LIMIT \(limit)
        """
    }

    /// The table of conflicts of PostgreSQL's manual, chapter “Explicit Locking”. Locks on transactions and rows take the same modes.
    private static let conflicts: String = {
        let modes = [
            "AccessShare", "RowShare", "RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive", "Exclusive", "AccessExclusive",
        ]
        let held = [
            [7], [6, 7], [4, 5, 6, 7], [3, 4, 5, 6, 7], [2, 3, 5, 6, 7], [2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7], Array(0...7),
        ]
        return zip(modes, held).flatMap { wanted, held in held.map { "('\(wanted)Lock', '\(modes[$0])Lock')" } }.joined(separator: ", ")
    }()

    /// What a query of these gave. Rows that make no sense are left out: the holder is only named.
    static func list(_ result: QueryResult) -> [LockHolder] { result.rows.compactMap { try? LockHolder($0) } }

    private init(_ row: QueryResult.Row) throws(PostgresError) {
        self.init(
            pid: Int32(clamping: max(0, try row.int64("pid"))),
            application: try row.label("application") ?? "",
            address: try row.label("address"),
            since: try row.label("since"),
            kind: try row.optionalText("kind").flatMap(Kind.init),
            role: try row.label("role"),
            transaction: try row.label("transaction")
        )
        mayBeEnded = try row.bool("may_end")
    }
}
