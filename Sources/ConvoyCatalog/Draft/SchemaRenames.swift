/// What has another name in the second of two catalogues and is otherwise the same: so it keeps its rows.
struct SchemaRenames {
    /// The statements, in their order.
    private(set) var statements: [String] = []
    /// What is only likely.
    private(set) var guesses: [String] = []
    /// The first catalogue with the new names.
    private(set) var from: CatalogIndex
    private let to: CatalogIndex

    init(from: CatalogIndex, to: CatalogIndex) {
        (self.from, self.to) = (from, to)
        renameTypes()
        renameTables()
        renameColumns()
        renameConstraints()
        renameIndexes()
        renameSequences()
    }

    /// Of the facts of a kind that have no counterpart by name: the pairs with equal keys, of which each key has only one.
    private func pairs(_ kind: CatalogFact.Kind, _ key: (CatalogFact) -> String?) -> [(old: CatalogFact, new: CatalogFact)] {
        func unique(_ facts: [CatalogFact]) -> [String: CatalogFact] {
            let keyed = facts.filter { !$0.isCut }.compactMap { fact in key(fact).map { ($0, fact) } }
            return Dictionary(grouping: keyed) { $0.0 }.compactMapValues { $0.count == 1 ? $0.first?.1 : nil }
        }
        let (old, new) = (unique(from.names(kind, notIn: to)), unique(to.names(kind, notIn: from)))
        return old.compactMap { key, fact in new[key].map { (old: fact, new: $0) } }.sorted { $0.old < $1.old }
    }

    /// The statements that give a type, a table or a sequence another name, another schema, or both.
    private func move(_ sort: String, _ old: String, to new: String) -> [String] {
        let (schema, name) = (SQLName.parent(new), SQLName.last(new))
        guard SQLName.parent(old) != schema else { return ["ALTER \(sort) \(old) RENAME TO \(name)"] }
        let moved = "ALTER \(sort) \(old) SET SCHEMA \(schema)"
        return SQLName.last(old) == name ? [moved] : [moved, "ALTER \(sort) \(schema).\(SQLName.last(old)) RENAME TO \(name)"]
    }

    private static func isQualified(_ pair: (old: CatalogFact, new: CatalogFact)) -> Bool {
        SQLName.isName(pair.old.object, parts: 2) && SQLName.isName(pair.new.object, parts: 2)
    }

    // MARK: - Types and tables

    private mutating func renameTypes() {
        for kind in [CatalogFact.Kind.enum, .domain] {
            for pair in pairs(kind, { $0.text }) where Self.isQualified(pair) {
                statements += move(kind == .enum ? "TYPE" : "DOMAIN", pair.old.object, to: pair.new.object)
                replaceName(pair.old.object, pair.new.object)
            }
        }
    }

    private mutating func renameTables() {
        for pair in pairs(.table, { $0.text }) where Self.isQualified(pair) && TableDefinition(pair.old.text) != nil {
            let (old, new) = (pair.old.object, pair.new.object)
            statements += move("TABLE", old, to: new)
            let (schema, other) = (SQLName.parent(old), SQLName.parent(new))
            // Indexes and owned sequences move with their table.
            if schema != other {
                for fact in from.facts where fact.kind == .index && fact.tableOfIndex == old {
                    rename(fact, object: "\(other).\(SQLName.last(fact.object))")
                }
                for fact in from.facts where fact.kind == .sequence {
                    guard let owner = SequenceDefinition(fact.text)?.owner, SQLName.parent(owner) == old else { continue }
                    renameSequence(fact.object, "\(other).\(SQLName.last(fact.object))")
                }
            }
            replaceName(old, new)
        }
    }

    /// Puts another qualified name everywhere: in the names of what belongs to it too.
    private mutating func replaceName(_ old: String, _ new: String) {
        from = from.map { fact in
            var fact = fact
            if fact.object == old || fact.object.hasPrefix(old + ".") { fact.object = new + fact.object.dropFirst(old.count) }
            if fact.kind == .function { fact.object = FactText(fact.object).replacing(old, with: new) }
            if ![.comment, .enum].contains(fact.kind) { fact.text = FactText(fact.text).replacing(old, with: new) }
            return fact
        }
    }

    private mutating func rename(_ fact: CatalogFact, object: String) {
        from = from.map { other in
            guard other.object == fact.object, other.kind == fact.kind || other.property != nil else { return other }
            var other = other
            other.object = object
            return other
        }
    }

    // MARK: - Columns

    private mutating func renameColumns() {
        for table in from.all(.table) where SQLName.isName(table.object, parts: 2) {
            guard let old = TableDefinition(table.text), let new = to.table(table.object) else { continue }
            let name = table.object
            let plan = ColumnPlan(from: old.columns, to: new.columns) {
                from[.column, "\(name).\($0)"]?.text == to[.column, "\(name).\($1)"]?.text
            }
            for renaming in plan.renamed {
                statements.append("ALTER TABLE \(name) RENAME COLUMN \(renaming.old) TO \(renaming.new)")
                if renaming.isGuess {
                    guesses.append(
                        "\(name).\(renaming.old) is taken to be \(name).\(renaming.new): if it is not, drop the one and add the other"
                    )
                }
                renameColumn(of: name, renaming.old, renaming.new)
            }
        }
    }

    private mutating func renameColumn(of table: String, _ old: String, _ new: String) {
        from = from.map { fact in
            var fact = fact
            let text = FactText(fact.text)
            switch fact.kind {
            case .column, .comment, .privilege, .owner:
                if fact.object == "\(table).\(old)" { fact.object = "\(table).\(new)" }
            case .table where fact.object == table:
                if let range = text.behindParentheses(0) { fact.text = text.replacing(old, with: new, in: 0..<range) }
            case .constraint:
                let references = text.first("REFERENCES")?.lowerBound ?? text.count
                // Behind REFERENCES are the columns of the other table.
                if SQLName.parent(fact.object) == table { fact.text = text.replacing(old, with: new, in: 0..<references) }
                let further = FactText(fact.text)
                if further.count > references + 4, further.text(references + 1..<references + 4) == table,
                    let end = further.behindParentheses(references + 4)
                {
                    fact.text = further.replacing(old, with: new, in: references + 4..<end)
                }
            case .index where fact.tableOfIndex == table:
                if let using = text.first("USING") { fact.text = text.replacing(old, with: new, in: using.upperBound..<text.count) }
            case .sequence where SequenceDefinition(fact.text)?.owner == "\(table).\(old)":
                fact.text = String(fact.text.dropLast(old.count)) + new
            default: break
            }
            return fact
        }
    }

    // MARK: - What belongs to tables

    private mutating func renameConstraints() {
        for pair in pairs(.constraint, { "\(SQLName.parent($0.object)) \($0.text)" }) {
            let table = SQLName.parent(pair.old.object)
            guard from[.table, table] != nil, SQLName.isName(pair.old.object, parts: 3), SQLName.isName(pair.new.object, parts: 3) else {
                continue
            }
            statements.append("ALTER TABLE \(table) RENAME CONSTRAINT \(SQLName.last(pair.old.object)) TO \(SQLName.last(pair.new.object))")
            if let old = pair.old.indexOfConstraint, let new = pair.new.indexOfConstraint, let index = from[.index, old] {
                renameIndex(index, new)
            }
            rename(pair.old, object: pair.new.object)
        }
    }

    private mutating func renameIndexes() {
        let ofConstraints = Set((from.all(.constraint) + to.all(.constraint)).compactMap(\.indexOfConstraint))
        func definition(_ fact: CatalogFact) -> String? {
            let text = FactText(fact.text)
            guard let on = text.first("ON"), let index = text.first("INDEX"), text.word(0) == "CREATE" else { return nil }
            return text.text(0..<index.upperBound) + text.text(on.lowerBound..<text.count) + SQLName.parent(fact.object)
        }
        for pair in pairs(.index, definition) where Self.isQualified(pair) {
            guard !ofConstraints.contains(pair.old.object), !ofConstraints.contains(pair.new.object) else { continue }
            statements += move("INDEX", pair.old.object, to: pair.new.object)
            renameIndex(pair.old, pair.new.object)
        }
    }

    private mutating func renameIndex(_ fact: CatalogFact, _ new: String) {
        rename(fact, object: new)
        let text = FactText(fact.text)
        guard let on = text.first("ON") else { return }
        let renamed = text.replacing(SQLName.last(fact.object), with: SQLName.last(new), in: 0..<on.lowerBound)
        from = from.map { other in
            guard other.kind == .index, other.object == new else { return other }
            var other = other
            other.text = renamed
            return other
        }
    }

    private mutating func renameSequences() {
        for pair in pairs(.sequence, { SequenceDefinition($0.text)?.owner == nil ? nil : $0.text }) where Self.isQualified(pair) {
            guard SQLName.parent(pair.old.object) == SQLName.parent(pair.new.object) else { continue }
            statements += move("SEQUENCE", pair.old.object, to: pair.new.object)
            renameSequence(pair.old.object, pair.new.object)
        }
    }

    private mutating func renameSequence(_ old: String, _ new: String) {
        from = from.map { fact in
            var fact = fact
            if fact.object == old, fact.kind == .sequence || fact.property != nil { fact.object = new }
            if fact.kind == .column { fact.text = fact.text.replacing(Self.next(old), with: Self.next(new)) }
            return fact
        }
    }

    private static func next(_ sequence: String) -> String {
        "nextval('\(sequence.replacing("'", with: "''"))'::regclass)"
    }
}
