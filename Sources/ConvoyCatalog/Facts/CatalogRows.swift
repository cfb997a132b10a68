import ConvoyInstance
import ConvoyPostgres

/// The rows that ``CatalogQuery`` gives, by the table that they come from.
struct CatalogRows {
    private var rows: [String: [CatalogRow]] = [:]
    /// How many there are.
    private(set) var count = 0

    /// No rows.
    init() {}

    /// The rows of a table; none for a table that was not asked.
    subscript(table: String) -> [CatalogRow] { rows[table] ?? [] }

    /// Adds an answer of the server.
    ///
    /// - Throws: `.unexpectedResult` for a row that no server prints.
    mutating func add(_ result: QueryResult) throws(PostgresError) {
        for row in result.rows {
            guard let fields = ServerArray.fields(try row.text("row")), let table = fields.first ?? nil else {
                throw PostgresError(.unexpectedResult, "the catalogue has a row that cannot be read")
            }
            rows[table, default: []].append(CatalogRow(table: table, fields: fields.dropFirst()))
            count += 1
        }
    }
}

/// One row: fields in the order of the question.
struct CatalogRow {
    let table: String
    private let fields: ArraySlice<String?>

    /// - Parameter fields: those behind the name of the table.
    init(table: String, fields: ArraySlice<String?>) {
        (self.table, self.fields) = (table, fields)
    }

    /// A field that may be NULL.
    ///
    /// - Throws: `.unexpectedResult` for a row that is too short; the other readers also for a field of another shape.
    func optional(_ index: Int) throws(PostgresError) -> String? {
        let place = fields.startIndex + index
        guard fields.indices.contains(place) else { throw unexpected }
        return fields[place]
    }

    func text(_ index: Int) throws(PostgresError) -> String {
        guard let text = try optional(index) else { throw unexpected }
        return text
    }

    /// The number of an object, or of a role.
    func oid(_ index: Int) throws(PostgresError) -> UInt32 {
        guard let oid = UInt32(try text(index)) else { throw unexpected }
        return oid
    }

    func int(_ index: Int) throws(PostgresError) -> Int64 {
        guard let number = Int64(try text(index)) else { throw unexpected }
        return number
    }

    func flag(_ index: Int) throws(PostgresError) -> Bool {
        switch try text(index) {
        case "t": true
        case "f": false
        default: throw unexpected
        }
    }

    var unexpected: PostgresError { PostgresError(.unexpectedResult, "the catalogue has a row of \(table) that cannot be read") }
}

/// An object of the catalogue: the table that describes it, and its number there.
struct CatalogAddress: Hashable {
    var table: UInt32
    var object: UInt32

    static let relationTable: UInt32 = 1259

    static func namespace(_ object: UInt32) -> Self { Self(table: 2615, object: object) }
    static func relation(_ object: UInt32) -> Self { Self(table: relationTable, object: object) }
    static func type(_ object: UInt32) -> Self { Self(table: 1247, object: object) }
    static func function(_ object: UInt32) -> Self { Self(table: 1255, object: object) }
    static func `operator`(_ object: UInt32) -> Self { Self(table: 2617, object: object) }
    static func rule(_ object: UInt32) -> Self { Self(table: 2618, object: object) }
    static func constraint(_ object: UInt32) -> Self { Self(table: 2606, object: object) }
    static func trigger(_ object: UInt32) -> Self { Self(table: 2620, object: object) }
    static func policy(_ object: UInt32) -> Self { Self(table: 3256, object: object) }
    static func eventTrigger(_ object: UInt32) -> Self { Self(table: 3466, object: object) }
}
