import ConvoyPostgres
import ConvoyRun

/// The session-level lock that everyone takes who changes an instance with Convoy.
///
/// It is taken with the *try* form in autocommit and polled: a session that blocks in `pg_advisory_lock` holds a snapshot, and would deadlock with
/// `CREATE INDEX CONCURRENTLY`.
enum AdvisoryLock {
    /// The ASCII letters of "convoy", then 1. Other tools may take it with `pg_advisory_lock(7165066987125145601)` to keep Convoy out.
    static let key: Int64 = 0x636F_6E76_6F79_0001

    static let acquisition = PipelineStatement("SELECT pg_catalog.pg_try_advisory_lock($1::bigint) AS acquired", [String(key)])

    static let release = PipelineStatement("SELECT pg_catalog.pg_advisory_unlock($1::bigint) AS released", [String(key)])

    /// The session that holds it in this database.
    static let holders = LockHolder.holding(
        "h.locktype = 'advisory' AND h.objsubid = 1 AND h.classid = $1::oid AND h.objid = $2::oid",
        [String(key >> 32), String(key & 0xFFFF_FFFF)]
    )
}
