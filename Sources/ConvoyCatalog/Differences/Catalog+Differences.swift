extension Catalog {
    /// How this catalogue, that of a database, differs from the one that its version gives, object by object in the order of kinds and names.
    ///
    /// Of a table the order of columns counts, but a column that is missing or extra does not make the table different: the column is reported.
    package func differences(from expected: Catalog, in scope: CatalogScope) -> [CatalogDifference] {
        let allWanted = Dictionary(grouping: expected.facts.subtracting(facts).filter(scope.contains), by: Key.init)
        let allFound = Dictionary(grouping: facts.subtracting(expected.facts).filter(scope.contains), by: Key.init)
        var differences: [CatalogDifference] = []
        for key in Set(allWanted.keys).union(allFound.keys) {
            // A sequence and a type may have one name, so a name may have several facts.
            var (wanted, found) = (allWanted[key, default: []].sorted(), allFound[key, default: []].sorted())
            wanted.removeAll { fact in
                guard let index = found.firstIndex(where: { Self.areAlike(fact, $0, scope) }) else { return false }
                found.remove(at: index)
                return true
            }
            for index in 0..<max(wanted.count, found.count) {
                let pair = (index < wanted.count ? wanted[index] : nil, index < found.count ? found[index] : nil)
                differences.append(
                    CatalogDifference(key.kind, key.object, expected: pair.0?.shown(scope), found: pair.1?.shown(scope))
                )
            }
        }
        return differences.sorted {
            ($0.kind.rank, $0.object, $0.change.rawValue, $0.found ?? "") < ($1.kind.rank, $1.object, $1.change.rawValue, $1.found ?? "")
        }
    }

    struct Key: Hashable {
        var kind: CatalogFact.Kind
        var object: String

        init(_ fact: CatalogFact) { (kind, object) = (fact.kind, fact.object) }
    }

    private static func areAlike(_ expected: CatalogFact, _ found: CatalogFact, _ scope: CatalogScope) -> Bool {
        if scope.includesBodies, expected.detail != found.detail { return false }
        if expected.text == found.text { return true }
        guard expected.kind == .table, let first = TableColumns(expected.text), let second = TableColumns(found.text) else { return false }
        return first.isLike(second)
    }
}

/// The columns of a table in their order, and what else its fact says.
private struct TableColumns {
    private var names: [String]
    private var rest: Substring

    init?(_ text: String) {
        guard let parts = SQLName.parenthesized(text) else { return nil }
        (names, rest) = (SQLName.elements(parts.inside), parts.rest)
    }

    func isLike(_ other: TableColumns) -> Bool {
        let shared = Set(names).intersection(other.names)
        return rest == other.rest && names.filter(shared.contains) == other.names.filter(shared.contains)
    }
}

extension CatalogFact {
    /// The definition as a difference has it.
    fileprivate func shown(_ scope: CatalogScope) -> String {
        scope.includesBodies && !detail.isEmpty ? "\(text) as \(detail)" : text
    }
}
