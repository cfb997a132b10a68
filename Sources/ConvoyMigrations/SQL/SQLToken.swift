/// A piece of SQL text as PostgreSQL's scanner would cut it, as far as finding the ends of statements needs.
package struct SQLToken: Sendable, Hashable {
    package enum Kind: UInt8, Sendable, Hashable {
        case whitespace
        /// From `--` to the end of the line.
        case lineComment
        /// `/* … */`, nested ones included.
        case blockComment
        /// A key word or an identifier without quotes.
        case word
        /// `"…"` or `U&"…"`.
        case quotedIdentifier
        /// `'…'` with or without a prefix (E, U&, B, X, N).
        case string
        /// `$tag$ … $tag$`.
        case dollarString
        /// `$1`
        case parameter
        case number
        case semicolon
        case openParenthesis
        case closeParenthesis
        /// Never valid in SQL outside quotes: the start of a psql command.
        case backslash
        /// One byte of an operator or of punctuation.
        case symbol
    }

    package let kind: Kind
    /// False if the text ends before the comment, string or quoted identifier does.
    package let isComplete: Bool
    // Files are far smaller than 4 GiB, and a statement may have millions of tokens.
    private let start: UInt32
    private let end: UInt32

    init(_ kind: Kind, _ range: Range<Int>, isComplete: Bool) {
        self.kind = kind
        self.isComplete = isComplete
        start = UInt32(range.lowerBound)
        end = UInt32(range.upperBound)
    }

    /// The token's bytes in its source.
    package var range: Range<Int> { Int(start)..<Int(end) }

    /// The offset of the token's first byte in its source.
    var offset: Int { Int(start) }
}

extension SourceText {
    /// Whether a token is the key word, given in capitals; quoted identifiers never are.
    func isWord(_ token: SQLToken, _ keyword: String) -> Bool {
        guard token.kind == .word, token.range.count == keyword.utf8.count else { return false }
        return zip(bytes[token.range], keyword.utf8).allSatisfy { byte, capital in
            byte == capital || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) && byte & 0b1101_1111 == capital
        }
    }
}
