package import ConvoyFleet
import ConvoyPostgres
package import ConvoyRun

extension InstanceRunner {
    /// What the server is doing for the run in this instance's database, asked in a session of its own.
    ///
    /// - Returns: what the server's progress views report, empty if they report nothing; nil if the server cannot be queried.
    package func activity(of run: String, on instance: Instance) async -> [ServerActivity]? {
        await look(at: instance, sessionName: sessionName(run: run), busyServer: .leftAlone) { connection, probe in
            let query = ServerActivity.query(serverVersion: connection.serverVersion)
            let opening = probe.opening(on: connection)
            let results = try await connection.transaction(opening + [query, PipelineStatement("COMMIT")])
            return try results[opening.count].rows.map(ServerActivity.init)
        }
    }
}

extension ServerActivity {
    fileprivate init(_ row: QueryResult.Row) throws(PostgresError) {
        self.init(
            command: try row.text("command"),
            relation: try row.optionalText("relation"),
            phase: try row.text("phase"),
            done: try row.optionalText("done").flatMap(Int64.init),
            total: try row.optionalText("total").flatMap(Int64.init)
        )
    }

    /// One row a session of the run that is in a command with a progress view. A role sees its own sessions only.
    static func query(serverVersion: Int) -> PipelineStatement {
        let views = views.filter { serverVersion >= $0.since }.map { view in
            """
            SELECT pid, relid, \(view.command) AS command, \(view.phase) AS phase, \(view.done) AS done, \(view.total) AS total
                FROM pg_stat_progress_\(view.name)
            """
        }
        return PipelineStatement(
            """
            SELECT progress.command, table_.relname AS relation, progress.phase, progress.done, nullif(progress.total, 0) AS total
            FROM (\(views.joined(separator: "\nUNION ALL\n"))) AS progress
                JOIN pg_stat_activity AS session USING (pid)
                LEFT JOIN pg_class AS table_ ON table_.oid = progress.relid
            WHERE session.datname = current_database() AND session.application_name = current_setting('application_name')
                AND progress.command IS NOT NULL AND progress.phase IS NOT NULL
            ORDER BY session.query_start, session.pid
            """
        )
    }

    private static let isWaiting = "phase LIKE 'waiting %'"
    /// It counts nothing, and leaves what the phase before it has counted.
    private static let isSorting = "phase LIKE '%sorting%'"

    /// A progress view, and which of its columns show the progress of the command.
    private struct View {
        var name: String
        /// The first server version that has it.
        var since: Int
        var command = "command"
        var phase = "phase"
        var done: String
        var total: String
    }

    /// The counters depend on the phase; a phase without counters has no total.
    private static let views = [
        View(
            name: "create_index",
            since: 120_000,
            done: "CASE WHEN \(isWaiting) THEN lockers_done WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END",
            total:
                "CASE WHEN \(isWaiting) THEN lockers_total WHEN \(isSorting) THEN 0 WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END"
        ),
        View(
            name: "cluster",
            since: 120_000,
            done: "heap_blks_scanned",
            total: "CASE WHEN phase = 'seq scanning heap' THEN heap_blks_total END"
        ),
        View(
            name: "vacuum",
            since: 90_600,
            command: "'VACUUM'",
            done: "CASE WHEN phase = 'vacuuming heap' THEN heap_blks_vacuumed ELSE heap_blks_scanned END",
            total: "CASE WHEN phase IN ('scanning heap', 'vacuuming heap') THEN heap_blks_total END"
        ),
        View(
            name: "analyze",
            since: 130_000,
            command: "'ANALYZE'",
            done: "sample_blks_scanned",
            total: "CASE WHEN phase = 'acquiring sample rows' THEN sample_blks_total END"
        ),
        View(name: "copy", since: 140_000, phase: "'copying rows'", done: "bytes_processed", total: "bytes_total"),
    ]
}
