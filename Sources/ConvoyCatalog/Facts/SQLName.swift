/// Qualified names as the server quotes them.
enum SQLName {
    /// The identifiers of a qualified name, each as it is written: `public`, `"od.d"`, `f(integer, text)`. A dot within quotes or parentheses
    /// separates nothing.
    static func parts(_ name: String) -> [String] { split(name) { $0 == "." } }

    /// The elements of a list that is separated by commas, each without the blank before it.
    static func elements(_ list: Substring) -> [String] {
        split(String(list)) { $0 == "," }.map { String($0.drop { $0 == " " }) }
    }

    /// The text behind the parenthesis that closes the one at the start, and what is between; nil if the text does not begin with one, or it is
    /// not closed.
    static func parenthesized(_ text: String) -> (inside: Substring, rest: Substring)? {
        let scalars = text.unicodeScalars
        guard scalars.first == "(" else { return nil }
        var nesting = Nesting()
        for index in scalars.indices {
            nesting.read(scalars[index])
            if nesting.isOutside {
                return (text[scalars.index(after: scalars.startIndex)..<index], text[scalars.index(after: index)...])
            }
        }
        return nil
    }

    /// A mark that joins the quote before it does not hide the quote: what counts are code points.
    private static func split(_ text: String, _ isSeparator: (Unicode.Scalar) -> Bool) -> [String] {
        guard !text.isEmpty else { return [] }
        var parts: [String] = []
        var part = String.UnicodeScalarView()
        var nesting = Nesting()
        for scalar in text.unicodeScalars {
            nesting.read(scalar)
            if isSeparator(scalar), nesting.isOutside {
                parts.append(String(part))
                part = String.UnicodeScalarView()
            } else {
                part.append(scalar)
            }
        }
        return parts + [String(part)]
    }

    /// Whether a place is within quotes or parentheses.
    private struct Nesting {
        private var isQuoted = false
        private var depth = 0

        var isOutside: Bool { !isQuoted && depth <= 0 }

        mutating func read(_ scalar: Unicode.Scalar) {
            switch scalar {
            case "\"": isQuoted.toggle()
            case "(" where !isQuoted: depth += 1
            case ")" where !isQuoted: depth -= 1
            default: break
            }
        }
    }
}
