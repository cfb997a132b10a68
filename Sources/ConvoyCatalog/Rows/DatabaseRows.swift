package import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// The rows of a database, and where its sequences stand: the few that a migration set leaves in an empty database.
package struct DatabaseRows: Sendable {
    struct Value: Sendable, Hashable {
        /// As the server prints it; nil for NULL.
        var text: String?
        /// What the value is if it is the time at which it was written.
        var times: Set<Time>
    }

    /// How the time of the run can be written.
    enum Time: String, Sendable, Hashable, CaseIterable {
        case utc, instant, local
        /// The day of the run: a run around midnight would have two.
        case day
    }

    struct Position: Sendable, Hashable {
        var value: Int64
        var isCalled: Bool
    }

    /// The values of each table's columns in their order, without generated ones; tables without rows are left out.
    var tables: [String: [[Value]]] = [:]
    /// Those of sequences that were used or set.
    var sequences: [String: Position] = [:]

    /// More rows than this in a table are too many for a checkpoint.
    static let rowLimit = 1000

    /// When the work on a database began: the server's clock.
    package static func clock(_ connection: PostgresConnection) async throws(PostgresError) -> String {
        try await connection.query("SELECT pg_catalog.clock_timestamp()::pg_catalog.text AS now", timeout: .seconds(30)).onlyRow().text(
            "now"
        )
    }

    /// Reads them all. The session's settings change.
    ///
    /// - Parameters:
    ///   - catalog: that of the database.
    ///   - begin: the time of ``clock(_:)`` before the rows were written.
    /// - Throws: why they cannot be read, or that they are too many.
    package static func read(_ connection: PostgresConnection, _ catalog: Catalog, since begin: String) async throws(Failure)
        -> DatabaseRows
    {
        do throws(PostgresError) {
            return try await DatabaseRows(connection, catalog, begin)
        } catch {
            throw Failure(.failed, "reading the rows of the scratch database: \(error.message)", sqlstate: error.sqlstate)
        }
    }

    private init(_ connection: PostgresConnection, _ catalog: Catalog, _ begin: String) async throws(PostgresError) {
        // The zone in which this session, and so the migrations, took local time.
        let zone = try await connection.query("SELECT pg_catalog.current_setting('TimeZone') AS zone", timeout: .seconds(30)).onlyRow()
            .text("zone")
        let end = try await Self.clock(connection)
        for setting in [
            "search_path TO pg_catalog", "TimeZone TO 'UTC'", "DateStyle TO 'ISO, YMD'", "IntervalStyle TO postgres",
            "extra_float_digits TO 1", "bytea_output TO hex",
        ] {
            try await connection.query("SET \(setting)", timeout: .seconds(30))
        }
        for table in TableRows.tables(of: catalog) {
            let result = try await connection.query(table.query, [begin, end, zone], timeout: .seconds(60))
            guard result.rows.count <= Self.rowLimit else {
                throw PostgresError(
                    .unexpectedResult,
                    "\(table.name) has more than \(Self.rowLimit) rows: they do not belong in a checkpoint"
                )
            }
            guard !result.rows.isEmpty else { continue }
            tables[table.name] = try result.rows.map { row throws(PostgresError) in
                try table.columns.indices.map { index throws(PostgresError) in
                    let times = try row.optionalText("t\(index)")?.split(separator: ",").compactMap { Time(rawValue: String($0)) } ?? []
                    return Value(text: try row.optionalText("v\(index)"), times: Set(times))
                }
            }
        }
        for fact in CatalogIndex(catalog.facts).all(.sequence) {
            guard let sequence = SequenceDefinition(fact.text), SQLName.isName(fact.object, parts: 2) else { continue }
            let row = try await connection.query("SELECT last_value, is_called FROM \(fact.object)", timeout: .seconds(30)).onlyRow()
            let position = Position(value: try row.int64("last_value"), isCalled: try row.bool("is_called"))
            if position != Position(value: sequence.start, isCalled: false) { sequences[fact.object] = position }
        }
    }
}

/// The columns of a table whose rows are read and written.
struct TableRows {
    var name: String
    var columns: [(name: String, definition: ColumnDefinition)]

    var hasIdentity: Bool { columns.contains { $0.definition.isIdentity } }

    /// Those of a catalogue, each behind the tables that it refers to.
    static func tables(of catalog: Catalog) -> [TableRows] {
        let index = CatalogIndex(catalog.facts)
        let keys = index.all(.constraint).filter(\.isForeignKey).map { (SQLName.parent($0.object), $0.referencedTable) }
        return ordered(index.all(.table)) { table, other in keys.contains { $0 == table.object && $1 == other.object } }.compactMap {
            fact in
            guard SQLName.isName(fact.object, parts: 2), let table = TableDefinition(fact.text) else { return nil }
            let columns = table.columns.compactMap { name in index.column("\(fact.object).\(name)").map { (name: name, definition: $0) } }
            return TableRows(name: fact.object, columns: columns.filter { $0.definition.expression == $0.definition.defaultExpression })
        }
    }

    /// Each value, and whether it lies within the time of the run: `$1` to `$2`, local time in the zone `$3`. Types round, so a second more.
    var query: String {
        let values = columns.enumerated().map { index, column in "r.\(column.name) AS v\(index), \(Self.times(column)) AS t\(index)" }
        let order = columns.map { "r.\($0.name)::text COLLATE \"C\"" }
        return """
            SELECT \(values.joined(separator: ", ")) FROM (SELECT $1::timestamptz - interval '1 second' AS begin, $2::timestamptz + interval '1 second' AS end, \
            $3::text AS zone) q CROSS JOIN ONLY \(name) r \(order.isEmpty ? "" : "ORDER BY \(order.joined(separator: ", "))") LIMIT \(DatabaseRows.rowLimit + 1)
            """
    }

    private static func times(_ column: (name: String, definition: ColumnDefinition)) -> String {
        let type = column.definition.type
        let value = "r.\(column.name)"
        switch true {
        case type.hasPrefix("timestamp") && type.hasSuffix(" without time zone"):
            return """
                concat_ws(',', CASE WHEN \(value) BETWEEN timezone('UTC', q.begin) AND timezone('UTC', q.end) THEN 'utc' END, \
                CASE WHEN \(value) BETWEEN timezone(q.zone, q.begin) AND timezone(q.zone, q.end) THEN 'local' END)
                """
        case type.hasPrefix("timestamp") && type.hasSuffix(" with time zone"):
            return "CASE WHEN \(value) BETWEEN q.begin AND q.end THEN 'instant' END"
        case type == "date":
            return "CASE WHEN \(value) BETWEEN timezone('UTC', q.begin)::date - 1 AND timezone('UTC', q.end)::date + 1 THEN 'day' END"
        default: return "NULL"
        }
    }
}
