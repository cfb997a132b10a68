import ConvoyInstance
package import ConvoyRun
import ConvoyText

/// What two runs of a migration set agree about: constants, and the time of the run.
package struct SettledRows: Sendable, Hashable {
    enum Value: Sendable, Hashable {
        case literal(String?)
        case time(DatabaseRows.Time)
    }

    private let tables: [String: [[Value]]]
    private let sequences: [String: DatabaseRows.Position]

    /// - Throws: the first column in which the runs differ by something else than their time.
    package init(_ first: DatabaseRows, _ second: DatabaseRows, in catalog: Catalog) throws(Failure) {
        var tables: [String: [[Value]]] = [:]
        for table in TableRows.tables(of: catalog) {
            let (rows, others) = (first.tables[table.name] ?? [], second.tables[table.name] ?? [])
            guard rows.count == others.count else {
                throw Self.refusal(
                    "\(table.name) has \(counted(rows.count, "row")) after one run of the migrations, and \(others.count) after another"
                )
            }
            guard !rows.isEmpty else { continue }
            tables[table.name] = try zip(rows, others).map { row, other throws(Failure) in
                try zip(table.columns, zip(row, other)).map { column, values throws(Failure) in
                    try Self.settled(values.0, values.1, "\(table.name).\(column.name)")
                }
            }
        }
        guard first.sequences == second.sequences else {
            let names = Set(first.sequences.keys).union(second.sequences.keys).filter { first.sequences[$0] != second.sequences[$0] }
                .sorted()
            throw Self.refusal("\(names.joined(separator: ", ")) stand elsewhere after one run of the migrations than after another")
        }
        self.tables = tables
        sequences = first.sequences
    }

    private static func settled(_ value: DatabaseRows.Value, _ other: DatabaseRows.Value, _ column: String) throws(Failure) -> Value {
        let times = value.times.intersection(other.times)
        if times.contains(.day) { throw refusal("\(column) has the day of the run") }
        if let time = DatabaseRows.Time.allCases.first(where: times.contains) { return .time(time) }
        guard value.text == other.text else {
            throw refusal("\(column) has another value after each run of the migrations, and it is not the time of the run")
        }
        return .literal(value.text)
    }

    private static func refusal(_ message: String) -> Failure {
        Failure(
            .failed,
            message,
            hint: "a checkpoint holds constants and the time at which it is applied; without one, empty databases go through each migration"
        )
    }

    /// How many rows there are.
    package var rowCount: Int { tables.values.reduce(0) { $0 + $1.count } }

    /// The statements that write the rows, and set the sequences.
    package func statements(for catalog: Catalog) -> [String] {
        let rows = TableRows.tables(of: catalog).compactMap { table -> String? in
            guard let rows = tables[table.name] else { return nil }
            // One statement for each table: a foreign key to the table itself is checked at its end.
            let tuples = rows.map { row in
                "(" + zip(row, table.columns).map { Self.sql($0, $1.definition.type) }.joined(separator: ", ") + ")"
            }
            let columns = table.columns.map(\.name).joined(separator: ", ")
            let overriding = table.hasIdentity ? " OVERRIDING SYSTEM VALUE" : ""
            return "INSERT INTO \(table.name) (\(columns))\(overriding) VALUES\n    " + tuples.joined(separator: ",\n    ")
        }
        let positions = sequences.sorted { $0.key < $1.key }.map { name, position in
            "SELECT pg_catalog.setval(\(quotedLiteral(name)), \(position.value), \(position.isCalled))"
        }
        return rows + positions
    }

    private static func sql(_ value: Value, _ type: String) -> String {
        switch value {
        case .literal(let text?): quotedLiteral(text)
        case .literal(nil): "NULL"
        case .time(.utc): "pg_catalog.timezone('UTC', pg_catalog.now())"
        case .time(.local): "pg_catalog.now()::\(type)"
        case .time(.instant), .time(.day): "pg_catalog.now()"
        }
    }
}
