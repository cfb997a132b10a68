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
        var text = text
        return text.withUTF8 { bytes in
            guard bytes.count >= 2, bytes.first == UInt8(ascii: open), bytes.last == UInt8(ascii: close) else { return nil }
            let inner = bytes[1..<(bytes.count - 1)]
            var values: [String?] = []
            var start = inner.startIndex
            while true {
                // Most have neither quotes nor escapes, and are read where they are.
                var end = start
                while end < inner.endIndex, inner[end] != comma, inner[end] != quote, inner[end] != backslash { end += 1 }
                if end == inner.endIndex || inner[end] == comma {
                    let value = String(decoding: inner[start..<end], as: UTF8.self)
                    values.append(isNull(value) ? nil : value)
                } else {
                    guard let quoted = quotedValue(inner, from: start) else { return nil }
                    let value = String(decoding: quoted.bytes, as: UTF8.self)
                    values.append(!quoted.hasQuotes && isNull(value) ? nil : value)
                    end = quoted.end
                }
                guard end < inner.endIndex else { return values }
                start = end + 1
            }
        }
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let comma = UInt8(ascii: ",")

    /// Reads a value with quotes or escapes up to the comma after it, or up to the end; nil where the quotes are not closed.
    private static func quotedValue(
        _ inner: Slice<UnsafeBufferPointer<UInt8>>,
        from start: Int
    ) -> (bytes: [UInt8], hasQuotes: Bool, end: Int)? {
        var bytes: [UInt8] = []
        var (isQuoted, hasQuotes) = (false, false)
        var index = start
        while index < inner.endIndex {
            let byte = inner[index]
            if byte == comma, !isQuoted { return (bytes, hasQuotes, index) }
            if byte == backslash {
                index += 1
                // What closes the whole is not escaped.
                guard index < inner.endIndex else { return nil }
                bytes.append(inner[index])
            } else if byte == quote, isQuoted, index + 1 < inner.endIndex, inner[index + 1] == quote {
                // A row doubles its quotes.
                bytes.append(byte)
                index += 1
            } else if byte == quote {
                (isQuoted, hasQuotes) = (!isQuoted, true)
            } else {
                bytes.append(byte)
            }
            index += 1
        }
        return isQuoted ? nil : (bytes, hasQuotes, index)
    }
}
