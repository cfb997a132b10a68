import ConvoyMigrations

/// The facts of a catalogue by kind and name.
struct CatalogIndex {
    private(set) var facts: Set<CatalogFact>
    private var byName: [CatalogFact.Kind: [String: CatalogFact]] = [:]
    private var properties: [CatalogFact.Kind: [String: CatalogFact]] = [:]

    init(_ facts: Set<CatalogFact>) {
        self.facts = facts
        for fact in facts {
            byName[fact.kind, default: [:]][fact.object] = fact
            if let sort = fact.property?.sort { properties[fact.kind, default: [:]]["\(sort) \(fact.object)"] = fact }
        }
    }

    /// A fact; not for owners, privileges and comments, of which a name may have several.
    subscript(kind: CatalogFact.Kind, object: String) -> CatalogFact? { byName[kind]?[object] }

    /// The owner, privilege or comment of the same object.
    func counterpart(of fact: CatalogFact) -> CatalogFact? { fact.property.flatMap { properties[fact.kind]?["\($0.sort) \(fact.object)"] } }

    /// All of a kind, by name.
    func all(_ kind: CatalogFact.Kind) -> [CatalogFact] { byName[kind].map { $0.values.sorted() } ?? [] }

    /// The facts of a kind that the other one does not have, whatever it has by their names.
    func facts(_ kind: CatalogFact.Kind, notIn other: CatalogIndex) -> [CatalogFact] {
        facts.filter { $0.kind == kind && !other.facts.contains($0) }.sorted()
    }

    /// The facts of a kind whose names the other one does not have.
    func names(_ kind: CatalogFact.Kind, notIn other: CatalogIndex) -> [CatalogFact] {
        all(kind).filter { other[kind, $0.object] == nil }
    }

    func column(_ object: String) -> ColumnDefinition? { self[.column, object].flatMap { ColumnDefinition($0.text) } }
    func table(_ object: String) -> TableDefinition? { self[.table, object].flatMap { TableDefinition($0.text) } }

    /// The sequence that a column owns.
    func sequence(ownedBy column: String) -> CatalogFact? { all(.sequence).first { SequenceDefinition($0.text)?.owner == column } }

    /// Every fact as a renaming leaves it.
    func map(_ transform: (CatalogFact) -> CatalogFact) -> CatalogIndex { CatalogIndex(Set(facts.map(transform))) }
}

extension CatalogFact {
    /// Whether the server cut a name or a text that was too long, and put a hash in its place.
    var isCut: Bool {
        object.unicodeScalars.count > CatalogQuery.objectLength
            || [text, detail].contains { $0.unicodeScalars.count > CatalogQuery.textLength }
    }

    /// The table of an index; nil if the text is not of the usual form.
    var tableOfIndex: String? {
        let fact = FactText(text)
        guard fact.isWhole, let on = fact.first("ON"), let using = fact.first("USING", from: on.upperBound) else { return nil }
        let start = fact.word(on.upperBound) == "ONLY" ? on.upperBound + 1 : on.upperBound
        let name = fact.text(start..<using.lowerBound)
        return SQLName.isName(name, parts: 2) ? name : nil
    }

    /// The index that belongs to a constraint; nil for a constraint without one.
    var indexOfConstraint: String? {
        let parts = SQLName.parts(object)
        guard kind == .constraint, parts.count == 3, ["PRIMARY KEY ", "UNIQUE ", "EXCLUDE "].contains(where: text.hasPrefix) else {
            return nil
        }
        return "\(parts[0]).\(parts[2])"
    }

    var isForeignKey: Bool { kind == .constraint && text.hasPrefix("FOREIGN KEY ") }

    /// The table that a foreign key points to.
    var referencedTable: String? {
        let fact = FactText(text)
        guard isForeignKey, let references = fact.first("REFERENCES") else { return nil }
        return fact.text(references.upperBound..<references.upperBound + 3)
    }

    /// Of an owner, a privilege or a comment: what the object is, and what is said of it.
    var property: (sort: String, value: String)? {
        guard [.owner, .privilege, .comment].contains(kind), let colon = text.firstRange(of: ": ") else { return nil }
        return (String(text[..<colon.lowerBound]), String(text[colon.upperBound...]))
    }
}
