/// A JSON text in the making, whose keys keep the order in which they are documented.
package enum JSONValue: Sendable, Hashable, ExpressibleByDictionaryLiteral, ExpressibleByStringLiteral {
    case null
    case bool(Bool)
    case integer(Int)
    /// Seconds, for durations; written to the microsecond.
    case seconds(Double)
    case string(String)
    case array([JSONValue])
    case object(Members)

    /// The members of an object in order.
    package struct Members: Sendable, Hashable {
        fileprivate var list: [Member]

        fileprivate struct Member: Sendable, Hashable {
            var key: String
            var value: JSONValue
        }

        package init(_ elements: some Sequence<(String, JSONValue)>) {
            list = elements.map { Member(key: $0.0, value: $0.1) }
        }
    }

    /// Lets an object be written as a dictionary literal.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Members(elements))
    }

    /// Lets a string be written as a literal.
    package init(stringLiteral text: String) {
        self = .string(text)
    }

    /// An object with these members in front of its own; anything else stays as it is.
    package func prefixed(by members: [(String, JSONValue)]) -> JSONValue {
        guard case .object(var all) = self else { return self }
        all.list.insert(contentsOf: members.map { Members.Member(key: $0.0, value: $0.1) }, at: 0)
        return .object(all)
    }

    /// An object with one more member behind the one with the key `place`; anything else, and an object without that key, stays as it is.
    package func inserting(_ key: String, _ value: JSONValue, behind place: String) -> JSONValue {
        guard case .object(var all) = self, let index = all.list.firstIndex(where: { $0.key == place }) else { return self }
        all.list.insert(Members.Member(key: key, value: value), at: index + 1)
        return .object(all)
    }

    package static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    package static func strings(_ texts: some Sequence<some CustomStringConvertible>) -> JSONValue {
        .array(texts.map { .string($0.description) })
    }

    /// The text, two spaces a level, one line feed at its end.
    package var text: String {
        var text = ""
        write(to: &text, indent: "")
        return text + "\n"
    }

    /// The text on one line, without spaces between and without a line feed.
    package var line: String {
        var text = ""
        write(to: &text, indent: nil)
        return text
    }

    /// - Parameter indent: what a line begins with; nil writes everything on one line.
    private func write(to text: inout String, indent: String?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .seconds(let value): text += Self.number(value)
        case .string(let value): Self.write(value, to: &text)
        case .array(let values):
            Self.write(values, brackets: ("[", "]"), to: &text, indent) { value, text, indent in value.write(to: &text, indent: indent) }
        case .object(let members):
            Self.write(members.list, brackets: ("{", "}"), to: &text, indent) { member, text, indent in
                Self.write(member.key, to: &text)
                text += indent == nil ? ":" : ": "
                member.value.write(to: &text, indent: indent)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element],
        brackets: (open: String, close: String),
        to text: inout String,
        _ indent: String?,
        each: (Element, inout String, String?) -> Void
    ) {
        text += brackets.open
        let inner = indent.map { $0 + "  " }
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            if let inner { text += "\n" + inner }
            each(element, &text, inner)
        }
        if let indent, !elements.isEmpty { text += "\n" + indent }
        text += brackets.close
    }

    private static func number(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "null" }
        let rounded = (seconds * 1e6).rounded() / 1e6
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int64(clamping: rounded)) : String(rounded)
    }

    /// JSON demands only U+0000 to U+001F to be escaped; the rest protects readers in a terminal.
    private static func write(_ value: String, to text: inout String) {
        text += "\""
        // Most have nothing to escape.
        if value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            text += value
            text += "\""
            return
        }
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.isObeyedByTerminals:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
