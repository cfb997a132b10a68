package import ConvoyRun
internal import GRDB

extension SQLiteJournal {
    package func newestRunsOfInstances(fleet: String?) async throws(JournalError) -> Set<RunID> {
        try await read { db in
            // With max() the other columns are those of the row that has it.
            let rows = try Row.fetchAll(
                db,
                sql: """
                    WITH ends AS (
                        SELECT runs.fleet, events.instance, events.run, events.number, \(Self.learnt) AS is_learnt
                        FROM events JOIN runs ON runs.id = events.run
                        WHERE events.outcome IS NOT NULL AND events.instance IS NOT NULL AND runs.fleet = coalesce(?, runs.fleet)
                    )
                    SELECT run, max(number) FROM ends GROUP BY fleet, instance
                    UNION ALL SELECT run, max(number) FROM ends WHERE is_learnt GROUP BY fleet, instance
                    """,
                arguments: [fleet]
            )
            return Set(rows.compactMap { String.fromDatabaseValue($0[0]).map(RunID.init) })
        }
    }

    package func remove(_ runs: [RunID]) async throws(JournalError) -> Set<RunID> {
        var rest = runs[...]
        var removed: Set<RunID> = []
        while !rest.isEmpty {
            let some = Array(rest.prefix(RunStoreLimits.removedAtOnce))
            rest = rest.dropFirst(some.count)
            try await write { db in
                for run in some.map(\.description) where try Self.isOver(run, db) {
                    try Self.keepTotals(of: run, db)
                    for table in ["events", "requests"] { try db.execute(sql: "DELETE FROM \(table) WHERE run = ?", arguments: [run]) }
                    try db.execute(sql: "DELETE FROM runs WHERE id = ?", arguments: [run])
                }
            }
            let left = try await read { db in try some.filter { try Self.exists($0.description, db) } }
            removed.formUnion(Set(some).subtracting(left))
        }
        return removed
    }

    private static func isOver(_ run: String, _ db: Database) throws -> Bool {
        let status = try String.fetchOne(db, sql: "SELECT status FROM runs WHERE id = ?", arguments: [run])
        return RunEnding.final.contains { $0.rawValue == status }
    }

    private static func exists(_ run: String, _ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?)", arguments: [run]) ?? false
    }

    package func size() async throws(JournalError) -> (bytes: Int, free: Int) {
        try await read { db in
            func number(_ pragma: String) throws -> Int { try Int.fetchOne(db, sql: "PRAGMA \(pragma)") ?? 0 }
            let page = try number("page_size")
            return (try number("page_count") * page, try number("freelist_count") * page)
        }
    }

    package var reclaimsSpace: Bool { false }

    package func compact() async throws(JournalError) {
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            pool.asyncWriteWithoutTransaction { db in
                continuation.resume(
                    returning: Result {
                        try db.execute(sql: "VACUUM")
                        try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                    }
                )
            }
        }
        do {
            try result.get()
        } catch {
            throw JournalError(path: path, error)
        }
    }
}
