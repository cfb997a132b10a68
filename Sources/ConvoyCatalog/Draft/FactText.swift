import ConvoyMigrations

/// The text of a fact, cut into tokens.
///
/// What the server printed was made by the database's owner: a name or a literal may contain any word. So words are looked for outside of quotes
/// and parentheses, and a text that is more than one expression is not used.
struct FactText {
    private let source: SourceText
    /// Without white space.
    private let tokens: [SQLToken]
    /// The parentheses and brackets that are open before each token.
    private let depths: [Int]
    /// Whether it has no comment, no semicolon and no open quote or parenthesis.
    let isWhole: Bool

    init(_ text: String) {
        source = SourceText(path: "", text: text)
        var (tokens, depths, depth, isWhole): ([SQLToken], [Int], Int, Bool) = ([], [], 0, true)
        for token in SQLLexer(source) where token.kind != .whitespace {
            let symbol = token.kind == .symbol ? source.bytes[token.range].first : nil
            if token.kind == .closeParenthesis || symbol == UInt8(ascii: "]") { depth -= 1 }
            tokens.append(token)
            depths.append(depth)
            if token.kind == .openParenthesis || symbol == UInt8(ascii: "[") { depth += 1 }
            let isForeign = [.lineComment, .blockComment, .semicolon, .backslash].contains(token.kind)
            if !token.isComplete || isForeign || depth < 0 { isWhole = false }
        }
        (self.tokens, self.depths, self.isWhole) = (tokens, depths, isWhole && depth == 0)
    }

    /// Whether it can be an expression or a type within a statement: whole, not empty, and without a comma that would begin another one.
    static func isExpression(_ text: String) -> Bool {
        let fact = FactText(text)
        return fact.isWhole && !fact.tokens.isEmpty && !fact.tokens.indices.contains { fact.depths[$0] == 0 && fact.word($0) == "," }
    }

    /// The number of tokens.
    var count: Int { tokens.count }

    /// A token as it is written.
    func word(_ index: Int) -> String {
        tokens.indices.contains(index) ? String(decoding: source.bytes[tokens[index].range], as: UTF8.self) : ""
    }

    /// What is written from one token to the one before another.
    func text(_ range: Range<Int>) -> String {
        guard !range.isEmpty, tokens.indices.contains(range.lowerBound), tokens.indices.contains(range.upperBound - 1) else { return "" }
        return String(
            decoding: source.bytes[tokens[range.lowerBound].range.lowerBound..<tokens[range.upperBound - 1].range.upperBound],
            as: UTF8.self
        )
    }

    /// The first place of these words, outside of quotes and parentheses.
    func first(_ phrase: String, from start: Int = 0) -> Range<Int>? {
        let words = phrase.split(separator: " ").map(String.init)
        guard start <= tokens.count - words.count else { return nil }
        return (start...(tokens.count - words.count)).lazy.filter { index in
            depths[index] == 0 && word(index - 1) != "."
                && words.indices.allSatisfy { tokens[index + $0].kind == .word && word(index + $0) == words[$0] }
        }.map { $0..<($0 + words.count) }.first
    }

    /// The last token, if the text ends with one of these words outside of parentheses.
    func ending(_ words: [String]) -> String? {
        guard let last = tokens.indices.last, tokens[last].kind == .word, depths[last] == 0, words.contains(word(last)) else { return nil }
        return word(last)
    }

    /// The token behind the parenthesis that closes the one at `start`.
    func behindParentheses(_ start: Int) -> Int? {
        guard tokens.indices.contains(start), tokens[start].kind == .openParenthesis else { return nil }
        return tokens.indices.first { $0 > start && depths[$0] == depths[start] }.map { $0 + 1 }
    }

    /// The text with another name in place of an identifier or a qualified name.
    ///
    /// - Parameter range: the tokens in which it is looked for; nil means all.
    func replacing(_ name: String, with other: String, in range: Range<Int>? = nil) -> String {
        let parts = FactText(name)
        let width = parts.count
        var (result, position, index) = ("", 0, range?.lowerBound ?? 0)
        while width > 0, index + width <= range?.upperBound ?? tokens.count {
            let isName =
                word(index - 1) != "."
                && (0..<width).allSatisfy { word(index + $0) == parts.word($0) && tokens[index + $0].kind == parts.tokens[$0].kind }
                && (width > 1 || tokens[index].kind != .word || word(index + 1) != "(")
            guard isName else {
                index += 1
                continue
            }
            result += String(decoding: source.bytes[position..<tokens[index].range.lowerBound], as: UTF8.self) + other
            position = tokens[index + width - 1].range.upperBound
            index += width
        }
        return result + String(decoding: source.bytes[position...], as: UTF8.self)
    }
}

extension SQLName {
    /// Whether a text is a name of this number of identifiers, each quoted where it must be.
    static func isName(_ text: String, parts count: Int) -> Bool {
        let parts = parts(text)
        return parts.count == count && parts.allSatisfy(isIdentifier)
    }

    static func isIdentifier(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.first != UInt8(ascii: "\"") else {
            var isOpen = true
            guard bytes.count > 2, bytes.last == UInt8(ascii: "\"") else { return false }
            for byte in bytes.dropFirst().dropLast() { if byte == UInt8(ascii: "\"") { isOpen.toggle() } else if !isOpen { return false } }
            return isOpen && !bytes.contains(0)
        }
        let first = bytes.first.map { (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "_") } ?? false
        return first && bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") }
    }

    /// The name without its last identifier, and that one.
    static func parent(_ name: String) -> String { parts(name).dropLast().joined(separator: ".") }
    static func last(_ name: String) -> String { parts(name).last ?? name }
}
