/// Text as a value of a fleet file.
enum YAMLText {
    /// A value that the reader reads as this text and nothing else: plain where YAML has no other meaning for it, else in double quotes. A
    /// dollar sign is doubled, so that it begins no variable.
    static func value(_ text: String) -> String { written(text.replacing("$", with: "$$")) }

    /// A value with variables such as `${env:NAME}` in it, written as it is.
    static func template(_ text: String) -> String { written(text) }

    private static func written(_ text: String) -> String {
        if isPlain(text) { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted.unicodeScalars += ["\\", scalar]
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\x" + (digits.count == 1 ? "0" : "") + digits
            case "\u{2028}", "\u{2029}", "\u{FEFF}":
                quoted += "\\u" + String(repeating: "0", count: scalar.value > 0xfff ? 0 : 1) + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Letters, digits and what has no meaning to YAML, beginning so that it is no number, no date, and no word such as `true`.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, isLetter(first) || first == "/" || first == "_" || text.hasPrefix("${") else {
            return false
        }
        guard !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased()) else { return false }
        if text.hasPrefix("${"), text.hasSuffix("}") {
            return text.unicodeScalars.dropFirst(2).dropLast().allSatisfy {
                isLetter($0) || isDigit($0) || "_:./-".unicodeScalars.contains($0)
            }
                && !text.contains(": ")
        }
        return text.unicodeScalars.allSatisfy { isLetter($0) || isDigit($0) || "_./-".unicodeScalars.contains($0) }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool { ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
}
