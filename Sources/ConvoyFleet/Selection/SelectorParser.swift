import ConvoyText

/// Reads the text of a ``Selector``, one term after the other.
struct SelectorParser {
    private let scalars: [Unicode.Scalar]
    private var position = 0

    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
    }

    mutating func terms() throws(SelectorError) -> [Selector.Term] {
        skipSpace()
        guard position < scalars.count else {
            throw SelectorError(
                "the selector is empty",
                column: 1,
                hint: "write for example ring=canary, or omit it to select all instances"
            )
        }
        var terms: [Selector.Term] = []
        while true {
            terms.append(try term())
            skipSpace()
            if position == scalars.count { return terms }
            guard take(",") else {
                throw SelectorError("terms are joined with commas", column: column, hint: "write for example ring=canary,!legacy")
            }
            skipSpace()
            guard position < scalars.count else {
                throw SelectorError("there is no term after the comma", column: position)
            }
        }
    }

    private mutating func term() throws(SelectorError) -> Selector.Term {
        if take("!") {
            skipSpace()
            return Selector.Term(key: try key(), condition: .missing)
        }
        let key = try key()
        skipSpace()
        if take("!") {
            guard take("=") else {
                throw SelectorError("“!” must be followed by “=” here", column: column, hint: "to mean “has no label”, write !\(key)")
            }
            return Selector.Term(key: key, condition: .isNone(of: [ExactText(try value())]))
        }
        if take("=") {
            _ = take("=")
            return Selector.Term(key: key, condition: .isOne(of: [ExactText(try value())]))
        }
        if take("~") {
            let start = column
            let pattern = try value(allowing: "*?")
            guard !pattern.isEmpty else {
                throw SelectorError("there is no pattern after “~”", column: start, hint: "write for example \(key)~team-*")
            }
            return Selector.Term(key: key, condition: .fits(Glob(pattern)))
        }
        let start = column
        let word = takeWhile(Self.isKeyCharacter)
        switch word {
        case "": return Selector.Term(key: key, condition: .exists)
        case "in": return Selector.Term(key: key, condition: .isOne(of: try values()))
        case "notin": return Selector.Term(key: key, condition: .isNone(of: try values()))
        default:
            throw SelectorError("“\(word)” is not an operator", column: start, hint: "the operators are =, ==, !=, ~, in (…) and notin (…)")
        }
    }

    private mutating func key() throws(SelectorError) -> String {
        let start = column
        let key = takeWhile(Self.isKeyCharacter)
        if position < scalars.count, let odd = OddCharacter(in: key.unicodeScalars + [scalars[position]]), scalars[position] == odd.scalar {
            throw SelectorError("there is \(odd.description) here", column: column, hint: odd.hint)
        }
        guard !key.isEmpty else { throw SelectorError("a label's key is expected", column: start, hint: "write for example ring=canary") }
        return key
    }

    private mutating func values() throws(SelectorError) -> Set<ExactText> {
        skipSpace()
        guard take("(") else {
            throw SelectorError("a list in parentheses is expected", column: column, hint: "write for example region in (eu,us)")
        }
        var values: Set<ExactText> = []
        while true {
            values.insert(ExactText(try value()))
            skipSpace()
            if take(")") { return values }
            guard take(",") else { throw SelectorError("the list is not closed", column: column, hint: "write “)” after the last value") }
        }
    }

    /// A value may be empty: `ring=` means a label that is there and says nothing.
    private mutating func value(allowing more: String = "") throws(SelectorError) -> String {
        skipSpace()
        if position < scalars.count, scalars[position] == "\"" || scalars[position] == "'" { return try quotedValue() }
        let value = takeWhile { Self.isValueCharacter($0) || more.unicodeScalars.contains($0) }
        let end = position
        skipSpace()
        if position < scalars.count, scalars[position] != ",", scalars[position] != ")" {
            guard position == end else {
                throw SelectorError(
                    "terms are joined with commas",
                    column: column,
                    hint: "write for example ring=canary,!legacy; a value with spaces needs quotes"
                )
            }
            let hint =
                scalars[position] == "*" || scalars[position] == "?"
                ? "a pattern takes ~ instead of =" : "put the value in quotes, for example name=\"my car\""
            throw SelectorError("“\(scalars[position])” is not allowed in a value without quotes", column: column, hint: hint)
        }
        if let odd = OddCharacter(in: value), odd.isOddWithoutQuotes {
            let start = end - value.unicodeScalars.count
            throw SelectorError(
                "the value has \(odd.description) in it",
                column: start + odd.position,
                hint: "\(odd.hint), or put the value in quotes"
            )
        }
        return value
    }

    /// A value in quotes, which may hold anything.
    private mutating func quotedValue() throws(SelectorError) -> String {
        let start = column
        let quote = scalars[position]
        position += 1
        var value = String.UnicodeScalarView()
        while position < scalars.count {
            let scalar = scalars[position]
            position += 1
            if scalar == quote {
                skipSpace()
                if position < scalars.count, scalars[position] != ",", scalars[position] != ")" {
                    throw SelectorError(
                        "terms are joined with commas",
                        column: column,
                        hint: "within quotes, write \\\(quote) for \(quote)"
                    )
                }
                return String(value)
            }
            if scalar == "\\", position < scalars.count, scalars[position] == quote || scalars[position] == "\\" {
                value.append(scalars[position])
                position += 1
            } else {
                value.append(scalar)
            }
        }
        throw SelectorError("the quote is not closed", column: start, hint: "write \(quote) after the value")
    }

    private var column: Int { position + 1 }

    private mutating func skipSpace() {
        while position < scalars.count, scalars[position] == " " || scalars[position] == "\t" { position += 1 }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard position < scalars.count, scalars[position] == scalar else { return false }
        position += 1
        return true
    }

    private mutating func takeWhile(_ holds: (Unicode.Scalar) -> Bool) -> String {
        var taken = String.UnicodeScalarView()
        while position < scalars.count, holds(scalars[position]) {
            taken.append(scalars[position])
            position += 1
        }
        return String(taken)
    }

    static func isKeyCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "-", "/": true
        default: false
        }
    }

    /// What a key may have, what a server's `host:port` may have, and any letter beyond ASCII.
    static func isValueCharacter(_ scalar: Unicode.Scalar) -> Bool {
        isKeyCharacter(scalar) || scalar == ":" || scalar == "@" || scalar == "[" || scalar == "]" || scalar.value > 0x9f
    }
}
