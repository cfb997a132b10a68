/// Selectors that Convoy writes: for advice, and for plans that name what an earlier run chose.
extension Selector {
    /// Matches exactly the instances with these names, of those that another selector matches.
    ///
    /// Nil without names, or if a selector cannot express one of them.
    package init?(naming names: [String], within other: Selector? = nil) {
        guard let term = Self.term(names, one: "=", several: "in", isOne: true) else { return nil }
        self.init(adding: term, to: other)
    }

    /// What a selector matches, or all instances, without the instances with these names.
    ///
    /// Nil without names, or if a selector cannot express one of them.
    package init?(excluding names: [String], from other: Selector?) {
        guard let term = Self.term(names, one: "!=", several: "notin", isOne: false) else { return nil }
        self.init(adding: term, to: other)
    }

    private init?(adding term: String, to other: Selector?) {
        guard let selector = try? Selector(parsing: [other?.text, term].compactMap(\.self).joined(separator: ",")) else { return nil }
        self = selector
    }

    /// `name=alice`, or `name in (alice,bob)`; nil if it would not say what it shall for each name.
    private static func term(_ names: [String], one: String, several: String, isOne: Bool) -> String? {
        guard !names.isEmpty, !names.contains("") else { return nil }
        let quoted = names.map(Self.quoted)
        let term = quoted.count == 1 ? "name\(one)\(quoted[0])" : "name \(several) (\(quoted.joined(separator: ",")))"
        guard let selector = try? Selector(parsing: term),
            names.allSatisfy({ selector.matches(name: $0, server: "", database: "", labels: [:]) == isOne })
        else { return nil }
        return term
    }
}
