/// What the fact of a sequence says.
struct SequenceDefinition: Hashable {
    var type: String
    var start: Int64
    var increment: Int64
    var minimum: Int64?
    var maximum: Int64?
    var cache: Int64?
    var cycles = false
    /// The column that owns it.
    var owner: String?

    /// Nil if the text is not of this form.
    init?(_ text: String) {
        let fact = FactText(text)
        var values: [String: Int64] = [:]
        type = fact.word(0)
        guard fact.isWhole, let largest = Self.largest[type] else { return nil }
        self.largest = largest
        var index = 1
        while index < fact.count {
            let word = fact.word(index)
            switch word {
            case "cycle":
                cycles = true
                index += 1
            case "owned":
                let name = fact.text(index + 2..<fact.count)
                guard fact.word(index + 1) == "by", SQLName.isName(name, parts: 3) else { return nil }
                owner = name
                index = fact.count
            case "start", "increment", "minimum", "maximum", "cache":
                let isNegative = fact.word(index + 1) == "-"
                let digits = (isNegative ? "-" : "") + fact.word(index + (isNegative ? 2 : 1))
                guard let value = Int64(digits) else { return nil }
                values[word] = value
                index += isNegative ? 3 : 2
            default: return nil
            }
        }
        guard let start = values["start"], let increment = values["increment"] else { return nil }
        (self.start, self.increment) = (start, increment)
        (minimum, maximum, cache) = (values["minimum"], values["maximum"], values["cache"])
    }

    private let largest: Int64
    private static let largest: [String: Int64] = [
        "smallint": 32_767, "integer": 2_147_483_647, "bigint": .max,
    ]

    /// The options that differ from what the server takes by itself, where it is made.
    var options: String {
        var words: [String] = []
        if start != 1 { words.append("START WITH \(start)") }
        if increment != 1 { words.append("INCREMENT BY \(increment)") }
        // A sequence that goes down has other limits by itself.
        if minimum != nil || increment < 0 { words.append("MINVALUE \(minimum ?? 1)") }
        if maximum != nil || increment < 0 { words.append("MAXVALUE \(maximum ?? largest)") }
        if let cache { words.append("CACHE \(cache)") }
        if cycles { words.append("CYCLE") }
        return words.joined(separator: " ")
    }

    /// All options, where it is changed.
    var allOptions: String {
        "AS \(type) START WITH \(start) INCREMENT BY \(increment) MINVALUE \(minimum ?? 1) MAXVALUE \(maximum ?? largest) CACHE \(cache ?? 1)"
            + (cycles ? " CYCLE" : " NO CYCLE")
    }
}
