import ConvoyFleet

/// Completes a selector term by term: keys first, then the values that the fleet has for a key.
struct SelectorCompletion {
    /// The values that each key has in the fleet.
    private let values: [String: [String]]

    /// - Parameter names: of all instances, those that were discovered included.
    init(_ instances: [FleetNames.Entry], names: [String]) {
        var labels: [String: Set<String>] = [:]
        for instance in instances { for (key, value) in instance.labels { labels[key, default: []].insert(value) } }
        var values = labels.mapValues { $0.sorted() }
        values["name"] = names
        values["server"] = Set(instances.map(\.server)).sorted()
        values["database"] = Set(instances.map(\.database)).sorted()
        self.values = values
    }

    /// Selectors that begin with this text; none after something that is not a term with `=` or `!=`.
    func candidates(_ beginning: String) -> [String] {
        let start = startOfLastTerm(beginning)
        let head = beginning[..<start]
        let term = beginning[start...]
        let blanks = term.prefix { $0 == " " }
        let rest = term.dropFirst(blanks.count)
        guard let sign = rest.firstIndex(of: "=") else {
            return values.keys.sorted().map { "\(head)\(blanks)\($0)=" }.filter { $0.hasPrefix(beginning) }
        }
        var key = rest[..<sign]
        if key.last == "!" { key = key.dropLast() }
        var after = rest.index(after: sign)
        if after < rest.endIndex, rest[after] == "=" { after = rest.index(after: after) }
        let stem = "\(head)\(blanks)\(rest[..<after])"
        return (values[String(key)] ?? []).map { stem + Selector.quoted($0) }.filter { $0.hasPrefix(beginning) }
    }

    /// Where the last term begins: after the last comma outside of quotes and parentheses.
    private func startOfLastTerm(_ text: String) -> String.Index {
        var start = text.startIndex
        var depth = 0
        var quote: Character?
        for index in text.indices {
            switch text[index] {
            case let character where character == quote: quote = nil
            case _ where quote != nil: break
            case let character where character == "\"" || character == "'": quote = character
            case "(": depth += 1
            case ")": depth = max(0, depth - 1)
            case "," where depth == 0: start = text.index(after: index)
            default: break
            }
        }
        return start
    }
}
