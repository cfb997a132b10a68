import ConvoyText

/// Which instances are meant, in the manner of Kubernetes; all terms must hold.
///
///     let selector = try Selector(parsing: "ring=canary, region in (eu,us), !legacy, name~team-*")
///     selector.matches(instance)
///
/// | term | holds for an instance |
/// | --- | --- |
/// | `ring=canary`, `ring==canary` | whose label has that value |
/// | `ring!=canary` | whose label has another value, or that does not have the label |
/// | `region in (eu,us)` | whose label has one of the values |
/// | `region notin (eu,us)` | whose label has none of them, or that does not have the label |
/// | `legacy` | that has the label |
/// | `!legacy` | that has not |
/// | `name~team-*` | whose label fits the glob |
/// | `name="tm_my car"` | whose value has characters that need quotes, double or single |
///
/// `name`, `server` and `database` stand for the instance's own; no label can have these keys. Within quotes `\` stands before the same quote
/// and before another `\`. Values are compared by their bytes.
public struct Selector: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    public let text: String
    let terms: [Term]

    struct Term: Sendable, Hashable {
        var key: String
        var condition: Condition
    }

    enum Condition: Sendable, Hashable {
        case exists
        case missing
        case isOne(of: Set<ExactText>)
        case isNone(of: Set<ExactText>)
        case fits(Glob)
    }

    /// Keys that mean the instance itself instead of one of its labels.
    public static let reservedKeys: Set<String> = ["name", "server", "database"]

    /// Reads a selector.
    ///
    /// - Throws: ``SelectorError`` for anything that is not one, the empty text included.
    public init(parsing text: String) throws(SelectorError) {
        var parser = SelectorParser(text)
        self.text = text
        terms = try parser.terms()
    }

    /// The selector as it was written.
    public var description: String { text }

    /// A value as a selector takes it: in quotes where it needs them.
    package static func quoted(_ value: String) -> String {
        if !value.isEmpty, value.unicodeScalars.allSatisfy(SelectorParser.isValueCharacter) { return value }
        var quoted = String.UnicodeScalarView("\"".unicodeScalars)
        for scalar in value.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.append("\\") }
            quoted.append(scalar)
        }
        quoted.append("\"")
        return String(quoted)
    }

    /// Whether every term holds for the instance.
    public func matches(_ instance: Instance) -> Bool {
        matches(name: instance.name, server: instance.server, database: instance.database, labels: instance.labels)
    }

    /// Whether every term holds for an instance with this name, server, database and these labels.
    public func matches(name: String, server: String, database: String, labels: [String: String]) -> Bool {
        terms.allSatisfy { term in
            let value: String? =
                switch term.key {
                case "name": name
                case "server": server
                case "database": database
                default: labels[term.key]
                }
            return switch term.condition {
            case .exists: value != nil
            case .missing: value == nil
            case .isOne(let values): value.map { values.contains(ExactText($0)) } ?? false
            case .isNone(let values): value.map { !values.contains(ExactText($0)) } ?? true
            case .fits(let glob): value.map(glob.matches) ?? false
            }
        }
    }
}

/// Why a text is not a selector, and where.
public struct SelectorError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence without a full stop.
    public var message: String
    /// In characters from the selector's start, counted from 1.
    public var column: Int
    /// What to write instead.
    public var hint: String?

    /// An error at a place of the selector.
    public init(_ message: String, column: Int, hint: String? = nil) {
        self.message = message
        self.column = column
        self.hint = hint
    }

    /// The message with its place, and the hint, in one line.
    public var description: String {
        let place = "\(message), at character \(column)"
        return hint.map { "\(place); \($0)" } ?? place
    }
}
