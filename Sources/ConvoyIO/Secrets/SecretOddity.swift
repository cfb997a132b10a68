/// Something in a secret that hardly belongs to it: what an editor, a shell or a secret store has added to it. Its description shows none of it.
///
///     SecretOddity.all(in: "hunter2\n")    // [.lineBreakAtEnd]
///
/// Every secret is judged by this, wherever it comes from. A secret is never changed because of it: only the operator knows which is the right one.
public enum SecretOddity: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// It has no characters, or only white space.
    case empty
    /// It begins with a byte order mark, as some editors write it.
    case byteOrderMark
    /// A line break stands before its text.
    case lineBreakAtStart
    /// The one at the end of a file is taken off before a secret is judged.
    case lineBreakAtEnd
    /// A line break stands within its text.
    case lineBreakInside
    /// White space other than a line break stands before its text.
    case blankAtStart
    /// White space other than a line break stands after its text.
    case blankAtEnd
    /// It stands in quotation marks.
    case quotes
    /// `NAME=` stands in front of it.
    case assignment
    /// It contains a control character other than a line break.
    case controlCharacter
    /// It contains a character that is not visible, for example a zero-width space or a no-break space.
    case invisibleCharacter

    /// In words that follow the secret's name.
    public var description: String {
        switch self {
        case .empty: "is empty"
        case .byteOrderMark: "begins with a byte order mark"
        case .lineBreakAtStart: "begins with a line break"
        case .lineBreakAtEnd: "ends with a line break"
        case .lineBreakInside: "holds a line break"
        case .blankAtStart: "begins with a blank"
        case .blankAtEnd: "ends with a blank"
        case .quotes: "stands in quotation marks"
        case .assignment: "begins with a name and “=”, as a line of an environment file does"
        case .controlCharacter: "holds a control character"
        case .invisibleCharacter: "holds an invisible character"
        }
    }

    /// Everything that is odd about a text, most telling first.
    package static func all(in text: String) -> [SecretOddity] {
        var rest = Substring(text).unicodeScalars
        guard !rest.isEmpty else { return [.empty] }
        var oddities: [SecretOddity] = []
        if rest.first == "\u{FEFF}" {
            oddities.append(.byteOrderMark)
            rest.removeFirst()
        }
        if rest.allSatisfy(\.properties.isWhitespace) { return oddities + [.empty] }
        let start = rest.prefix { $0.properties.isWhitespace }
        let end = rest[(rest.lastIndex { !$0.properties.isWhitespace }.map(rest.index(after:)) ?? rest.startIndex)...]
        if start.contains(where: { $0.isLineBreak }) { oddities.append(.lineBreakAtStart) }
        if start.contains(where: { !$0.isLineBreak }) { oddities.append(.blankAtStart) }
        if end.contains(where: { $0.isLineBreak }) { oddities.append(.lineBreakAtEnd) }
        if end.contains(where: { !$0.isLineBreak }) { oddities.append(.blankAtEnd) }
        rest = rest[start.endIndex..<end.startIndex]
        if standsInQuotes(rest) { oddities.append(.quotes) }
        if beginsWithName(rest) { oddities.append(.assignment) }
        if rest.contains(where: \.isLineBreak) { oddities.append(.lineBreakInside) }
        if rest.contains(where: { $0.properties.generalCategory == .control && !$0.isLineBreak }) { oddities.append(.controlCharacter) }
        if rest.contains(where: \.isInvisible) { oddities.append(.invisibleCharacter) }
        return oddities
    }

    /// Several, as one part of a sentence.
    package static func text(_ oddities: [SecretOddity]) -> String {
        guard oddities.count > 1, let last = oddities.last else { return oddities.first?.description ?? "" }
        return oddities.dropLast().map(\.description).joined(separator: ", ") + " and " + last.description
    }

    private static func standsInQuotes(_ text: Substring.UnicodeScalarView) -> Bool {
        guard text.count > 1, let first = text.first, let last = text.last else { return false }
        return ["\"\"", "''", "``", "“”", "‘’", "„“", "«»"].contains { pair in
            pair.unicodeScalars.first == first && pair.unicodeScalars.last == last
        }
    }

    /// `export ENCRYPTION_KEY=…`; base64 has “=” at its end only, and a capital or two before one prove nothing.
    private static func beginsWithName(_ text: Substring.UnicodeScalarView) -> Bool {
        var text = text
        let export = "export ".unicodeScalars
        if text.starts(with: export) { text = text.dropFirst(export.count) }
        let name = text.prefix { ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_" }
        let rest = text[name.endIndex...]
        guard name.count >= 3, let first = name.first, !("0"..."9").contains(first), rest.first == "=" else { return false }
        return rest.dropFirst().contains { $0 != "=" }
    }
}

extension Unicode.Scalar {
    fileprivate var isLineBreak: Bool {
        switch self {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{B}", "\u{C}": true
        default: false
        }
    }

    /// Nothing, or a blank that is not the space bar's.
    fileprivate var isInvisible: Bool {
        switch properties.generalCategory {
        case .format: true
        case .spaceSeparator: self != " "
        default: properties.isDefaultIgnorableCodePoint
        }
    }
}
