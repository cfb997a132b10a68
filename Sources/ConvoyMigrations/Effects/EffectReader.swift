/// Reads the effects of one statement from its tokens.
struct EffectReader {
    private let source: SourceText
    private let tokens: [SQLToken]
    private var index = 0

    /// A form of a statement that this reader does not know.
    private struct NotUnderstood: Error {}

    init(_ text: String) {
        source = SourceText(path: "", text: text)
        tokens = SQLLexer(source).filter { ![.whitespace, .lineComment, .blockComment].contains($0.kind) }
    }

    /// Every word and quoted name of a text, as a name.
    static func identifiers(_ text: String) -> Set<String> {
        let source = SourceText(path: "", text: text)
        return Set(SQLLexer(source).compactMap { name($0, source) })
    }

    /// The same of what a statement carries as text: the body of a `DO` or of a function, and the SQL in it.
    static func quotedIdentifiers(_ text: String, depth: Int = 3) -> Set<String> {
        guard depth > 0 else { return [] }
        let source = SourceText(path: "", text: text)
        return SQLLexer(source).reduce(into: []) { names, token in
            guard let quoted = contents(token, source) else { return }
            names.formUnion(identifiers(quoted))
            names.formUnion(quotedIdentifiers(quoted, depth: depth - 1))
        }
    }

    private static func contents(_ token: SQLToken, _ source: SourceText) -> String? {
        let text = source.text(token.range)
        switch token.kind {
        case .dollarString:
            guard let end = text.dropFirst().firstIndex(of: "$") else { return nil }
            let length = text.distance(from: text.startIndex, to: end) + 1
            return String(text.dropFirst(length).dropLast(length))
        case .string: return String(text.drop { $0 != "'" }.dropFirst().dropLast()).replacing("''", with: "'")
        default: return nil
        }
    }

    /// Whether a statement is `CREATE … VIEW`, as its first words say.
    static func makesView(_ text: String) -> Bool {
        let source = SourceText(path: "", text: text)
        let words = Array(SQLLexer(source).lazy.filter { $0.kind == .word || $0.kind == .quotedIdentifier }.prefix(6))
        return words.first.map { source.isWord($0, "CREATE") } == true && words.contains { source.isWord($0, "VIEW") }
    }

    mutating func read() -> [SchemaEffect] {
        do {
            if takes("CREATE") { return try creation() }
            if takes("ALTER") { return try alteration() }
            if takes("DROP") { return try removal() }
            if takes("REINDEX") { return try reindexing() }
            if ["INSERT", "UPDATE", "DELETE", "WITH"].contains(where: { isAt($0) }) { return writes() }
            return [.unknown]
        } catch {
            return [.unknown]
        }
    }

    // MARK: - Tokens

    private var current: SQLToken? { index < tokens.count ? tokens[index] : nil }

    private func isAt(_ keyword: String, ahead: Int = 0) -> Bool {
        index + ahead < tokens.count && source.isWord(tokens[index + ahead], keyword)
    }

    private func isSymbol(_ symbol: String, ahead: Int = 0) -> Bool {
        index + ahead < tokens.count && tokens[index + ahead].kind == .symbol && source.text(tokens[index + ahead].range) == symbol
    }

    private mutating func takes(_ keywords: String...) -> Bool {
        for (ahead, keyword) in keywords.enumerated() where !isAt(keyword, ahead: ahead) { return false }
        index += keywords.count
        return true
    }

    private mutating func takesSymbol(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        index += 1
        return true
    }

    private mutating func identifier() throws(NotUnderstood) -> String {
        guard let token = current, let name = Self.name(token, source) else { throw NotUnderstood() }
        index += 1
        return name
    }

    /// Nil for what is not an identifier, and for `U&"…"`, whose escapes are not read.
    static func name(_ token: SQLToken, _ source: SourceText) -> String? {
        let text = source.text(token.range)
        switch token.kind {
        case .word:
            // The server folds only ASCII in databases of several bytes a character.
            return cut(String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self))
        case .quotedIdentifier where text.utf8.first == UInt8(ascii: "\""):
            return cut(String(text.dropFirst().dropLast()).replacing("\"\"", with: "\""))
        default:
            return nil
        }
    }

    /// The server cuts names to 63 bytes, at a character's end.
    private static func cut(_ name: String) -> String {
        guard name.utf8.count > 63 else { return name }
        var scalars = String.UnicodeScalarView()
        var count = 0
        for scalar in name.unicodeScalars {
            count += UTF8.width(scalar)
            if count > 63 { break }
            scalars.append(scalar)
        }
        return String(scalars)
    }

    private mutating func qualifiedName() throws(NotUnderstood) -> ObjectName {
        let first = try identifier()
        guard takesSymbol(".") else { return ObjectName(first) }
        let second = try identifier()
        guard !isSymbol(".") else { throw NotUnderstood() }
        return ObjectName(second, schema: first)
    }

    /// The tokens up to the next comma or the end, parentheses included, and the comma skipped.
    private mutating func part() -> Range<Int> {
        let start = index
        var depth = 0
        while let token = current {
            switch token.kind {
            case .openParenthesis: depth += 1
            case .closeParenthesis: depth -= 1
            case .symbol where depth == 0 && isSymbol(","):
                defer { index += 1 }
                return start..<index
            default: break
            }
            index += 1
        }
        return start..<index
    }

    private func has(_ keyword: String, in range: Range<Int>) -> Bool {
        tokens[range].contains { source.isWord($0, keyword) }
    }

    /// The tables that `REFERENCES` names in a range.
    private func references(in range: Range<Int>) -> [SchemaEffect] {
        range.compactMap { position in
            guard source.isWord(tokens[position], "REFERENCES") else { return nil }
            var reader = self
            reader.index = position + 1
            return (try? reader.qualifiedName()).map { .uses($0, privilege: "REFERENCES") }
        }
    }

    /// The types of a function's arguments, from the parenthesis that opens them; nil if modes or defaults make them uncertain.
    private mutating func arguments() -> [String]? {
        guard current?.kind == .openParenthesis else { return nil }
        index += 1
        var arguments: [String] = []
        var words: [String] = []
        var isCertain = true
        var depth = 0
        while let token = current {
            index += 1
            let text = source.text(token.range)
            switch token.kind {
            case .openParenthesis:
                depth += 1
                isCertain = false
            case .closeParenthesis where depth > 0: depth -= 1
            case .closeParenthesis:
                if !words.isEmpty { arguments.append(words.joined(separator: " ").replacing(" . ", with: ".")) }
                return isCertain ? arguments : nil
            case .symbol where text == "," && depth == 0:
                arguments.append(words.joined(separator: " ").replacing(" . ", with: "."))
                words = []
            case .word:
                let word = text.lowercased()
                if words.isEmpty && ["in", "out", "inout", "variadic"].contains(word) || word == "default" { isCertain = false }
                words.append(word)
            case .symbol where text == ".": words.append(text)
            default: isCertain = false
            }
        }
        return nil
    }

    // MARK: - CREATE

    private mutating func creation() throws(NotUnderstood) -> [SchemaEffect] {
        let replaces = takes("OR", "REPLACE")
        // Temporary objects belong to the session alone.
        if isAt("TEMP") || isAt("TEMPORARY") || isAt("LOCAL") || isAt("GLOBAL") { return [.unknown] }
        if takes("UNIQUE") || isAt("INDEX") { return try indexCreation() }
        _ = takes("UNLOGGED")
        if takes("TABLE") { return try tableCreation() }
        if takes("MATERIALIZED", "VIEW") || takes("VIEW") || takes("SEQUENCE") {
            let tolerates = takes("IF", "NOT", "EXISTS")
            return [.creates(.init(.relation, try qualifiedName()), toleratesExisting: tolerates || replaces, replaces: replaces)]
        }
        if takes("TYPE") || takes("DOMAIN") {
            return [.creates(.init(.type, try qualifiedName()), toleratesExisting: false, replaces: false)]
        }
        if takes("FUNCTION") || takes("PROCEDURE") {
            let name = try qualifiedName()
            let function = SchemaEffect.Object(.function, name, arguments: arguments())
            return [.creates(function, toleratesExisting: replaces, replaces: replaces)]
        }
        if takes("SCHEMA") {
            let tolerates = takes("IF", "NOT", "EXISTS")
            guard !isAt("AUTHORIZATION") else { throw NotUnderstood() }
            return [.creates(.init(.schema, ObjectName(try identifier())), toleratesExisting: tolerates, replaces: false)]
        }
        if takes("EXTENSION") {
            let tolerates = takes("IF", "NOT", "EXISTS")
            return [.creates(.init(.extension, ObjectName(try identifier())), toleratesExisting: tolerates, replaces: false)]
        }
        throw NotUnderstood()
    }

    private mutating func indexCreation() throws(NotUnderstood) -> [SchemaEffect] {
        guard takes("INDEX") else { throw NotUnderstood() }
        _ = takes("CONCURRENTLY")
        let tolerates = takes("IF", "NOT", "EXISTS")
        let name: String? = isAt("ON") ? nil : try identifier()
        guard takes("ON") else { throw NotUnderstood() }
        _ = takes("ONLY")
        let table = try qualifiedName()
        let owned = SchemaEffect.alters(.init(.relation, table))
        return name.map { [owned, .createsIndex($0, on: table, toleratesExisting: tolerates)] } ?? [owned]
    }

    private mutating func tableCreation() throws(NotUnderstood) -> [SchemaEffect] {
        let tolerates = takes("IF", "NOT", "EXISTS")
        let table = try qualifiedName()
        var effects: [SchemaEffect] = [.creates(.init(.relation, table), toleratesExisting: tolerates, replaces: false)]
        effects += references(in: index..<tokens.count)
        // CONSTRAINT name PRIMARY KEY or UNIQUE makes an index of that name.
        if !tolerates {
            for position in index..<max(index, tokens.count - 2) where source.isWord(tokens[position], "CONSTRAINT") {
                guard let name = Self.name(tokens[position + 1], source),
                    source.isWord(tokens[position + 2], "PRIMARY") || source.isWord(tokens[position + 2], "UNIQUE")
                else { continue }
                effects.append(.createsIndex(name, on: table, toleratesExisting: false))
            }
        }
        return effects
    }

    // MARK: - ALTER

    private mutating func alteration() throws(NotUnderstood) -> [SchemaEffect] {
        if takes("TABLE") { return try tableAlteration() }
        if takes("INDEX") || takes("VIEW") || takes("SEQUENCE") || takes("MATERIALIZED", "VIEW") {
            _ = takes("IF", "EXISTS")
            return try objectAlteration(.init(.relation, try qualifiedName()))
        }
        if takes("TYPE") || takes("DOMAIN") { return try objectAlteration(.init(.type, try qualifiedName())) }
        if takes("FUNCTION") || takes("PROCEDURE") {
            let name = try qualifiedName()
            return try objectAlteration(.init(.function, name, arguments: arguments()))
        }
        if takes("SCHEMA") { return try objectAlteration(.init(.schema, ObjectName(try identifier()))) }
        if takes("EXTENSION") { return [.alters(.init(.extension, ObjectName(try identifier())))] }
        throw NotUnderstood()
    }

    private mutating func objectAlteration(_ object: SchemaEffect.Object) throws(NotUnderstood) -> [SchemaEffect] {
        if takes("RENAME", "TO") { return [.alters(object), .renames(object, to: try identifier())] }
        if takes("SET", "SCHEMA") { return [.alters(object), .moves(object, schema: try identifier())] }
        return [.alters(object)]
    }

    private mutating func tableAlteration() throws(NotUnderstood) -> [SchemaEffect] {
        _ = takes("IF", "EXISTS")
        _ = takes("ONLY")
        let table = try qualifiedName()
        _ = takesSymbol("*")
        let object = SchemaEffect.Object(.relation, table)
        let owned = SchemaEffect.alters(object)
        if takes("RENAME") {
            if takes("TO") { return [owned, .renames(object, to: try identifier())] }
            if takes("CONSTRAINT") {
                let constraint = try identifier()
                guard takes("TO") else { throw NotUnderstood() }
                return [owned, .renamesConstraint(constraint, table: table, to: try identifier())]
            }
            _ = takes("COLUMN")
            let column = try identifier()
            guard takes("TO") else { throw NotUnderstood() }
            return [owned, .renamesColumn(column, table: table, to: try identifier())]
        }
        if takes("SET", "SCHEMA") { return [owned, .moves(object, schema: try identifier())] }
        var effects = [owned]
        while index < tokens.count {
            var action = self
            let range = part()
            effects += (try? action.tableAction(table, range)) ?? []
            effects += references(in: range)
        }
        return effects
    }

    private mutating func tableAction(_ table: ObjectName, _ range: Range<Int>) throws(NotUnderstood) -> [SchemaEffect] {
        if takes("ADD") {
            if takes("CONSTRAINT") {
                let name = try identifier()
                let makesIndex = (isAt("UNIQUE") || isAt("PRIMARY")) && !has("USING", in: range)
                return makesIndex ? [.createsIndex(name, on: table, toleratesExisting: false)] : []
            }
            if ["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "NOT"].contains(where: { isAt($0) }) { return [] }
            _ = takes("COLUMN")
            let tolerates = takes("IF", "NOT", "EXISTS")
            return [.addsColumn(try identifier(), table: table, toleratesExisting: tolerates)]
        }
        if takes("DROP") {
            let cascades = has("CASCADE", in: range)
            if takes("CONSTRAINT") {
                _ = takes("IF", "EXISTS")
                return [.dropsConstraint(try identifier(), table: table, cascades: cascades)]
            }
            _ = takes("COLUMN")
            _ = takes("IF", "EXISTS")
            return [.dropsColumn(try identifier(), table: table, cascades: cascades)]
        }
        if takes("ALTER") {
            _ = takes("COLUMN")
            let column = try identifier()
            return takes("TYPE") || takes("SET", "DATA", "TYPE") ? [.retypesColumn(column, table: table)] : []
        }
        return []
    }

    // MARK: - DROP, REINDEX

    private mutating func removal() throws(NotUnderstood) -> [SchemaEffect] {
        let kind: SchemaEffect.Kind
        if takes("TABLE") || takes("INDEX") || takes("VIEW") || takes("SEQUENCE") || takes("MATERIALIZED", "VIEW") {
            kind = .relation
        } else if takes("TYPE") || takes("DOMAIN") {
            kind = .type
        } else if takes("FUNCTION") || takes("PROCEDURE") {
            kind = .function
        } else if takes("SCHEMA") {
            kind = .schema
        } else if takes("EXTENSION") {
            kind = .extension
        } else {
            throw NotUnderstood()
        }
        _ = takes("CONCURRENTLY")
        _ = takes("IF", "EXISTS")
        let cascades = tokens.last.map { source.isWord($0, "CASCADE") } == true
        var effects: [SchemaEffect] = []
        repeat {
            let name = try qualifiedName()
            effects.append(.drops(.init(kind, name, arguments: kind == .function ? arguments() : nil), cascades: cascades))
        } while takesSymbol(",")
        return effects
    }

    private mutating func reindexing() throws(NotUnderstood) -> [SchemaEffect] {
        guard takes("TABLE") || takes("INDEX") else { throw NotUnderstood() }
        _ = takes("CONCURRENTLY")
        return [.alters(.init(.relation, try qualifiedName()))]
    }

    // MARK: - Rows

    /// The tables that INSERT, UPDATE and DELETE write, wherever they stand in the statement.
    private mutating func writes() -> [SchemaEffect] {
        var effects: [SchemaEffect] = []
        for position in tokens.indices {
            var reader = self
            reader.index = position
            let privilege: String
            if reader.takes("INSERT", "INTO") {
                privilege = "INSERT"
            } else if reader.takes("DELETE", "FROM") {
                privilege = "DELETE"
            } else if position == 0 || [.openParenthesis, .closeParenthesis].contains(tokens[position - 1].kind), reader.takes("UPDATE") {
                privilege = "UPDATE"
            } else {
                continue
            }
            _ = reader.takes("ONLY")
            if let table = try? reader.qualifiedName() { effects.append(.uses(table, privilege: privilege)) }
        }
        return effects
    }
}
