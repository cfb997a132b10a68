import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// Indexes that are built outside a transaction: what a failed attempt leaves behind, and whether the new one is usable.
extension InstanceChange {
    /// An index that an earlier attempt left invalid blocks the statement, or would be mistaken for a finished one. An index that is being
    /// built right now is left alone.
    func dropLeftovers(of index: ConcurrentIndex, on connection: PostgresConnection) async throws(PostgresError) {
        for (name, mayDrop) in try await leftovers(of: index, on: connection) {
            guard mayDrop else {
                warnOfToast(name)
                continue
            }
            warn("index \(name) was left invalid by an earlier attempt: Convoy drops it\(index.isBuiltAgain ? " and builds it again" : "")")
            try await connection.query(ConcurrentIndex.dropping(name))
        }
    }

    private func leftovers(of index: ConcurrentIndex, on connection: PostgresConnection) async throws(PostgresError)
        -> [(name: String, mayDrop: Bool)]
    {
        let timeout = InstanceProbe.silenceTimeout
        let tables = try await connection.query(ConcurrentIndex.tablesUnderConstruction, timeout: timeout).onlyRow().text("tables")
        return try await connection.query(index.leftovers(exceptOn: tables), timeout: timeout).rows.map { row throws(PostgresError) in
            (try row.text("index"), try row.bool("may_drop"))
        }
    }

    /// After a failed attempt: the operator reads what it left behind.
    func nameLeftovers(of index: ConcurrentIndex, on connection: PostgresConnection) async {
        for (name, mayDrop) in (try? await leftovers(of: index, on: connection)) ?? [] {
            guard mayDrop else {
                warnOfToast(name)
                continue
            }
            warn("index \(name) is left invalid, and no query can use it: the next attempt drops it first")
        }
    }

    private func warnOfToast(_ name: String) {
        warn("index \(name) was left invalid by an earlier attempt, and only a superuser can drop it: \(ConcurrentIndex.dropping(name))")
    }

    /// `IF NOT EXISTS` accepts any object of that name.
    func indexFailure(_ row: QueryResult.Row?, _ migration: Migration, _ statement: SQLStatement) throws(PostgresError) -> Failure? {
        let name = try row?.text("name") ?? "of the statement"
        var failure = Failure(
            .failed,
            "",
            version: migration.version,
            file: migration.file,
            line: statement.line,
            statement: statement.text
        )
        if row == nil {
            failure.message = "the index is not there after the statement that makes it"
            failure.hint = "check whether an event trigger or another session drops it, then run the command again"
        } else if try row?.bool("is_on_table") != true {
            failure.message = "the name \(name) belongs to something else, so that IF NOT EXISTS made no index"
            failure.hint = "rename or drop the object with this name, then run the command again"
        } else if try row?.bool("is_valid") != true {
            failure.message =
                "the index \(name) is not valid after the statement: another session builds it at this moment, or left it unfinished"
            failure.hint =
                "wait until no other session builds it, then run the command again: Convoy drops an unfinished index and builds it again"
        } else {
            return nil
        }
        return failure
    }
}
