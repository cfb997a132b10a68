import ConvoyMigrations
import Foundation
import TestSupport

extension StoredRows {
    /// Makes of the rows what TeslaMate's migration of a version makes of them.
    ///
    /// Tables and columns follow the recorded catalogue: what is new has its default, and what changes its type is cast. The rest are rules.
    mutating func migrate(to version: MigrationVersion, catalogue: CatalogFacts) throws {
        for rename in renames where rename.version == version.value { apply(rename) }
        let before = self
        try reshape(to: catalogue)
        try rowRules[version]?(&self, before)
    }

    private mutating func apply(_ rename: Rename) {
        guard let old = rename.column else {
            tables[rename.new] = tables.removeValue(forKey: rename.table)
            return
        }
        guard var table = tables.removeValue(forKey: rename.table) else { return }
        table.types[rename.new] = table.types.removeValue(forKey: old)
        for index in table.rows.indices { table.rows[index][rename.new] = table.rows[index].removeValue(forKey: old) }
        tables[rename.table] = table
    }

    private mutating func reshape(to catalogue: CatalogFacts) throws {
        let columns = Dictionary(grouping: try catalogue.lines.compactMap(ColumnFact.init)) { $0.table }
        tables = try columns.reduce(into: [:]) { reshaped, next in
            reshaped[next.key] = try (tables[next.key] ?? StoredTable()).reshaped(to: next.value)
        }
        let names = catalogue.lines.filter { $0.hasPrefix("sequence ") }.map { String($0.split(separator: " ")[1]) }
        var kept: [String: Int64?] = [:]
        for name in names { kept.updateValue(sequences[name] ?? sequences[renamedSequences[name] ?? name] ?? nil, forKey: name) }
        sequences = kept
    }
}

extension StoredTable {
    fileprivate func reshaped(to columns: [ColumnFact]) throws -> StoredTable {
        let types = Dictionary(columns.map { ($0.name, $0.type) }) { $1 }
        let (gone, changed) = (self.types.keys.filter { types[$0] == nil }, columns.filter { self.types[$0.name] != $0.type })
        guard !gone.isEmpty || !changed.isEmpty else { return self }
        let rows = try self.rows.map { row in
            var row = row
            for name in gone { row[name] = nil }
            for column in changed {
                if let type = self.types[column.name] {
                    row[column.name] = try row[column.name].map { try cast($0, from: type, to: column.type) }
                } else {
                    row[column.name] = column.initialValue
                }
            }
            return row
        }
        return StoredTable(types: types, rows: rows)
    }
}

/// A column as the catalogue describes it: `column SCHEMA.TABLE.NAME TYPE [not null] [default EXPRESSION]`.
private struct ColumnFact {
    let table: String
    let name: String
    let type: String
    /// What it has in rows that are older than the column.
    let initialValue: String?

    /// Nil where the line is about something else.
    init?(_ line: String) throws {
        guard line.hasPrefix("column ") else { return nil }
        let halves = line.split(separator: " ", maxSplits: 2)
        let path = halves[1].split(separator: ".")
        guard halves.count == 3, path.count == 3 else { throw TestSupportError("not a column: \(line)") }
        (table, name) = ("\(path[0]).\(path[1])", String(path[2]))
        let parts = halves[2].split(separator: " default ", maxSplits: 1)
        type = String(parts[0].hasSuffix(" not null") ? parts[0].dropLast(" not null".count) : parts[0])
        switch parts.dropFirst().first {
        case "true": initialValue = "t"
        case "false": initialValue = "f"
        case let text? where text.hasPrefix("'"): initialValue = text.dropFirst().split(separator: "'").first.map(String.init)
        case let text?: initialValue = text.allSatisfy(\.isNumber) ? String(text) : nil
        case nil: initialValue = nil
        }
    }
}

private struct Rename {
    let version: Int64
    let table: String
    /// Nil where the table itself gets a new name.
    let column: String?
    let new: String

    init(_ version: Int64, _ table: String, _ column: String? = nil, to new: String) {
        (self.version, self.table, self.column, self.new) = (version, table, column, new)
    }
}

/// What looks in the catalogue as if one thing went and another came.
private let renames = [
    Rename(20190525125700, "public.charging_processes", "start_soc", to: "start_range_km"),
    Rename(20190525125700, "public.charging_processes", "end_soc", to: "end_range_km"),
    Rename(20190812191616, "public.trips", to: "public.drives"),
    Rename(20190812191616, "public.positions", "trip_id", to: "drive_id"),
    Rename(20190828104902, "public.positions", "altitude", to: "elevation"),
    Rename(20190828150058, "public.cars", "version", to: "trim_badging"),
    Rename(20190913175011, "public.positions", "battery_range_km", to: "rated_battery_range_km"),
    Rename(20190913175011, "public.drives", "start_range_km", to: "start_ideal_range_km"),
    Rename(20190913175011, "public.drives", "end_range_km", to: "end_ideal_range_km"),
    Rename(20190913175011, "public.charging_processes", "start_range_km", to: "start_ideal_range_km"),
    Rename(20190913175011, "public.charging_processes", "end_range_km", to: "end_ideal_range_km"),
    Rename(20200528163852, "public.geofences", "cost_per_kwh", to: "cost_per_unit"),
    Rename(20250924215353, "public.tokens", to: "private.tokens"),
]

/// By new name.
private let renamedSequences = ["private.tokens_id_seq": "public.tokens_id_seq"]

/// The value of a column whose type changes. What `double precision` holds is the only thing that a migration rounds.
private func cast(_ value: String, from old: String, to new: String) throws -> String {
    guard old == "double precision", new != old else { return value }
    guard let number = Double(value), number.isFinite else { throw TestSupportError("\(value) cannot become \(new)") }
    if new == "smallint" { return "\(Int(number.rounded(.toNearestOrEven)))" }
    guard new.hasPrefix("numeric("), let scale = Int(new.split(separator: ",")[1].dropLast()) else {
        throw TestSupportError("nobody has written down how \(old) becomes \(new)")
    }
    return rounded(number, scale: scale)
}

/// A number of `double precision` as `numeric` with so many digits after the point: cut to 15 digits first, then halves away from zero.
func rounded(_ number: Double, scale: Int) -> String {
    var (exact, result) = (Decimal(string: String(format: "%.15g", number)) ?? .nan, Decimal())
    NSDecimalRound(&result, &exact, scale, .plain)
    return "\(result)"
}

extension Row {
    /// A number; nil for NULL.
    func number(_ column: String) -> Double? { self[column].flatMap(Double.init) }

    /// Microseconds of a `timestamp`.
    func microseconds(_ column: String) -> Int? {
        guard let text = self[column] else { return nil }
        let fields = text.split { !$0.isNumber }
        let numbers = fields.prefix(6).compactMap { Int($0) }
        guard numbers.count == 6 else { return nil }
        // Years that begin in March end with their leap day.
        let (year, month) = numbers[1] > 2 ? (numbers[0], numbers[1] - 3) : (numbers[0] - 1, numbers[1] + 9)
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + numbers[2]
        let fraction = fields.count > 6 ? Int(fields[6].padding(toLength: 6, withPad: "0", startingAt: 0)) ?? 0 : 0
        return (((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]) * 1_000_000 + fraction
    }
}
