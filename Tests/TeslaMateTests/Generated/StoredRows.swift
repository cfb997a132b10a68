import ConvoyPostgres
import TeslaMate
import TestSupport

/// One row: the text of each column that is not NULL.
typealias Row = [String: String]

/// The rows of a table in the order in which they are stored, and the types of its columns.
struct StoredTable: Sendable {
    var types: [String: String] = [:]
    var rows: [Row] = []
}

/// All rows and sequences of a TeslaMate database, the ledger left out. API tokens are in plain text, also where they are stored encrypted.
struct StoredRows: Sendable {
    /// Where a row is expected to have any value at all: the clock's.
    static let anyTime = "any time"

    /// By qualified name.
    var tables: [String: StoredTable] = [:]
    /// By qualified name: the last value given out, nil before the first.
    var sequences: [String: Int64?] = [:]

    /// The rows of a table; empty where there is no such table.
    subscript(table: String) -> [Row] {
        get { tables[table]?.rows ?? [] }
        set { tables[table]?.rows = newValue }
    }

    /// How this differs from what was expected, a line for each difference.
    func differences(from expected: StoredRows) -> [String] {
        var lines: [String] = []
        for name in Set(tables.keys).union(expected.tables.keys).sorted() {
            guard let table = tables[name], let other = expected.tables[name] else {
                lines.append("table \(name) \(tables[name] == nil ? "is missing" : "was not expected")")
                continue
            }
            lines += table.differences(from: other).map { "\(name) \($0)" }
        }
        for name in Set(sequences.keys).union(expected.sequences.keys).sorted() where sequences[name] != expected.sequences[name] {
            lines.append("sequence \(name): \(Self.text(expected.sequences[name])) was expected, not \(Self.text(sequences[name]))")
        }
        return lines
    }

    private static func text(_ sequence: Int64??) -> String {
        guard let sequence else { return "nothing" }
        return sequence.map { "\($0)" } ?? "an unused one"
    }
}

extension StoredTable {
    fileprivate func differences(from expected: StoredTable) -> [String] {
        guard types == expected.types else {
            let (found, other) = (Set(types.map { "\($0) \($1)" }), Set(expected.types.map { "\($0) \($1)" }))
            return ["has other columns: missing \(other.subtracting(found).sorted()), surplus \(found.subtracting(other).sorted())"]
        }
        let (found, other) = (Dictionary(grouping: rows, by: key), Dictionary(grouping: expected.rows, by: key))
        return Set(found.keys).union(other.keys).sorted().flatMap { key -> [String] in
            guard let rows = found[key], let others = other[key], rows.count == others.count else {
                return ["\(key): \(other[key]?.count ?? 0) rows were expected, not \(found[key]?.count ?? 0)"]
            }
            return zip(rows, others).filter { $0 != $1 }.flatMap { row, other in
                types.keys.sorted().filter { !isEqual(row[$0], other[$0], type: types[$0]) }.map { column in
                    "\(key): \(column) should be \(other[column] ?? "NULL"), not \(row[column] ?? "NULL")"
                }
            }
        }
    }

    /// What identifies a row: its id, in a table of links all of it.
    private func key(of row: Row) -> String {
        row["id"].map { "id \($0)" } ?? row.sorted { $0.key < $1.key }.map { "\($0) \($1)" }.joined(separator: ", ")
    }

    private func isEqual(_ found: String?, _ expected: String?, type: String?) -> Bool {
        guard let found, let expected, let type, found != expected else { return found == expected }
        if expected == StoredRows.anyTime { return true }
        if type == "double precision", let value = Double(found), let other = Double(expected) {
            // The order in which a sum was taken shows in its last digits.
            return value == other || (value.isNaN && other.isNaN) || abs(value - other) <= 1e-9 * max(abs(value), abs(other))
        }
        return type.hasPrefix("numeric") && canonicalNumber(found) == canonicalNumber(expected)
    }
}

extension StoredRows {
    /// Reads them all.
    init(of database: TestDatabase, encryptionKey: String) async throws {
        let connection = try await database.connect()
        defer { connection.close() }
        let columns = try await connection.query(
            """
            SELECT format('%s.%s', nspname, relname) AS "table", attname AS "column", format_type(atttypid, atttypmod) AS type
            FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
            WHERE relkind = 'r' AND nspname IN ('public', 'private') AND relname <> 'schema_migrations' AND attnum > 0 AND NOT attisdropped
            """
        ).rows
        for row in columns { tables[try row.text("table"), default: StoredTable()].types[try row.text("column")] = try row.text("type") }
        for name in tables.keys {
            let result = try await connection.query("SELECT * FROM \(name) ORDER BY ctid")
            self[name] = try result.rows.map { row in
                var values: Row = [:]
                for column in result.columns { values[column] = try row.optionalText(column) }
                return values
            }
        }
        let cipher = TokenCipher(encryptionKey: encryptionKey)
        for (name, table) in tables {
            for column in table.types.filter({ $0.value == "bytea" }).keys {
                self[name] = try self[name].map { row in
                    var row = row
                    row[column] = try row[column].map { try cipher.decrypt(bytes(hexadecimal: $0.dropFirst(2))) }
                    return row
                }
            }
        }
        let counters = try await connection.query(
            """
            SELECT format('%s.%s', schemaname, sequencename) AS name, last_value
            FROM pg_sequences WHERE schemaname IN ('public', 'private')
            """
        ).rows
        for row in counters { sequences.updateValue(try row.optionalText("last_value").flatMap(Int64.init), forKey: try row.text("name")) }
    }
}
