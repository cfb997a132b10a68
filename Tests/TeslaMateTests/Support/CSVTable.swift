import TestSupport

/// Rows in PostgreSQL's CSV form: an empty field without quotes is NULL, `""` the empty string.
struct CSVTable: Sendable {
    let columns: [String]
    let rows: [[String?]]

    init(_ text: String) throws {
        var records: [[String?]] = []
        var record: [String?] = []
        var scalars = text.unicodeScalars[...]
        while !scalars.isEmpty {
            record.append(try Self.field(&scalars))
            // The field ends at a comma, at a line end (LF or CR LF), or with the text.
            if scalars.first == "\r" { scalars.removeFirst() }
            guard scalars.popFirst() != "," else { continue }
            records.append(record)
            record = []
        }
        guard let head = records.first, record.isEmpty, records.allSatisfy({ $0.count == head.count }) else {
            throw TestSupportError("not a CSV table: \(text.prefix(80))")
        }
        columns = head.map { $0 ?? "" }
        rows = Array(records.dropFirst())
    }

    private static func field(_ text: inout Substring.UnicodeScalarView) throws -> String? {
        guard text.first == "\"" else {
            let value = text.prefix { $0 != "," && $0 != "\n" && $0 != "\r" }
            text = text[value.endIndex...]
            return value.isEmpty ? nil : String(value)
        }
        var value = ""
        repeat {
            text.removeFirst()
            let part = text.prefix { $0 != "\"" }
            value += String(part)
            text = text[part.endIndex...]
            guard text.popFirst() != nil else { throw TestSupportError("a quoted field does not end") }
            // Of a pair of quotes the second stands for itself, and the field goes on.
            if text.first == "\"" { value += "\"" }
        } while text.first == "\""
        return value
    }
}
