import ConvoyIO
import ConvoyPostgres
import ConvoyText

/// Checks whether a statement without a transaction waits for the lock that Convoy itself holds on the ledger meanwhile: neither would end,
/// and the server sees no deadlock, because the session with that lock waits for its client.
///
/// It asks in a session of its own: a query of the one with the lock would have a snapshot, and `CREATE INDEX CONCURRENTLY` would wait for that.
struct OwnLockWatch: Sendable {
    let probe: InstanceProbe
    /// The server processes of the statement and of the session that holds the lock.
    let statement: Int32
    let keeper: Int32
    let interval: Duration

    /// Watches until the task is cancelled, or until the statement was found to wait and was cancelled.
    ///
    /// - Returns: whether it was.
    func run() async -> Bool {
        var session: PostgresConnection?
        var process: Int32?
        var wasCancelled = false
        while !wasCancelled, await sleeps() {
            // A server without a free connection is asked again later.
            if session?.isOpen != true { session = try? await probe.session() }
            // The statement ends, and with it this task is cancelled, before the answer that says so has come.
            session?.cancellation = .ignored
            guard let row = try? await session?.query(query, timeout: .seconds(5)).onlyRow() else { continue }
            process = (try? row.int64("pid")).map(Int32.init(truncatingIfNeeded:))
            wasCancelled = (try? row.bool("was_cancelled")) == true
        }
        await session?.end(serverPID: process)
        return wasCancelled
    }

    /// - Returns: false when the task was cancelled.
    private func sleeps() async -> Bool {
        do {
            try await Task.sleep(for: interval)
            return true
        } catch {
            return false
        }
    }

    /// Follows which session waits for which: the statement may wait for a session that waits for the ledger.
    private var query: PipelineStatement {
        PipelineStatement(
            """
            WITH RECURSIVE blocking (pid) AS (
                SELECT pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::integer))
                UNION
                SELECT pg_catalog.unnest(pg_catalog.pg_blocking_pids(b.pid)) FROM blocking b WHERE b.pid <> 0)
            SELECT CASE WHEN EXISTS (SELECT FROM blocking WHERE pid = $2::integer) THEN pg_catalog.pg_cancel_backend($1::integer)
                ELSE false END AS was_cancelled, pg_catalog.pg_backend_pid() AS pid
            """,
            [String(statement), String(keeper)]
        )
    }
}
