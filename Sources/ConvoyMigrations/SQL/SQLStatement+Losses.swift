extension SQLStatement {
    /// What it deletes, as far as its first words show: tables, columns, schemas, rows. What they do not show is left out.
    ///
    ///     SQLStatement(text: "ALTER TABLE cars DROP COLUMN plate, DROP vin", line: 1).losses.map(\.text)   // ["column cars.plate", "column cars.vin"]
    package var losses: [StatementLoss] {
        var words = LossWords(text)
        switch words.next() {
        case "DROP": return words.dropped
        case "TRUNCATE":
            words.skip("TABLE")
            return words.names.map { StatementLoss("all rows of", $0) }
        case "DELETE":
            words.skip("FROM")
            words.skip("ONLY")
            return words.name().map { [StatementLoss("rows of", $0, isOfSomeRows: true)] } ?? []
        case "ALTER":
            guard words.next() == "TABLE" else { return [] }
            return words.droppedColumns
        default: return []
        }
    }
}

/// Something that a statement deletes.
package struct StatementLoss: Sendable, Hashable {
    /// In words, for example `column cars.plate`.
    package let text: String
    /// The name of the table whose rows lose something, as it is written: with its schema before it where the statement has one. Nil for a schema.
    package let table: [String]?
    /// Whether it may be only some of the table's rows.
    package let isOfSomeRows: Bool

    /// A table, or rows of it.
    init(_ words: String, _ name: [String], isOfSomeRows: Bool = false) {
        text = "\(words) \(name.joined(separator: "."))"
        table = name
        self.isOfSomeRows = isOfSomeRows
    }

    /// A column.
    init(column: [String], of name: [String]) {
        text = "column \((name + column).joined(separator: "."))"
        table = name
        isOfSomeRows = false
    }

    /// A schema with all that is in it.
    init(schema name: [String]) {
        text = "schema \(name.joined(separator: "."))"
        table = nil
        isOfSomeRows = false
    }
}

/// The words of a statement, one after the other: key words in capitals, names as they are written.
private struct LossWords {
    private let source: SourceText
    private let tokens: [SQLToken]
    private var position = 0

    init(_ text: String) {
        source = SourceText(path: "", text: text)
        tokens = SQLLexer(source).filter { ![.whitespace, .lineComment, .blockComment, .semicolon].contains($0.kind) }
    }

    private func word(at index: Int) -> String? {
        guard index < tokens.count, tokens[index].kind == .word else { return nil }
        return source.text(tokens[index].range).uppercased()
    }

    /// The key word that is next; nil if something else is next.
    mutating func next() -> String? {
        defer { position += 1 }
        return word(at: position)
    }

    mutating func skip(_ keywords: String...) {
        for keyword in keywords where word(at: position) == keyword { position += 1 }
    }

    /// The next name, with its schema if it has one.
    mutating func name() -> [String]? {
        var name: [String] = []
        while position < tokens.count {
            let token = tokens[position]
            guard token.kind == .word || token.kind == .quotedIdentifier else { break }
            name.append(source.text(token.range))
            position += 1
            guard position < tokens.count, source.text(tokens[position].range) == "." else { break }
            position += 1
        }
        return name.isEmpty ? nil : name
    }

    private func isComma(at index: Int) -> Bool { index < tokens.count && source.text(tokens[index].range) == "," }

    /// The names of a list.
    var names: [[String]] {
        var rest = self
        var names: [[String]] = []
        repeat {
            rest.skip("ONLY")
            guard let name = rest.name() else { return names }
            names.append(name)
            if rest.position < tokens.count, source.text(tokens[rest.position].range) == "*" { rest.position += 1 }
            defer { rest.position += 1 }
            guard rest.isComma(at: rest.position) else { return names }
        } while true
    }

    /// What DROP names; only what holds rows, or holds what does.
    var dropped: [StatementLoss] {
        var rest = self
        let kind: String
        switch rest.next() {
        case "TABLE": kind = "table"
        case "SCHEMA": kind = "schema"
        case "MATERIALIZED":
            rest.skip("VIEW")
            kind = "materialized view"
        default: return []
        }
        rest.skip("IF", "EXISTS")
        return rest.names.map { kind == "schema" ? StatementLoss(schema: $0) : StatementLoss(kind, $0) }
    }

    /// The columns that an ALTER TABLE drops.
    var droppedColumns: [StatementLoss] {
        var rest = self
        rest.skip("IF", "EXISTS", "ONLY")
        guard let table = rest.name() else { return [] }
        var columns: [StatementLoss] = []
        var depth = 0
        var isActionStart = true
        while rest.position < tokens.count {
            if isActionStart, rest.word(at: rest.position) == "DROP" {
                rest.position += 1
                let isConstraint = rest.word(at: rest.position) == "CONSTRAINT"
                rest.skip("COLUMN", "IF", "EXISTS")
                if !isConstraint, let column = rest.name() { columns.append(StatementLoss(column: column, of: table)) }
                isActionStart = false
                continue
            }
            switch tokens[rest.position].kind {
            case .openParenthesis: depth += 1
            case .closeParenthesis: depth -= 1
            default: break
            }
            isActionStart = depth == 0 && rest.isComma(at: rest.position)
            rest.position += 1
        }
        return columns
    }
}
