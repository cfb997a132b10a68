internal import ConvoyMigrations
import ConvoyText

/// A name in a selector that nothing in the fleet has, so that what it was meant to choose, or to leave out, is not what the selector describes.
package struct SelectorMiss: Hashable, Sendable {
    /// One sentence without a full stop.
    package var message: String
    /// The nearest known name, or what there is.
    package var hint: String?
    /// Whether it names an instance, a server or a database, and not a label.
    package var isName: Bool
}

/// The names and labels of a fleet: what a selector can mean.
package struct SelectionVocabulary: Sendable {
    private var reserved: [String: Set<ExactText>] = ["name": [], "server": [], "database": []]
    private var labels: [String: Set<ExactText>] = [:]

    package init() {}

    package init(_ instances: [Instance]) {
        for instance in instances {
            add(name: instance.name, server: instance.server, database: instance.database, labels: instance.labels)
        }
    }

    package mutating func add(name: String, server: String?, database: String?, labels: [String: String]) {
        reserved["name"]?.insert(ExactText(name))
        if let server { reserved["server"]?.insert(ExactText(server)) }
        if let database { reserved["database"]?.insert(ExactText(database)) }
        for (key, value) in labels { self.labels[key, default: []].insert(ExactText(value)) }
    }

    /// The keys of labels that instances have.
    package var labelKeys: [String] { labels.keys.sorted() }

    fileprivate func values(of key: String) -> Set<ExactText>? { reserved[key] ?? labels[key] }

    fileprivate func has(_ value: ExactText, of key: String) -> Bool { values(of: key)?.contains(value) ?? false }

    /// What a key's value most likely was meant to be, as a sentence; nil if no value is close.
    fileprivate func suggestion(for value: ExactText, of key: String) -> String? {
        let known = (values(of: key) ?? []).sorted().map(\.text)
        if let twin = known.first(where: { $0 == value.text }) {
            return
                "the “\(twin)” of the fleet is written with \(Self.difference(twin, value.text)): write \(key)=\(Selector.quoted(twin)) exactly like this"
        }
        if let odd = OddCharacter(in: value.text) {
            let read = OddCharacter.read(value.text)
            let meant = known.first { $0.isIdentical(to: read) }.map { "; did you mean \($0)?" } ?? ""
            return "character \(odd.position) of it is \(odd.description)\(meant)"
        }
        if let nearest = nearestWord(to: value.text, among: known) { return "did you mean \(nearest)?" }
        guard !known.isEmpty, known.count <= 16 else { return nil }
        return "available: \(known.map { Selector.quoted($0) }.joined(separator: ", "))"
    }

    /// Where two texts that look the same differ: `U+00FC, not U+0075 U+0308`.
    private static func difference(_ known: String, _ typed: String) -> String {
        func points(_ text: String, after shared: Int) -> String {
            text.unicodeScalars.dropFirst(shared).prefix(2).map(\.codePoint).joined(separator: " ")
        }
        let shared = zip(known.unicodeScalars, typed.unicodeScalars).prefix { $0 == $1 }.count
        return "\(points(known, after: shared)) and not \(points(typed, after: shared))"
    }
}

extension Selector {
    /// The names in it that nothing has, in order: values that are asked for, instances, servers and databases that are to be left out, and keys.
    /// An excluded value that no instance has is not a miss: `ring!=legacy` stays right when the last legacy instance is gone.
    package func misses(in vocabulary: SelectionVocabulary) -> [SelectorMiss] {
        terms.flatMap { term -> [SelectorMiss] in
            if !Self.reservedKeys.contains(term.key), vocabulary.values(of: term.key) == nil {
                return [Self.unknownKey(term, in: vocabulary)]
            }
            let isReserved = Self.reservedKeys.contains(term.key)
            switch term.condition {
            case .exists, .missing, .fits: return []
            case .isNone where !isReserved: return []
            case .isOne(let values), .isNone(let values):
                return values.sorted().filter { !vocabulary.has($0, of: term.key) }.map { value in
                    SelectorMiss(
                        message: Self.words(for: term.key, value.text),
                        hint: vocabulary.suggestion(for: value, of: term.key),
                        isName: isReserved
                    )
                }
            }
        }
    }

    private static func words(for key: String, _ value: String) -> String {
        switch key {
        case "name": "no instance is called \(quoted(value))"
        case "server": "no instance is on a server called \(quoted(value))"
        case "database": "no instance has a database called \(quoted(value))"
        default: "no instance has the label \(key)=\(value.isEmpty ? "" : quoted(value))"
        }
    }

    private static func unknownKey(_ term: Term, in vocabulary: SelectionVocabulary) -> SelectorMiss {
        let known = vocabulary.labelKeys
        var hint = nearestWord(to: term.key, among: known + reservedKeys.sorted()).map { "did you mean \($0)?" }
        // A word alone is most often meant to be an instance.
        if term.condition == .exists {
            let names = (vocabulary.values(of: "name") ?? []).sorted().map(\.text)
            if let name = names.first(where: { $0.isIdentical(to: term.key) })
                ?? (hint == nil ? nearestWord(to: term.key, among: names) : nil)
            {
                hint = "a word alone means a label; did you mean name=\(quoted(name))?"
            } else if hint == nil {
                hint = "a word alone means a label; an instance is name=\(quoted(term.key))"
            }
        }
        if hint == nil {
            hint =
                known.isEmpty
                ? "the fleet has no labels; name, server and database can be selected"
                : known.count <= 16 ? "available: \(known.joined(separator: ", "))" : nil
        }
        return SelectorMiss(message: "no instance has a label `\(term.key)`", hint: hint, isName: false)
    }
}
