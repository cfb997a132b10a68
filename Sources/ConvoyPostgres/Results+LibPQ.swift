internal import CLibPQ

/// Collects the rows of one statement's result, which libpq hands over one at a time.
struct RowCollector {
    private(set) var columns: [String] = []
    private(set) var rows: [QueryResult.Row] = []
    /// What the rows take in memory, about.
    private(set) var bytes = 0

    /// What a value takes beside its text, about.
    private static let valueOverhead = 32

    /// Adds the rows of one result of libpq's, at most one in single-row mode.
    mutating func add(_ result: OpaquePointer) {
        let width = PQnfields(result)
        if rows.isEmpty { readColumns(result, width) }
        for row in 0..<PQntuples(result) {
            let values = (0..<width).map { column -> String? in
                bytes += Self.valueOverhead
                guard PQgetisnull(result, row, column) == 0, let value = PQgetvalue(result, row, column) else { return nil }
                let text = String(cString: value)
                bytes += text.utf8.count
                return text
            }
            rows.append(QueryResult.Row(columns: columns, values: values))
        }
    }

    private mutating func readColumns(_ result: OpaquePointer, _ width: Int32) {
        columns = (0..<width).map { PQfname(result, $0).map { ServerText.text($0, limit: ServerText.nameLimit) } ?? "" }
        bytes += columns.reduce(0) { $0 + Self.valueOverhead + $1.utf8.count }
    }

    /// What the rows of a result take, which are not kept.
    static func size(of result: OpaquePointer) -> Int {
        var size = 0
        for row in 0..<PQntuples(result) {
            for column in 0..<PQnfields(result) { size += valueOverhead + Int(max(0, PQgetlength(result, row, column))) }
        }
        return size
    }

    /// The whole, once the last result of the statement is there.
    func result(_ last: OpaquePointer) -> QueryResult {
        QueryResult(
            columns: columns,
            rows: rows,
            commandTag: PQcmdStatus(last).map { ServerText.text($0, limit: ServerText.nameLimit) } ?? ""
        )
    }
}

extension ServerMessage {
    init(_ result: OpaquePointer) {
        func field(_ code: Character, limit: Int = ServerText.messageLimit) -> String? {
            guard let ascii = code.asciiValue, let value = PQresultErrorField(result, Int32(ascii)) else { return nil }
            return ServerText.text(value, limit: limit)
        }
        func name(_ code: Character) -> String? { field(code, limit: ServerText.nameLimit) }
        // The fields' codes are those of the protocol. `V` is the severity that is not localised.
        self.init(
            severity: name("V") ?? name("S") ?? "ERROR",
            sqlstate: PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { ServerText.sqlstate($0) } ?? "",
            message: field("M") ?? PQresultErrorMessage(result).map { ServerText.text($0) } ?? ""
        )
        detail = field("D")
        hint = field("H")
        position = name("P").flatMap(ServerText.position)
        internalPosition = name("p").flatMap(ServerText.position)
        internalQuery = field("q")
        context = field("W")
        schema = name("s")
        table = name("t")
        column = name("c")
        dataType = name("d")
        constraint = name("n")
        sourceFile = name("F")
        sourceLine = name("L")
        sourceRoutine = name("R")
    }
}
