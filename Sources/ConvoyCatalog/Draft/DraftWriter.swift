import ConvoyText

/// Writes the lines of a ``SchemaDraft``, in the order in which objects depend on each other.
struct DraftWriter {
    /// The catalogue that there is, with the new names of what was renamed.
    let from: CatalogIndex
    let to: CatalogIndex
    let definitions: [CatalogFact: String]
    let purpose: SchemaDraft.Purpose
    private let renames: SchemaRenames
    private(set) var lines: [SchemaDraft.Line] = []
    /// What is dropped and made again, by sort and name: comments and privileges go with it.
    var remade: Set<String> = []
    /// Enumerated types that were put aside.
    var replacedTypes: [String] = []

    init(from: Catalog, to: Catalog, definitions: [CatalogFact: String], purpose: SchemaDraft.Purpose) {
        self.to = CatalogIndex(to.facts)
        renames = SchemaRenames(from: CatalogIndex(from.facts), to: self.to)
        self.from = renames.from
        self.definitions = definitions
        self.purpose = purpose
    }

    mutating func write() -> [SchemaDraft.Line] {
        let early = to.facts(.extension, notIn: from).filter { $0.schema.map { from[.schema, $0] != nil } ?? false }
        createExtensions(early)
        createSchemas()
        createExtensions(to.facts(.extension, notIn: from).filter { !early.contains($0) })
        for statement in renames.statements { add(statement) }
        for guess in renames.guesses { lines.append(.advice(guess)) }
        dropWhatDependsOnTables()
        changeTypes()
        let functions = to.facts(.function, notIn: from)
        write(functions: functions.filter { !readsTables($0) })
        createSequences()
        createTables()
        changeTables()
        write(functions: functions.filter(readsTables))
        ownSequences()
        adviseOnRows()
        createConstraints()
        createIndexes()
        setReplicaIdentities()
        createWhatDependsOnTables()
        dropColumns()
        dropTheRest()
        writeProperties()
        return lines
    }

    // MARK: - Lines

    /// - Parameter fact: what it is about; reported if the text is not one statement.
    mutating func add(_ sql: String, of fact: CatalogFact? = nil) {
        if SchemaDraft.isStatement(sql) {
            lines.append(.statement(sql))
        } else {
            unknown((fact.map { "\($0.kind.rawValue) \(Self.cut($0.object)): " } ?? "") + Self.cut(sql))
        }
    }

    mutating func advise(_ text: String) { lines.append(.advice(text)) }

    mutating func unknown(_ text: String) { lines.append(.unknown(text)) }

    /// What differs in an object whose statement is not known.
    mutating func unknown(_ fact: CatalogFact, was other: CatalogFact? = nil) {
        unknown(Self.shown(fact) + (other.map { "; it was " + Self.cut($0.text) } ?? ""))
    }

    mutating func noteOrder(of table: String) { lines.append(.columnOrder(table)) }

    static func shown(_ fact: CatalogFact) -> String {
        "\(fact.kind.rawValue) \(cut(fact.object))" + (fact.text.isEmpty ? "" : ", which is " + cut(fact.text))
    }

    private static func cut(_ text: String) -> String {
        let scalars = text.unicodeScalars
        return scalars.count > 300 ? String(String.UnicodeScalarView(scalars.prefix(300))) + "…" : text
    }

    // MARK: - Schemas and extensions

    private mutating func createSchemas() {
        for fact in to.names(.schema, notIn: from) where isUsable(fact, parts: 1) { add("CREATE SCHEMA \(fact.object)", of: fact) }
    }

    private mutating func createExtensions(_ facts: [CatalogFact]) {
        for fact in facts where isUsable(fact, parts: 1) {
            guard let schema = fact.schema, SQLName.isIdentifier(schema) else {
                unknown(fact)
                continue
            }
            if from[.extension, fact.object] != nil {
                add("ALTER EXTENSION \(fact.object) SET SCHEMA \(schema)", of: fact)
            } else {
                add("CREATE EXTENSION \(purpose == .checkpoint ? "IF NOT EXISTS " : "")\(fact.object) WITH SCHEMA \(schema)", of: fact)
            }
        }
    }

    /// Whether the name of an object can be written, and nothing of it was cut; says so if not.
    mutating func isUsable(_ fact: CatalogFact, parts: Int) -> Bool {
        guard !fact.isCut, SQLName.isName(fact.object, parts: parts), !isOfUnwrittenTable(fact) else {
            unknown(fact)
            return false
        }
        return true
    }

    /// Whether the name of an object that goes can be written, however long its definition is; says so if not.
    mutating func canDrop(_ fact: CatalogFact, parts: Int) -> Bool { isUsable(CatalogFact(fact.kind, fact.object), parts: parts) }

    /// Whether it belongs to a new table that facts do not describe well enough.
    func isOfUnwrittenTable(_ fact: CatalogFact) -> Bool {
        guard fact.kind != .table else { return false }
        return [fact.object, SQLName.parent(fact.object), fact.kind == .index ? fact.tableOfIndex ?? "" : ""].contains { table in
            to[.table, table] != nil && from[.table, table] == nil && to.table(table) == nil
        }
    }

    // MARK: - Sequences

    private mutating func createSequences() {
        for fact in to.facts(.sequence, notIn: from) where isUsable(fact, parts: 2) {
            guard let sequence = SequenceDefinition(fact.text) else {
                unknown(fact)
                continue
            }
            // That of an identity is made and changed with its column.
            let isOfIdentity = sequence.owner.flatMap { to.column($0) }?.isIdentity ?? false
            if let old = from[.sequence, fact.object] {
                guard let before = SequenceDefinition(old.text) else {
                    unknown(fact, was: old)
                    continue
                }
                var (bare, bareBefore) = (sequence, before)
                (bare.owner, bareBefore.owner) = (nil, nil)
                if bare != bareBefore { add("ALTER SEQUENCE \(fact.object) \(sequence.allOptions)", of: fact) }
            } else if !isOfIdentity {
                add(
                    "CREATE SEQUENCE \(fact.object) AS \(sequence.type)" + (sequence.options.isEmpty ? "" : " \(sequence.options)"),
                    of: fact
                )
            }
        }
        // A sequence goes with the column that owns it.
        for fact in from.all(.sequence) {
            guard let owner = SequenceDefinition(fact.text)?.owner, let new = to[.sequence, fact.object],
                SequenceDefinition(new.text)?.owner != owner || isReplaced(owner), from.column(owner)?.isIdentity == false
            else { continue }
            add("ALTER SEQUENCE \(fact.object) OWNED BY NONE", of: fact)
        }
    }

    private mutating func ownSequences() {
        for fact in to.all(.sequence) {
            guard let owner = SequenceDefinition(fact.text)?.owner, to.column(owner)?.isIdentity == false,
                to.table(SQLName.parent(owner)) != nil,
                from[.sequence, fact.object].flatMap({ SequenceDefinition($0.text) })?.owner != owner || isReplaced(owner),
                SQLName.isName(fact.object, parts: 2)
            else { continue }
            add("ALTER SEQUENCE \(fact.object) OWNED BY \(owner)", of: fact)
        }
    }

    // MARK: - What goes

    private mutating func dropTheRest() {
        let tables = from.names(.table, notIn: to).filter { canDrop($0, parts: 2) }
        if !tables.isEmpty { add("DROP TABLE \(tables.map(\.object).joined(separator: ", "))") }
        for fact in from.names(.function, notIn: to) { drop(function: fact) }
        for fact in from.names(.sequence, notIn: to) {
            let owner = SequenceDefinition(fact.text)?.owner
            let isGone = owner.map { to[.column, $0] == nil || isReplaced($0) || from.column($0)?.isIdentity == true } ?? false
            if !isGone, isUsable(fact, parts: 2) { add("DROP SEQUENCE \(fact.object)", of: fact) }
        }
        for type in replacedTypes { add("DROP TYPE \(type)") }
        for kind in [CatalogFact.Kind.domain, .type, .enum] {
            for fact in from.names(kind, notIn: to) where canDrop(fact, parts: 2) {
                add("DROP \(kind == .domain ? "DOMAIN" : "TYPE") \(fact.object)", of: fact)
            }
        }
        for fact in from.names(.extension, notIn: to).reversed() where isUsable(fact, parts: 1) {
            add("DROP EXTENSION \(fact.object)", of: fact)
        }
        for fact in from.names(.schema, notIn: to) where isUsable(fact, parts: 1) { add("DROP SCHEMA \(fact.object)", of: fact) }
        for fact in to.facts(.eventTrigger, notIn: from) { unknown(fact, was: from[.eventTrigger, fact.object]) }
        for fact in from.names(.eventTrigger, notIn: to) { unknown("the event trigger \(fact.object) goes") }
    }
}

/// Puts each element behind those that it depends on; elements that depend on each other stay as they are.
func ordered<Element: Hashable>(_ elements: [Element], _ depends: (Element, Element) -> Bool) -> [Element] {
    var (result, rest) = ([Element](), elements)
    while !rest.isEmpty {
        let ready = rest.filter { element in !rest.contains { $0 != element && depends(element, $0) } }
        guard !ready.isEmpty else { return result + rest }
        result += ready
        let done = Set(ready)
        rest.removeAll { done.contains($0) }
    }
    return result
}
