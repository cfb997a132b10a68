import ConvoyInstance

/// Owners, privileges and comments.
extension DraftWriter {
    mutating func writeProperties() {
        for fact in to.facts(.owner, notIn: from) { unknown(fact) }
        for fact in from.facts(.owner, notIn: to) where exists(fact) { unknown("\(fact.object) belongs to the owner of the ledger again") }
        writePrivileges()
        writeComments()
    }

    /// Whether the object is there afterwards.
    private func exists(_ fact: CatalogFact) -> Bool {
        let sort = fact.property?.sort ?? ""
        let kinds: [CatalogFact.Kind] =
            switch sort {
            // An enumerated type and a domain are types too.
            case "type": [.type, .enum, .domain]
            case "materialized view": [.materializedView]
            default: CatalogFact.Kind(rawValue: sort).map { [$0] } ?? []
            }
        return kinds.contains { to[$0, fact.object] != nil }
    }

    private func isRemade(_ fact: CatalogFact) -> Bool { fact.property.map { remade.contains("\($0.sort) \(fact.object)") } ?? false }

    // MARK: - Comments

    private mutating func writeComments() {
        for fact in to.all(ofProperty: .comment) where !from.facts.contains(fact) || isRemade(fact) {
            guard let property = fact.property, let target = Self.target(property.sort, fact.object), !fact.isCut, !isOfUnwrittenTable(fact)
            else {
                unknown(fact)
                continue
            }
            add("COMMENT ON \(target) IS \(quotedLiteral(property.value))", of: fact)
        }
        for fact in from.all(ofProperty: .comment) where to.counterpart(of: fact) == nil && exists(fact) && !isRemade(fact) {
            guard let property = fact.property, let target = Self.target(property.sort, fact.object) else {
                unknown("the comment on \(fact.object) goes")
                continue
            }
            add("COMMENT ON \(target) IS NULL", of: fact)
        }
    }

    /// The object as COMMENT names it; nil if its name cannot be written.
    private static func target(_ sort: String, _ object: String) -> String? {
        switch sort {
        case "schema": return SQLName.isName(object, parts: 1) ? "SCHEMA \(object)" : nil
        case "table", "view", "materialized view", "sequence", "index", "type":
            return SQLName.isName(object, parts: 2) ? "\(sort.uppercased()) \(object)" : nil
        case "function": return functionName(object) != nil ? "ROUTINE \(object)" : nil
        case "column": return SQLName.isName(object, parts: 3) ? "COLUMN \(object)" : nil
        case "constraint", "trigger", "rule", "policy":
            return SQLName.isName(object, parts: 3) ? "\(sort.uppercased()) \(SQLName.last(object)) ON \(SQLName.parent(object))" : nil
        default: return nil
        }
    }

    // MARK: - Privileges

    private mutating func writePrivileges() {
        for fact in to.all(ofProperty: .privilege) where !from.facts.contains(fact) || isRemade(fact) {
            write(privilege: fact, from: isRemade(fact) ? nil : from.counterpart(of: fact), to: fact)
        }
        for fact in from.all(ofProperty: .privilege) where to.counterpart(of: fact) == nil && exists(fact) && !isRemade(fact) {
            write(privilege: fact, from: fact, to: nil)
        }
    }

    /// Facts name only PUBLIC and the owner: other roles have other names in each database.
    ///
    /// - Parameters: what the object has and shall have; nil is what a new one has.
    private mutating func write(privilege fact: CatalogFact, from old: CatalogFact?, to new: CatalogFact?) {
        let sort = fact.property?.sort ?? ""
        let defaults: Set<String> = ["function": ["EXECUTE"], "type": ["USAGE"]][sort] ?? []
        func grants(_ fact: CatalogFact?) -> [String: Set<String>]? {
            fact.map { Self.grants($0.property?.value ?? "") } ?? ["PUBLIC": defaults]
        }
        guard let target = Self.grantTarget(sort, fact.object), !fact.isCut, !isOfUnwrittenTable(fact), let before = grants(old),
            let after = grants(new), let owner = (new == nil ? before : after)["owner"],
            old == nil || new == nil || before["owner"] == owner
        else {
            unknown(fact, was: new == nil ? nil : old)
            return
        }
        let (now, earlier) = (after["PUBLIC"] ?? [], before["PUBLIC"] ?? [])
        guard now.union(earlier).allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isUppercase } }) else {
            unknown(fact, was: new == nil ? nil : old)
            return
        }
        let list = { (privileges: Set<String>) in privileges.sorted().joined(separator: ", ") }
        if !now.subtracting(earlier).isEmpty { add("GRANT \(list(now.subtracting(earlier))) ON \(target) TO PUBLIC", of: fact) }
        if !earlier.subtracting(now).isEmpty { add("REVOKE \(list(earlier.subtracting(now))) ON \(target) FROM PUBLIC", of: fact) }
    }

    private static func grantTarget(_ sort: String, _ object: String) -> String? {
        switch sort {
        case "table", "view", "materialized view": target("table", object)
        case "schema", "sequence", "type", "function": target(sort, object)
        default: nil
        }
    }

    /// `PUBLIC SELECT; owner DELETE, INSERT`; nil if the text is not of this form.
    private static func grants(_ text: String) -> [String: Set<String>]? {
        guard text != "none" else { return [:] }
        var grants: [String: Set<String>] = [:]
        for entry in text.split(separator: "; ") {
            guard let who = ["PUBLIC", "owner"].first(where: { entry.hasPrefix($0 + " ") }) else { return nil }
            grants[who] = Set(entry.dropFirst(who.count + 1).split(separator: ", ").map(String.init))
        }
        return grants
    }
}

extension CatalogIndex {
    /// All owners, privileges or comments, by name.
    func all(ofProperty kind: CatalogFact.Kind) -> [CatalogFact] { facts.filter { $0.kind == kind }.sorted() }
}
