package import ConvoyText

/// Cuts a migration's section into statements and comments, in the order of the text.
///
/// A semicolon ends a statement, except in the body of a function between `BEGIN ATOMIC` and `END`, and in the parentheses of a rule's `DO
/// (…; …)`. Text that cannot be cut for certain is reported in ``problems`` and not handed out.
package struct SQLSplitter: Sequence, IteratorProtocol {
    package enum Piece: Sendable {
        case statement(Statement)
        /// A `--` comment, and the statement's first byte where the comment stands inside one.
        case comment(Range<Int>, inStatementAt: Int?)
    }

    /// A statement's tokens that carry meaning; the first is not a comment, and the semicolon at its end is not among them.
    package struct Statement: Sendable {
        let tokens: [SQLToken]
        /// From the first byte of the first token to the last byte of the last one.
        package let range: Range<Int>

        fileprivate init?(_ tokens: [SQLToken]) {
            guard let first = tokens.first, let last = tokens.last else { return nil }
            self.tokens = tokens
            range = first.range.lowerBound..<last.range.upperBound
        }
    }

    /// After this number of problems the rest of a text is not cut: more problems would help little.
    static let problemLimit = 50

    private let source: SourceText
    private let range: Range<Int>
    private var lexer: SQLLexer
    private var tokens: [SQLToken] = []
    /// The offsets of the parentheses that are open.
    private var parentheses: [Int] = []
    /// The index in `tokens` of the word ATOMIC that began the function body in which the splitter is.
    private var atomicIndex: Int?
    private var mayHaveCopyEnd = true
    package private(set) var problems: [Problem] = []

    package init(_ source: SourceText, in range: Range<Int>? = nil) {
        self.source = source
        self.range = range ?? 0..<source.bytes.count
        lexer = SQLLexer(source, in: range)
    }

    package mutating func next() -> Piece? {
        while problems.count < Self.problemLimit, let token = lexer.next() {
            guard token.isComplete else {
                problems.append(unterminated(token))
                tokens = []
                return nil
            }
            switch token.kind {
            case .whitespace, .blockComment:
                continue
            case .lineComment:
                return .comment(token.range, inStatementAt: tokens.first?.offset)
            case .backslash:
                refuseBackslash(token)
            case .semicolon:
                if let statement = endStatement(token) { return .statement(statement) }
            case .openParenthesis:
                parentheses.append(token.offset)
                tokens.append(token)
            case .closeParenthesis:
                closeParenthesis(token)
            default:
                tokens.append(token)
                if token.kind == .word { noteBody(token) }
            }
        }
        guard problems.count < Self.problemLimit else { return nil }
        return endOfText().map(Piece.statement)
    }

    /// Continues behind the data that follows a `COPY … FROM STDIN` in a dump, so that it is not read as SQL.
    mutating func skipCopyData() {
        guard mayHaveCopyEnd else { return }
        var position = source.restOfLine(from: lexer.position).upperBound
        while position < range.upperBound {
            let line = source.restOfLine(from: position + 1)
            if source.bytes[line].elementsEqual("\\.".utf8) {
                lexer.skip(to: line.upperBound)
                return
            }
            position = line.upperBound
        }
        mayHaveCopyEnd = false
    }

    private mutating func reset() {
        tokens = []
        parentheses = []
        atomicIndex = nil
    }

    /// Follows the one construct in which a statement holds others: END closes it only right behind a semicolon, since there the END of a
    /// CASE cannot stand, nor a column that is called "end".
    private mutating func noteBody(_ token: SQLToken) {
        let index = tokens.count - 1
        guard index > 0, parentheses.isEmpty else { return }
        if let atomicIndex {
            if source.isWord(token, "END"), index == atomicIndex + 1 || tokens[index - 1].kind == .semicolon { self.atomicIndex = nil }
        } else if source.isWord(token, "ATOMIC"), source.isWord(tokens[index - 1], "BEGIN"), creates("FUNCTION", "PROCEDURE") {
            atomicIndex = index
        }
    }

    /// Whether the statement begins with CREATE or CREATE OR REPLACE, then one of the words.
    private func creates(_ objects: String...) -> Bool {
        guard let first = tokens.first, source.isWord(first, "CREATE") else { return false }
        let isReplacing = tokens.count > 3 && source.isWord(tokens[1], "OR") && source.isWord(tokens[2], "REPLACE")
        let index = isReplacing ? 3 : 1
        return index < tokens.count && objects.contains { source.isWord(tokens[index], $0) }
    }

    private mutating func endStatement(_ semicolon: SQLToken) -> Statement? {
        if let parenthesis = parentheses.last {
            if creates("RULE") {
                tokens.append(semicolon)
                return nil
            }
            problems.append(
                source.problem(
                    at: parenthesis,
                    "this parenthesis is still open at the semicolon on line \(source.line(at: semicolon.offset))",
                    text: source.excerpt(parenthesis..<semicolon.range.upperBound),
                    hint: "close it; only CREATE RULE … DO (…; …) has semicolons in parentheses"
                )
            )
            reset()
            return nil
        }
        if atomicIndex != nil {
            tokens.append(semicolon)
            return nil
        }
        defer { reset() }
        return Statement(tokens)
    }

    private mutating func endOfText() -> Statement? {
        defer { reset() }
        if let parenthesis = parentheses.last {
            problems.append(
                source.problem(
                    at: parenthesis,
                    "this parenthesis is never closed",
                    text: source.excerpt(parenthesis..<range.upperBound),
                    hint: "close it before the section ends\(sectionEnd)"
                )
            )
            return nil
        }
        if let atomicIndex {
            problems.append(
                source.problem(
                    at: tokens[atomicIndex - 1].offset,
                    "this BEGIN ATOMIC has no END",
                    text: source.excerpt(tokens[atomicIndex - 1].offset..<range.upperBound),
                    hint: "end each statement of the body with a semicolon and the body with END, before the section ends\(sectionEnd)"
                )
            )
            return nil
        }
        return Statement(tokens)
    }

    private mutating func closeParenthesis(_ token: SQLToken) {
        tokens.append(token)
        guard parentheses.popLast() == nil else { return }
        problems.append(
            source.problem(
                at: token.offset,
                "this parenthesis has no opening parenthesis",
                text: source.excerpt(source.lineUpTo(token.range.upperBound)),
                hint: "remove it, or add the opening parenthesis"
            )
        )
    }

    private mutating func refuseBackslash(_ token: SQLToken) {
        let line = source.restOfLine(from: token.offset).clamped(to: range)
        problems.append(
            source.problem(
                at: token.offset,
                "psql's backslash commands are not SQL and do not run here",
                text: source.excerpt(line),
                hint: "remove it, or write the same in SQL; write data as INSERT statements"
            )
        )
        lexer.skip(to: line.upperBound)
    }

    private func unterminated(_ token: SQLToken) -> Problem {
        let (what, close) =
            switch token.kind {
            case .blockComment: ("comment", "*/")
            case .quotedIdentifier: ("quoted identifier", "\"")
            case .dollarString: ("dollar-quoted string", dollarDelimiter(token))
            default: ("string", "'")
            }
        return source.problem(
            at: token.offset,
            "this \(what) is never closed",
            text: source.excerpt(token.range),
            hint: "close it with \(close) before the section ends\(sectionEnd)"
        )
    }

    private func dollarDelimiter(_ token: SQLToken) -> String {
        let tag = source.bytes[token.range].dropFirst().prefix { $0 != UInt8(ascii: "$") }
        return "$" + String(decoding: tag, as: UTF8.self) + "$"
    }

    /// If the text continues behind the section, a marker cut it there.
    private var sectionEnd: String {
        guard range.upperBound < source.bytes.count else { return "" }
        return " on line \(source.line(at: range.upperBound)): a line that begins with `-- migrate:` starts a section even inside quotes"
    }
}
