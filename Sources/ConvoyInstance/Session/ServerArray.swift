/// Reads arrays and rows as a server prints them: `{1,NULL,"(2,\"a b\")"}` has three elements, and the last one is a row with two fields.
enum ServerArray {
    /// The elements of an array of one dimension, nil for NULL; nil for a text that no server prints.
    static func elements(_ text: String) -> [String?]? {
        text == "{}" ? [] : values(text, from: "{", to: "}") { $0 == "NULL" }
    }

    /// The fields of a row, nil for NULL, of which nothing is printed; nil for a text that no server prints.
    static func fields(_ text: String) -> [String?]? {
        values(text, from: "(", to: ")", isNull: \.isEmpty)
    }

    /// By scalars, as the server writes them: a quote with a combining mark after it is one character to Swift.
    private static func values(_ text: String, from open: Unicode.Scalar, to close: Unicode.Scalar, isNull: (String) -> Bool) -> [String?]?
    {
        let scalars = Array(text.unicodeScalars)
        guard scalars.count >= 2, scalars.first == open, scalars.last == close else { return nil }
        let last = scalars.count - 1
        var values: [String?] = []
        var value = String.UnicodeScalarView()
        var (isQuoted, wasQuoted) = (false, false)
        var index = 1
        while index <= last {
            let scalar = scalars[index]
            if !isQuoted, index == last || scalar == "," {
                values.append(!wasQuoted && isNull(String(value)) ? nil : String(value))
                value = .init()
                wasQuoted = false
            } else if index == last {
                return nil
            } else if scalar == "\\" {
                index += 1
                // What closes the whole is not escaped.
                guard index < last else { return nil }
                value.append(scalars[index])
            } else if scalar == "\"", isQuoted, scalars[index + 1] == "\"" {
                // A row doubles its quotes.
                value.append(scalar)
                index += 1
            } else if scalar == "\"" {
                (isQuoted, wasQuoted) = (!isQuoted, true)
            } else {
                value.append(scalar)
            }
            index += 1
        }
        return values
    }
}
