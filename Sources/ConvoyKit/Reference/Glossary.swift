package import ConvoyFleet
internal import ConvoyInstance
internal import ConvoyRollout
internal import ConvoyRun
internal import ConvoyText

/// What a word of Convoy means: the words that reports, events, errors, commands and the fleet file use.
package struct Explanation: Sendable, Hashable {
    /// What kind of word it is: an outcome, an SQLSTATE.
    package var kind: String
    /// The word itself; for a key of the fleet file its whole path.
    package var word: String
    /// One line without a full stop.
    package var meaning: String
    /// More that belongs to it, a line each.
    package var details: [String]

    package init(kind: String, word: String, meaning: String, details: [String] = []) {
        (self.kind, self.word, self.meaning, self.details) = (kind, word, meaning, details)
    }
}

/// Every word that can be explained. Outcomes, events, hints and the schema of the fleet file say themselves what they mean.
package struct Glossary: Sendable {
    private let words: [Explanation]

    /// - Parameter exitCodes: the codes of the program, which only the command line knows.
    package init(exitCodes: [Explanation]) {
        let outcomes = Outcome.allCases.map {
            Explanation(kind: "outcome", word: $0.rawValue, meaning: $0.meaning, details: [$0.weight])
        }
        let states = SQLStateMeaning.all.map { state in
            Explanation(
                kind: "SQLSTATE" + (state.condition.map { " (\($0))" } ?? ""),
                word: state.sqlstate,
                meaning: state.meaning,
                details: ["advice: \(state.advice)"]
            )
        }
        let rules = HaltRule.allCases.map { Explanation(kind: "halt reason", word: $0.rawValue, meaning: $0.meaning) }
        let events = EventType.allCases.map { Explanation(kind: "event", word: $0.rawValue, meaning: $0.meaning) }
        let variables = HookVariable.allCases.map { Explanation(kind: "variable of a hook", word: $0.rawValue, meaning: $0.meaning) }
        words = outcomes + exitCodes + states + rules + events + variables + Explanation.terms
    }

    /// Every word, keys of the fleet file included, in alphabetical order.
    package var allWords: [String] { Set(words.map(\.word) + FleetFileKey.all.map(\.name)).sorted() }

    /// Everything that a word means: `lock-busy`, `55P03`, `69`, `halted`, `rollout.waves.gate.soak` or only `soak`.
    package func explanations(of word: String) -> [Explanation] {
        let asked = word.lowercased()
        let keys = FleetFileKey.all.filter { $0.isMeant(by: asked) }
        // The whole path names one key, even where it also ends another path.
        let exact = keys.filter { $0.path.replacing("[]", with: "") == asked || $0.path == word }
        return words.filter { $0.word.lowercased() == asked } + (exact.isEmpty ? keys : exact).map(Explanation.init)
    }

    /// Words that a person may have meant, the nearest of each kind.
    package func nearest(to word: String) -> [String] {
        var kinds: [String: [String]] = [:]
        for entry in words { kinds[String(entry.kind.prefix { $0 != " " }), default: []].append(entry.word) }
        kinds["key"] = FleetFileKey.all.map(\.name)
        var near: [String] = []
        for kind in kinds.keys.sorted() {
            guard let nearest = nearestWord(to: word, among: kinds[kind] ?? []), !near.contains(nearest) else { continue }
            near.append(nearest)
        }
        return near
    }
}

extension Explanation {
    /// A key of the fleet file.
    package init(_ key: FleetFileKey) {
        var details = ["value: \(key.type)"]
        if let value = key.defaultValue { details.append("default: \(value)") }
        if key.isRequired { details.append("required") }
        if key.isSetting { details.append("also in a server, an instance and an entry of `discover`") }
        self.init(kind: "key of the fleet file", word: key.path, meaning: key.meaning, details: details)
    }
}
