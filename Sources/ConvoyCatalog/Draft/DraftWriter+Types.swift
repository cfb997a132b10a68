/// Types and functions.
extension DraftWriter {
    mutating func changeTypes() {
        for fact in to.facts(.enum, notIn: from) where isUsable(fact, parts: 2) {
            guard let labels = Self.labels(fact.text) else {
                unknown(fact)
                continue
            }
            if let old = from[.enum, fact.object].flatMap({ Self.labels($0.text) }) {
                change(enum: fact, labels, from: old)
            } else {
                add("CREATE TYPE \(fact.object) AS ENUM (\(labels.joined(separator: ", ")))", of: fact)
            }
        }
        // One may be made of another.
        let types = (to.facts(.type, notIn: from) + to.facts(.domain, notIn: from)).filter { isUsable($0, parts: 2) }
        for fact in ordered(types, { $0.text.contains($1.object) }) {
            if fact.kind == .domain { write(domain: fact) } else { write(type: fact) }
        }
    }

    /// The labels of an enumerated type, quoted; nil if the text is not a list of literals.
    private static func labels(_ text: String) -> [String]? {
        let fact = FactText(text)
        guard fact.isWhole, fact.count % 2 == 1 else { return nil }
        let words = (0..<fact.count).map(fact.word)
        let labels = stride(from: 0, to: words.count, by: 2).map { words[$0] }
        let commas = stride(from: 1, to: words.count, by: 2).map { words[$0] }
        guard labels.allSatisfy({ $0.hasSuffix("'") && ($0.hasPrefix("'") || $0.hasPrefix("E'")) }), commas.allSatisfy({ $0 == "," }) else {
            return nil
        }
        return labels
    }

    private mutating func change(enum fact: CatalogFact, _ labels: [String], from old: [String]) {
        let added = labels.filter { !old.contains($0) }
        // A new label cannot be used in the transaction that adds it.
        let isUsed = (to.all(.column) + to.all(.constraint) + to.all(.index)).contains { other in
            added.contains { other.text.contains("\($0)::\(fact.object)") }
        }
        guard labels.filter(old.contains) == old, !isUsed else {
            replace(enum: fact, labels)
            return
        }
        for label in added {
            guard let index = labels.firstIndex(of: label) else { continue }
            let place = index > 0 ? " AFTER \(labels[index - 1])" : labels.count > 1 ? " BEFORE \(old.first ?? label)" : ""
            add("ALTER TYPE \(fact.object) ADD VALUE \(label)\(place)", of: fact)
        }
    }

    /// Labels that go: the type is made anew, and each column changes to it.
    private mutating func replace(enum fact: CatalogFact, _ labels: [String]) {
        let users = to.facts.union(from.facts).filter {
            ![.enum, .column, .comment].contains($0.kind) && "\($0.object) \($0.text)".contains(fact.object)
        }
        guard users.allSatisfy({ $0.object == fact.object }) else {
            unknown(fact, was: from[.enum, fact.object])
            return
        }
        let aside = "convoy_replaced_type_\(replacedTypes.count + 1)"
        add("ALTER TYPE \(fact.object) RENAME TO \(aside)", of: fact)
        replacedTypes.append("\(SQLName.parent(fact.object)).\(aside)")
        remade.insert("type \(fact.object)")
        add("CREATE TYPE \(fact.object) AS ENUM (\(labels.joined(separator: ", ")))", of: fact)
        for column in to.all(.column) {
            guard let new = to.column(column.object), let old = from.column(column.object), SQLName.isName(column.object, parts: 3),
                new.type == old.type, [fact.object, fact.object + "[]"].contains(new.type)
            else { continue }
            let name = SQLName.last(column.object)
            var clauses = old.defaultExpression == nil ? [] : ["ALTER COLUMN \(name) DROP DEFAULT"]
            let text = new.type.hasSuffix("[]") ? "text[]" : "text"
            clauses.append("ALTER COLUMN \(name) TYPE \(new.type) USING \(name)::\(text)::\(new.type)")
            // What else changes in the default follows with the table.
            if let expression = old.defaultExpression { clauses.append("ALTER COLUMN \(name) SET DEFAULT \(expression)") }
            add("ALTER TABLE \(SQLName.parent(column.object)) \(clauses.joined(separator: ", "))", of: column)
            advise("rows of \(column.object) with a value that \(fact.object) no longer has stop the migration")
        }
    }

    private mutating func write(type fact: CatalogFact) {
        guard from[.type, fact.object] == nil, let parts = SQLName.parenthesized(fact.text), parts.rest.isEmpty, FactText(fact.text).isWhole
        else {
            unknown(fact, was: from[.type, fact.object])
            return
        }
        add("CREATE TYPE \(fact.object) AS \(fact.text)", of: fact)
    }

    private mutating func write(domain fact: CatalogFact) {
        // The text is like that of a column.
        guard let new = ColumnDefinition(fact.text), new.collation == nil, !new.isIdentity, new.expression == new.defaultExpression else {
            unknown(fact)
            return
        }
        guard let old = from[.domain, fact.object].flatMap({ ColumnDefinition($0.text) }) else {
            add("CREATE DOMAIN \(fact.object) AS \(new.sql(sequence: nil))", of: fact)
            return
        }
        guard old.type == new.type else {
            unknown(fact, was: from[.domain, fact.object])
            return
        }
        if old.defaultExpression != new.defaultExpression {
            add("ALTER DOMAIN \(fact.object) \(new.defaultExpression.map { "SET DEFAULT \($0)" } ?? "DROP DEFAULT")", of: fact)
        }
        if old.isNotNull != new.isNotNull { add("ALTER DOMAIN \(fact.object) \(new.isNotNull ? "SET" : "DROP") NOT NULL", of: fact) }
    }

    // MARK: - Functions

    /// Whether a function may need a table of the catalogue when it is made.
    func readsTables(_ fact: CatalogFact) -> Bool {
        to.all(.table).contains {
            fact.detail.contains(SQLName.last($0.object)) || fact.text.contains($0.object) || fact.object.contains($0.object)
        }
    }

    mutating func write(functions: [CatalogFact]) {
        let ordered = ordered(functions) { $0.detail.contains(SQLName.last(Self.functionName($1.object) ?? "\u{0}")) }
        for fact in ordered {
            guard let name = Self.functionName(fact.object), !fact.text.hasPrefix("operator of ") else {
                unknown(fact, was: from[.function, fact.object])
                continue
            }
            let old = from[.function, fact.object].flatMap(FunctionDefinition.init)
            if let definition = definitions[fact] {
                if from[.function, fact.object] != nil, old.map({ FunctionDefinition(fact)?.canReplace($0) != true }) ?? false {
                    remake(function: fact)
                }
                add(definition, of: fact)
            } else if let new = FunctionDefinition(fact), !fact.isCut {
                let isReplacing = old.map(new.canReplace) ?? false
                if from[.function, fact.object] != nil, !isReplacing { remake(function: fact) }
                add(new.sql(name: name, isReplacing: isReplacing), of: fact)
            } else {
                unknown(fact, was: from[.function, fact.object])
            }
        }
    }

    private mutating func remake(function fact: CatalogFact) {
        guard let old = from[.function, fact.object] else { return }
        drop(function: old)
        remade.insert("function \(fact.object)")
    }

    mutating func drop(function fact: CatalogFact) {
        // The name is enough, however long the function is.
        guard Self.functionName(fact.object) != nil, !CatalogFact(.function, fact.object).isCut, !fact.text.hasPrefix("operator of "),
            FactText(fact.object).isWhole
        else {
            unknown("function \(fact.object) goes")
            return
        }
        // Of every sort: a function, a procedure, an aggregate.
        add("DROP ROUTINE \(fact.object)", of: fact)
    }

    /// The qualified name without the types; nil if it is not of this form.
    static func functionName(_ object: String) -> String? {
        let parts = SQLName.parts(object)
        guard parts.count == 2, parts[1].hasSuffix(")") else { return nil }
        let text = FactText(parts[1])
        guard text.isWhole, text.count > 2, text.word(1) == "(", text.behindParentheses(1) == text.count, SQLName.isIdentifier(parts[0]),
            SQLName.isIdentifier(text.word(0))
        else { return nil }
        return "\(parts[0]).\(text.word(0))"
    }
}
