import ConvoyPostgres

/// The session-level lock that everyone takes who changes an instance with Convoy.
///
/// It is taken with the *try* form in autocommit and polled: a session that blocks in `pg_advisory_lock` holds a snapshot, and would deadlock with
/// `CREATE INDEX CONCURRENTLY`.
enum AdvisoryLock {
    /// The ASCII letters of "convoy", then 1. Other tools may take it with `pg_advisory_lock(7165066987125145601)` to keep Convoy out.
    static let key: Int64 = 0x636F_6E76_6F79_0001

    static let acquisition = PipelineStatement("SELECT pg_catalog.pg_try_advisory_lock($1::bigint) AS acquired", [String(key)])

    static let release = PipelineStatement("SELECT pg_catalog.pg_advisory_unlock($1::bigint) AS released", [String(key)])

    /// Who holds it in this database.
    static let holder = PipelineStatement(
        LockHolder.selection(
            """
            l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = $1::oid AND l.objid = $2::oid
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            """
        ),
        [String(key >> 32), String(key & 0xFFFF_FFFF)]
    )
}

extension LockHolder {
    /// Sessions other than ours whose entry of `pg_locks` fulfils the condition, the longest transaction first.
    static func selection(_ condition: String) -> String {
        """
        SELECT l.pid, a.application_name AS application, pg_catalog.host(a.client_addr) AS address,
            pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
        FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
        WHERE \(condition) AND l.pid <> pg_catalog.pg_backend_pid()
        ORDER BY a.xact_start NULLS LAST, l.pid
        LIMIT 1
        """
    }

    /// Who holds a lock on the table that the ledger's own lock conflicts with.
    static func selection(onLedger ledger: Ledger) -> PipelineStatement {
        PipelineStatement(
            selection(
                """
                l.locktype = 'relation' AND l.granted
                    AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                    AND l.relation = (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = $1 AND c.relname = '\(Ledger.tableName)')
                """
            ),
            [ledger.schema]
        )
    }

    /// Who holds a lock on any table of this database: the likeliest one to stand in a migration's way.
    static let selectionOnAnyTable = PipelineStatement(
        selection(
            """
            l.locktype = 'relation' AND l.granted AND l.relation >= 16384
                AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
            """
        )
    )

    init(_ row: QueryResult.Row) throws(PostgresError) {
        self.init(
            pid: try row.processID("pid"),
            application: try row.label("application") ?? "",
            address: try row.label("address"),
            since: try row.label("since")
        )
    }
}

extension LockHolder: CustomStringConvertible {
    public var description: String {
        var description = "process \(pid)"
        if !application.isEmpty { description += " (\(application))" }
        if let address { description += " from \(address)" }
        if let since { description += ", connected since \(since)" }
        return description
    }
}

extension Failure {
    /// A lock that was not to be had.
    init(busy message: String, _ holder: LockHolder?) {
        self.init(
            .lockBusy,
            message,
            hint: holder.map { "wait until process \($0.pid) is done, or end it with pg_terminate_backend(\($0.pid)); then run it again" }
                ?? "run it again later, or raise lock_wait",
            lockedBy: holder
        )
    }
}
