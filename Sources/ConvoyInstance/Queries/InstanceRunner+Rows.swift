package import ConvoyFleet
import ConvoyPostgres
import ConvoyText

extension InstanceRunner {
    package func estimatedRows(of tables: [[String]], on instance: Instance) async -> [[String]: Int]? {
        await look(at: instance, sessionName: "convoy", busyServer: .leftAlone) { connection, probe in
            let schema = quotedIdentifier(try await probe.read(connection).ledger.schema)
            let opening = probe.opening(on: connection)
            // The catalogue is asked and nothing of the tenant's: a count would read its tables, and might run its code.
            let queries = tables.map { name in
                let written = name.joined(separator: ".")
                return PipelineStatement(
                    """
                    WITH RECURSIVE part (id) AS (
                        SELECT class.oid FROM pg_class AS class WHERE class.oid = coalesce(to_regclass($1), to_regclass($2))
                        UNION
                        SELECT inherits.inhrelid FROM part JOIN pg_inherits AS inherits ON inherits.inhparent = part.id
                    ), size AS (
                        SELECT class.reltuples, greatest(class.reltuples::float8, pg_stat_get_live_tuples(class.oid)::float8, 0) AS rows
                        FROM part JOIN pg_class AS class ON class.oid = part.id WHERE class.relkind <> 'p'
                    )
                    SELECT least(coalesce(sum(rows), 0), 1e15)::int8 AS rows,
                        coalesce(bool_and(rows > 0 OR reltuples >= 0), false) AS is_known FROM size
                    """,
                    name.count > 1 ? [written, written] : ["\(schema).\(written)", "public.\(written)"]
                )
            }
            let results = try await connection.transaction(opening + queries + [PipelineStatement("COMMIT")])
            var rows: [[String]: Int] = [:]
            for (index, name) in tables.enumerated() {
                // A table that was never analysed, or whose statistics are gone, has any number of rows.
                guard let row = results[opening.count + index].rows.first, try row.bool("is_known") else { continue }
                rows[name] = Int(clamping: try row.int64("rows"))
            }
            return rows
        }
    }
}
