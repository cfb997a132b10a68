internal import CLibPQ

extension QueryResult {
    init(_ result: OpaquePointer) {
        let width = PQnfields(result)
        columns = (0..<width).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
        let columns = self.columns
        rows = (0..<PQntuples(result)).map { row in
            Row(
                columns: columns,
                values: (0..<width).map { column in
                    guard PQgetisnull(result, row, column) == 0, let value = PQgetvalue(result, row, column) else { return nil }
                    return String(cString: value)
                }
            )
        }
        commandTag = PQcmdStatus(result).map { String(cString: $0) } ?? ""
    }
}

extension ServerMessage {
    init(_ result: OpaquePointer) {
        func field(_ code: Character) -> String? {
            guard let ascii = code.asciiValue, let value = PQresultErrorField(result, Int32(ascii)) else { return nil }
            return String(cString: value)
        }
        // The fields' codes are those of the protocol. `V` is the severity that is not localised.
        self.init(
            severity: field("V") ?? field("S") ?? "ERROR",
            sqlstate: field("C") ?? "",
            message: field("M") ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
        )
        detail = field("D")
        hint = field("H")
        position = field("P").flatMap(Int.init)
        internalPosition = field("p").flatMap(Int.init)
        internalQuery = field("q")
        context = field("W")
        schema = field("s")
        table = field("t")
        column = field("c")
        dataType = field("d")
        constraint = field("n")
        sourceFile = field("F")
        sourceLine = field("L")
        sourceRoutine = field("R")
    }
}
