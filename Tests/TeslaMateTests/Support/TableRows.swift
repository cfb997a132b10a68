import ConvoyPostgres
import TestSupport
import Testing

/// Rows of one table in a form that can be compared: numbers by value, rows in no order.
struct TableRows: Equatable, CustomStringConvertible {
    /// `COLUMN=VALUE`, NULL columns left out.
    private let rows: [String]

    /// As recorded.
    init(_ recorded: RecordedTable, leavingOut ignored: Set<String> = [], numbers: Set<String>) {
        self.init(columns: recorded.table.columns, rows: recorded.table.rows, leavingOut: ignored, numbers: numbers)
    }

    fileprivate init(columns: [String], rows: [[String?]], leavingOut ignored: Set<String>, numbers: Set<String>) {
        self.rows = rows.map { row in
            zip(columns, row).sorted { $0.0 < $1.0 }.compactMap { column, value in
                guard let value, !ignored.contains(column) else { return nil }
                return "\(column)=\(numbers.contains(column) ? canonicalNumber(value) : value)"
            }.joined(separator: ", ")
        }.sorted()
    }

    var description: String { rows.isEmpty ? "no rows" : rows.joined(separator: "\n") }
}

extension TestDatabase {
    /// Compares a table with what was recorded of it.
    func expect(
        _ recorded: RecordedTable,
        leavingOut ignored: Set<String> = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let connection = try await connect()
        defer { connection.close() }
        let columns = try await connection.query(
            """
            SELECT attname, atttypid::regtype::text IN ('smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric') AS is_number,
                relkind = 'S' AS is_sequence
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
            """,
            [recorded.name]
        ).rows
        let names = Set(try columns.map { row throws(PostgresError) in try row.text("attname") })
        // A sequence has a column that only its own server understands.
        let counters: Set<String> = try columns.first?.bool("is_sequence") == true ? ["log_cnt"] : []
        #expect(names.subtracting(counters) == Set(recorded.table.columns), "\(recorded.name)", sourceLocation: sourceLocation)
        let numbers = Set(
            try columns.filter { row throws(PostgresError) in try row.bool("is_number") }
                .map { row throws(PostgresError) in try row.text("attname") }
        )
        let shared = recorded.table.columns.filter(names.contains)
        let found = try await connection.query("SELECT \(shared.map { "\"\($0)\"" }.joined(separator: ", ")) FROM \(recorded.name)").rows
        let actual = TableRows(
            columns: shared,
            rows: try found.map { row throws(PostgresError) in
                try shared.map { column throws(PostgresError) in try row.optionalText(column) }
            },
            leavingOut: ignored,
            numbers: numbers
        )
        let expected = TableRows(recorded, leavingOut: ignored, numbers: numbers)
        #expect(actual == expected, "\(recorded.name)", sourceLocation: sourceLocation)
    }
}

/// A number so written that equal ones are equal texts: `12.50` and `1.25e1` both are `12.5`. NaN and the infinities stay as they are.
func canonicalNumber(_ text: String) -> String {
    let parts = text.split(separator: "e", maxSplits: 1)
    let mantissa = (parts.first ?? "").drop { $0 == "-" || $0 == "+" }
    let halves = mantissa.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = halves.joined()
    guard let whole = halves.first, !digits.isEmpty, digits.allSatisfy(\.isNumber), let exponent = parts.count == 2 ? Int(parts[1]) : 0
    else { return text }
    // Room for the point on both sides, wherever the exponent moves it; then what is too much goes.
    let point = whole.count + exponent
    let padded = String(repeating: "0", count: max(0, -point)) + digits + String(repeating: "0", count: max(0, point - digits.count))
    let integer = padded.prefix(max(0, point)).drop { $0 == "0" }
    var fraction = padded.dropFirst(max(0, point))
    while fraction.last == "0" { fraction.removeLast() }
    guard !integer.isEmpty || !fraction.isEmpty else { return "0" }
    return (text.hasPrefix("-") ? "-" : "") + (integer.isEmpty ? "0" : integer) + (fraction.isEmpty ? "" : ".\(fraction)")
}
