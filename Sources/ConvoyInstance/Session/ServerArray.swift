/// Reads and writes arrays and rows as a server prints them: `{1,NULL,"(2,\"a b\")"}` has three elements, and the last one is a row with two fields.
package enum ServerArray {
    /// The elements of an array of one dimension, nil for NULL; nil for a text that no server prints.
    package static func elements(_ text: String) -> [String?]? {
        text == "{}" ? [] : values(text, from: "{", to: "}") { $0 == "NULL" }
    }

    /// An array of these elements, each in quotes.
    static func text(of elements: [String]) -> String {
        let quoted = elements.map { element in
            var text = String.UnicodeScalarView()
            for scalar in element.unicodeScalars {
                if scalar == "\"" || scalar == "\\" { text.append("\\") }
                text.append(scalar)
            }
            return "\"\(String(text))\""
        }
        return "{\(quoted.joined(separator: ","))}"
    }

    /// The fields of a row, nil for NULL, of which nothing is printed; nil for a text that no server prints.
    package static func fields(_ text: String) -> [String?]? {
        values(text, from: "(", to: ")", isNull: \.isEmpty)
    }

    /// By bytes, as the server writes them: a quote with a combining mark after it is one character to Swift.
    private static func values(_ text: String, from open: Unicode.Scalar, to close: Unicode.Scalar, isNull: (String) -> Bool) -> [String?]?
    {
        let bytes = Array(text.utf8)
        let (quote, backslash, comma) = (UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: ","))
        guard bytes.count >= 2, bytes.first == UInt8(ascii: open), bytes.last == UInt8(ascii: close) else { return nil }
        let last = bytes.count - 1
        var values: [String?] = []
        var value: [UInt8] = []
        var (isQuoted, wasQuoted) = (false, false)
        var index = 1
        while index <= last {
            let byte = bytes[index]
            if !isQuoted, index == last || byte == comma {
                let text = String(decoding: value, as: UTF8.self)
                values.append(!wasQuoted && isNull(text) ? nil : text)
                value.removeAll(keepingCapacity: true)
                wasQuoted = false
            } else if index == last {
                return nil
            } else if byte == backslash {
                index += 1
                // What closes the whole is not escaped.
                guard index < last else { return nil }
                value.append(bytes[index])
            } else if byte == quote, isQuoted, bytes[index + 1] == quote {
                // A row doubles its quotes.
                value.append(byte)
                index += 1
            } else if byte == quote {
                (isQuoted, wasQuoted) = (!isQuoted, true)
            } else {
                value.append(byte)
            }
            index += 1
        }
        return values
    }
}
