import ConvoyPostgres

/// How values get into a statement's parameters, and out of its rows.
enum ControlText {
    /// The literal of an array of texts.
    static func array(_ elements: some Sequence<String?>) -> String {
        var text = "{"
        for element in elements {
            if text.utf8.count > 1 { text += "," }
            guard let element = element?.storable else {
                text += "NULL"
                continue
            }
            text += "\""
            // Most have nothing to escape, and are long.
            if element.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
                var bytes: [UInt8] = []
                bytes.reserveCapacity(element.utf8.count + 16)
                for byte in element.utf8 {
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                    bytes.append(byte)
                }
                text += String(decoding: bytes, as: UTF8.self)
            } else {
                text += element
            }
            text += "\""
        }
        return text + "}"
    }

    /// The literal of an array of numbers.
    static func array(_ elements: some Sequence<Int64>) -> String { "{" + elements.map(String.init).joined(separator: ",") + "}" }

    /// The numbers of such a literal; what is no number is left out.
    static func numbers(_ array: String) -> [Int64] {
        array.dropFirst().dropLast().split(separator: ",").compactMap { Int64($0) }
    }

    /// A time as RFC 3339 in UTC, in the words of SQL.
    static func time(_ column: String) -> String {
        #"to_char(\#(column) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#
    }

    /// The order of events over all runs, in the words of SQL: microseconds.
    static let position = "(extract(epoch FROM recorded_at) * 1000000)::bigint"
}

extension String {
    /// The text without what a text of PostgreSQL cannot hold.
    var storable: String {
        utf8.contains(0) ? split(separator: "\0", omittingEmptySubsequences: false).joined(separator: "\u{FFFD}") : self
    }
}

extension QueryResult.Row {
    /// The text of a column; nil for NULL, and for a column that is not there.
    func value(_ column: String) -> String? { (try? optionalText(column)) ?? nil }

    /// The number of a column; nil also for what is not a number.
    func number(_ column: String) -> Int64? { value(column).flatMap { Int64($0) } }
}
