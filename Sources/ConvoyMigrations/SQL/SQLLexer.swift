/// Cuts SQL text into tokens by the rules of PostgreSQL's scanner, with `standard_conforming_strings` on.
///
/// It works on UTF-8 bytes, in one pass; the tokens follow each other without gaps. Bytes above ASCII are letters, as on the server.
package struct SQLLexer: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private let end: Int
    private(set) var position: Int
    /// After an escape string: a string that follows on another line continues it, backslash escapes and all.
    private var escapeString = EscapeString.none

    private enum EscapeString { case none, closed, closedOnEarlierLine }

    package init(_ source: SourceText, in range: Range<Int>? = nil) {
        bytes = source.bytes
        position = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    package mutating func next() -> SQLToken? {
        guard position < end else { return nil }
        let start = position
        let (kind, isComplete) = scan()
        noteForContinuation(kind, start..<position)
        return SQLToken(kind, start..<position, isComplete: isComplete)
    }

    /// Continues to read further down.
    mutating func skip(to offset: Int) {
        position = Swift.min(Swift.max(position, offset), end)
        escapeString = .none
    }

    /// The byte that is so far ahead; 0, which no text has, behind the end.
    private func peek(_ distance: Int = 0) -> UInt8 {
        position + distance < end ? bytes[position + distance] : 0
    }

    private mutating func scan() -> (SQLToken.Kind, isComplete: Bool) {
        switch peek() {
        case let byte where byte.isSpace:
            advance(while: \.isSpace)
            return (.whitespace, true)
        case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"):
            advance { $0 != .lineFeed && $0 != .carriageReturn }
            return (.lineComment, true)
        case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
            return (.blockComment, scanBlockComment())
        case UInt8(ascii: "'"):
            return (.string, escapeString == .closedOnEarlierLine ? scanEscapeString() : scanQuoted())
        case UInt8(ascii: "\""):
            return (.quotedIdentifier, scanQuoted())
        case UInt8(ascii: "$"):
            return scanDollar()
        case let byte where byte.startsIdentifier:
            return scanWordOrPrefixedString()
        case let byte where byte.isDigit:
            scanNumber()
            return (.number, true)
        case let byte:
            position += 1
            switch byte {
            case UInt8(ascii: ";"): return (.semicolon, true)
            case UInt8(ascii: "("): return (.openParenthesis, true)
            case UInt8(ascii: ")"): return (.closeParenthesis, true)
            case UInt8(ascii: "\\"): return (.backslash, true)
            default: return (.symbol, true)
            }
        }
    }

    private mutating func advance(while condition: (UInt8) -> Bool) {
        while position < end, condition(bytes[position]) { position += 1 }
    }

    private mutating func scanBlockComment() -> Bool {
        var depth = 0
        while position < end {
            switch (peek(), peek(1)) {
            case (UInt8(ascii: "/"), UInt8(ascii: "*")):
                depth += 1
                position += 2
            case (UInt8(ascii: "*"), UInt8(ascii: "/")):
                depth -= 1
                position += 2
                if depth == 0 { return true }
            default:
                position += 1
            }
        }
        return false
    }

    /// From the opening quote to the closing one; two in a row stand for one inside.
    private mutating func scanQuoted() -> Bool {
        escapeString = .none
        let quote = bytes[position]
        position += 1
        while position < end {
            if bytes[position] != quote {
                position += 1
            } else if peek(1) == quote {
                position += 2
            } else {
                position += 1
                return true
            }
        }
        return false
    }

    private mutating func scanEscapeString() -> Bool {
        position += 1
        while position < end {
            switch (peek(), peek(1)) {
            case (UInt8(ascii: "\\"), _), (UInt8(ascii: "'"), UInt8(ascii: "'")):
                position = Swift.min(position + 2, end)
            case (UInt8(ascii: "'"), _):
                position += 1
                escapeString = .closed
                return true
            default:
                position += 1
            }
        }
        return false
    }

    private mutating func scanDollar() -> (SQLToken.Kind, isComplete: Bool) {
        let start = position
        position += 1
        if peek().isDigit {
            advance(while: \.isDigit)
            return (.parameter, true)
        }
        if peek().startsIdentifier { advance(while: \.continuesTag) }
        guard peek() == UInt8(ascii: "$") else {
            position = start + 1
            return (.symbol, true)
        }
        position += 1
        return (.dollarString, scanDollarString(delimiter: bytes[start..<position]))
    }

    private mutating func scanDollarString(delimiter: ArraySlice<UInt8>) -> Bool {
        while position < end {
            guard bytes[position] == UInt8(ascii: "$") else {
                position += 1
                continue
            }
            let candidate = position
            position += 1
            advance(while: \.continuesTag)
            // The `$` that ends a wrong tag may begin the right one, so it is left to be read again.
            guard peek() == UInt8(ascii: "$"), bytes[candidate...position] == delimiter else { continue }
            position += 1
            return true
        }
        return false
    }

    private mutating func scanWordOrPrefixedString() -> (SQLToken.Kind, isComplete: Bool) {
        let quote = UInt8(ascii: "'")
        switch (peek() | 0x20, peek(1), peek(2)) {
        case (UInt8(ascii: "e"), quote, _):
            position += 1
            return (.string, scanEscapeString())
        case (UInt8(ascii: "b"), quote, _), (UInt8(ascii: "x"), quote, _), (UInt8(ascii: "n"), quote, _):
            position += 1
            return (.string, scanQuoted())
        case (UInt8(ascii: "u"), UInt8(ascii: "&"), quote):
            position += 2
            return (.string, scanQuoted())
        case (UInt8(ascii: "u"), UInt8(ascii: "&"), UInt8(ascii: "\"")):
            position += 2
            return (.quotedIdentifier, scanQuoted())
        default:
            advance { $0.continuesTag || $0 == UInt8(ascii: "$") }
            return (.word, true)
        }
    }

    /// Digits with an exponent or a radix; a point is a symbol of its own, which serves here.
    private mutating func scanNumber() {
        if peek() == UInt8(ascii: "0"), [UInt8(ascii: "x"), UInt8(ascii: "o"), UInt8(ascii: "b")].contains(peek(1) | 0x20),
            peek(2).isHexDigit
        {
            position += 2
            advance { $0.isHexDigit || $0 == UInt8(ascii: "_") }
            return
        }
        advance { $0.isDigit || $0 == UInt8(ascii: "_") }
        guard peek() | 0x20 == UInt8(ascii: "e") else { return }
        let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
        guard peek(1 + sign).isDigit else { return }
        position += 1 + sign
        advance(while: \.isDigit)
    }

    private mutating func noteForContinuation(_ kind: SQLToken.Kind, _ range: Range<Int>) {
        switch kind {
        case .whitespace:
            if escapeString == .closed, bytes[range].contains(where: { $0 == .lineFeed || $0 == .carriageReturn }) {
                escapeString = .closedOnEarlierLine
            }
        case .lineComment:
            break
        case .string where escapeString == .closed:
            break
        default:
            escapeString = .none
        }
    }
}

extension UInt8 {
    fileprivate var isSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }

    fileprivate var isDigit: Bool { (0x30...0x39).contains(self) }

    fileprivate var isHexDigit: Bool { isDigit || (0x61...0x66).contains(self | 0x20) }

    fileprivate var startsIdentifier: Bool {
        (0x61...0x7A).contains(self | 0x20) && self < 0x80 || self == UInt8(ascii: "_") || self >= 0x80
    }

    /// What may follow the first letter of a dollar quote's tag, and of an identifier beside `$`.
    fileprivate var continuesTag: Bool { startsIdentifier || isDigit }
}
