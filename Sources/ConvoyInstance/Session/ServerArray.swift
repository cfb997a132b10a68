/// Reads arrays and rows as a server prints them: `{1,NULL,"(2,\"a b\")"}` has three elements, and the last one is a row with two fields.
///
/// A text that no server prints gives fewer elements, and never an error: the reader then misses what is missing.
enum ServerArray {
    /// The elements of an array of one dimension; nil for NULL.
    static func elements(_ text: String) -> [String?] {
        values(text, from: "{", to: "}") { $0.isEmpty || $0 == "NULL" }
    }

    /// The fields of a row; nil for NULL, of which nothing is printed.
    static func fields(_ text: String) -> [String?] {
        values(text, from: "(", to: ")", isNull: \.isEmpty)
    }

    /// By scalars, as the server writes them: a quote with a combining mark after it is one character to Swift.
    private static func values(_ text: String, from open: Unicode.Scalar, to close: Unicode.Scalar, isNull: (String) -> Bool) -> [String?] {
        let scalars = Array(text.unicodeScalars)
        guard scalars.count > 2, scalars.first == open, scalars.last == close else { return [] }
        var values: [String?] = []
        var value = String.UnicodeScalarView()
        var (isQuoted, wasQuoted) = (false, false)
        var index = 1
        while index < scalars.count {
            let scalar = scalars[index]
            let isLast = index == scalars.count - 1
            index += 1
            if isLast || !isQuoted && scalar == "," {
                values.append(!wasQuoted && isNull(String(value)) ? nil : String(value))
                value = .init()
                wasQuoted = false
            } else if scalar == "\\" {
                value.append(scalars[index])
                index += 1
            } else if scalar == "\"" {
                // A row doubles its quotes.
                if isQuoted, scalars[index] == "\"" {
                    value.append(scalar)
                    index += 1
                } else {
                    (isQuoted, wasQuoted) = (!isQuoted, true)
                }
            } else {
                value.append(scalar)
            }
        }
        return values
    }
}
