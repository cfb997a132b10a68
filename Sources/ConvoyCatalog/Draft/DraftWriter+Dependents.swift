import ConvoyText

/// Constraints, indexes, views, triggers, rules and policies: what goes before tables change, and comes afterwards.
extension DraftWriter {
    private func isGone(_ table: String) -> Bool { from[.table, table] != nil && to[.table, table] == nil }

    mutating func dropWhatDependsOnTables() {
        for fact in from.facts(.policy, notIn: to) { drop("POLICY", fact) }
        for fact in from.facts(.rule, notIn: to) { drop("RULE", fact) }
        for fact in from.facts(.trigger, notIn: to) { drop("TRIGGER", fact) }
        for fact in viewsToDrop where canDrop(fact, parts: 2) {
            add("DROP \(fact.kind == .view ? "VIEW" : "MATERIALIZED VIEW") \(fact.object)", of: fact)
            remade.insert("\(fact.kind == .view ? "view" : "materialized view") \(fact.object)")
        }
        let constraints = constraintsToDrop
        for fact in constraints.filter(\.isForeignKey) + constraints.filter({ !$0.isForeignKey }) { drop(constraint: fact) }
        let ofConstraints = Set(from.all(.constraint).compactMap(\.indexOfConstraint))
        for fact in from.facts(.index, notIn: to) where !ofConstraints.contains(fact.object) && !(fact.tableOfIndex.map(isGone) ?? false) {
            guard canDrop(fact, parts: 2) else { continue }
            add("DROP INDEX \(fact.object)", of: fact)
            remade.insert("index \(fact.object)")
        }
    }

    /// Of a table: `DROP TRIGGER name ON table`.
    private mutating func drop(_ word: String, _ fact: CatalogFact) {
        let table = SQLName.parent(fact.object)
        guard !isGone(table), canDrop(fact, parts: 3) else { return }
        add("DROP \(word) \(SQLName.last(fact.object)) ON \(table)", of: fact)
        remade.insert("\(fact.kind.rawValue) \(fact.object)")
    }

    // MARK: - Constraints

    /// Those that change or go, and the foreign keys that need one of them.
    private var constraintsToDrop: [CatalogFact] {
        let changed = from.facts(.constraint, notIn: to).filter { !isGone(SQLName.parent($0.object)) }
        let keys = Set(changed.filter { $0.indexOfConstraint != nil }.map { SQLName.parent($0.object) })
        let dependent = from.all(.constraint).filter { fact in
            fact.isForeignKey && !changed.contains(fact) && fact.referencedTable.map(keys.contains) ?? false
        }
        return changed + dependent
    }

    private mutating func drop(constraint fact: CatalogFact) {
        let parent = SQLName.parent(fact.object)
        let isOfDomain = from[.domain, parent] != nil
        guard isOfDomain || from[.table, parent] != nil else { return }
        if isOfDomain, to[.domain, parent] == nil { return }
        guard canDrop(fact, parts: 3) else { return }
        add("ALTER \(isOfDomain ? "DOMAIN" : "TABLE") \(parent) DROP CONSTRAINT \(SQLName.last(fact.object))", of: fact)
        remade.insert("constraint \(fact.object)")
    }

    mutating func createConstraints() {
        let dropped = Set(constraintsToDrop)
        let facts = to.all(.constraint).filter { !from.facts.contains($0) || dropped.contains($0) }
        for fact in facts.filter({ !$0.isForeignKey }) + facts.filter(\.isForeignKey) where isUsable(fact, parts: 3) {
            let parent = SQLName.parent(fact.object)
            let isOfDomain = to[.domain, parent] != nil
            let text = FactText(fact.text)
            guard isOfDomain || to.table(parent) != nil, text.isWhole, text.ending(["disabled", "always", "replica"]) == nil else {
                unknown(fact)
                continue
            }
            add("ALTER \(isOfDomain ? "DOMAIN" : "TABLE") \(parent) ADD CONSTRAINT \(SQLName.last(fact.object)) \(fact.text)", of: fact)
        }
    }

    // MARK: - Indexes

    mutating func createIndexes() {
        let ofConstraints = Set(to.all(.constraint).compactMap(\.indexOfConstraint))
        for fact in to.facts(.index, notIn: from) {
            let text = FactText(fact.text)
            if ofConstraints.contains(fact.object) {
                // It comes with the constraint, without parameters.
                if text.first("WITH") != nil || text.ending(["invalid"]) != nil { unknown(fact) }
                continue
            }
            guard isUsable(fact, parts: 2) else { continue }
            let name = text.word(1) == "UNIQUE" ? 3 : 2
            guard text.isWhole, text.word(0) == "CREATE", text.word(name - 1) == "INDEX", text.word(name) == SQLName.last(fact.object),
                text.ending(["invalid"]) == nil, let table = fact.tableOfIndex, SQLName.parent(table) == SQLName.parent(fact.object)
            else {
                unknown(fact)
                continue
            }
            add(fact.text, of: fact)
        }
    }

    // MARK: - Views

    private static func reads(_ view: CatalogFact) -> [String] {
        guard let start = view.text.ranges(of: " reads ").last?.upperBound else { return [] }
        return SQLName.elements(view.text[start...])
    }

    private static func reads(_ view: CatalogFact, _ relation: String) -> Bool {
        reads(view).contains { $0 == relation || $0.hasPrefix(relation + ".") }
    }

    /// Those that change or go, those that read one of them, and those that read a column that changes its type or goes; the last to be made first.
    private var viewsToDrop: [CatalogFact] {
        let views = from.all(.view) + from.all(.materializedView)
        let columns = Set(
            from.all(.column).filter { fact in
                let new = to.column(fact.object)
                return new == nil || new?.typeSQL != from.column(fact.object)?.typeSQL || isReplaced(fact.object)
            }.map(\.object)
        )
        var dropped = Set(views.filter { view in !to.facts.contains(view) || Self.reads(view).contains(where: columns.contains) })
        while true {
            let more = views.filter { view in !dropped.contains(view) && dropped.contains { Self.reads(view, $0.object) } }
            guard !more.isEmpty else { break }
            dropped.formUnion(more)
        }
        return ordered(dropped.sorted()) { Self.reads($0, $1.object) }.reversed()
    }

    private mutating func createViews() {
        let dropped = Set(viewsToDrop)
        let views = (to.all(.view) + to.all(.materializedView)).filter { !from.facts.contains($0) || dropped.contains($0) }
        for fact in ordered(views, { Self.reads($0, $1.object) }) where isUsable(CatalogFact(fact.kind, fact.object), parts: 2) {
            guard let definition = definitions[fact] else {
                unknown(fact)
                continue
            }
            add(definition, of: fact)
        }
    }

    // MARK: - Triggers, rules, policies

    mutating func createWhatDependsOnTables() {
        createViews()
        for fact in to.facts(.trigger, notIn: from) where isUsable(fact, parts: 3) { write(trigger: fact) }
        for fact in to.facts(.rule, notIn: from) {
            guard isUsable(CatalogFact(.rule, fact.object), parts: 3) else { continue }
            guard let definition = definitions[fact], FactText(fact.text).ending(Self.firing.map(\.word)) == nil else {
                unknown(fact)
                continue
            }
            add(definition, of: fact)
        }
        for fact in to.facts(.policy, notIn: from) where isUsable(fact, parts: 3) { write(policy: fact) }
    }

    private static let firing: [(word: String, clause: String)] = [
        ("disabled", "DISABLE TRIGGER"), ("always", "ENABLE ALWAYS TRIGGER"), ("replica", "ENABLE REPLICA TRIGGER"),
    ]

    private mutating func write(trigger fact: CatalogFact) {
        let text = FactText(fact.text)
        let word = text.ending(Self.firing.map(\.word))
        let sql = word == nil ? fact.text : text.text(0..<text.count - 1)
        guard text.isWhole, text.word(0) == "CREATE", text.first("TRIGGER") != nil else {
            unknown(fact)
            return
        }
        add(sql, of: fact)
        guard let clause = Self.firing.first(where: { $0.word == word })?.clause else { return }
        add("ALTER TABLE \(SQLName.parent(fact.object)) \(clause) \(SQLName.last(fact.object))", of: fact)
    }

    private mutating func write(policy fact: CatalogFact) {
        let text = FactText(fact.text)
        let (using, check) = (text.first("using"), text.first("with check"))
        let end = using?.lowerBound ?? check?.lowerBound ?? text.count
        guard text.isWhole, ["permissive", "restrictive"].contains(text.word(0)), text.word(1) == "for", text.text(3..<end) == "to PUBLIC",
            ["select", "insert", "update", "delete", "all"].contains(text.word(2))
        else {
            unknown(fact)
            return
        }
        var sql = "CREATE POLICY \(SQLName.last(fact.object)) ON \(SQLName.parent(fact.object))"
        sql += " AS \(text.word(0).uppercased()) FOR \(text.word(2).uppercased()) TO PUBLIC"
        if let using { sql += " USING (\(text.text(using.upperBound..<(check?.lowerBound ?? text.count))))" }
        if let check { sql += " WITH CHECK (\(text.text(check.upperBound..<text.count)))" }
        add(sql, of: fact)
    }
}
