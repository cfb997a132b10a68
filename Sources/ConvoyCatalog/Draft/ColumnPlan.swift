/// How the columns of a table become those of another one: new columns can only be put at the end.
struct ColumnPlan: Hashable {
    struct Renaming: Hashable {
        var old: String
        var new: String
        /// Whether nothing but the likeness of the columns speaks for it.
        var isGuess: Bool
    }

    var renamed: [Renaming] = []
    /// Those that go before the new ones come: they come again at the end.
    var replaced: [String] = []
    var dropped: [String] = []
    var added: [String] = []
    /// Whether the columns are in the order that they should have.
    var keepsOrder = true

    /// - Parameter isAlike: whether a column of the first table has the definition of one of the second.
    init(from: [String], to: [String], isAlike: (_ old: String, _ new: String) -> Bool) {
        let (before, after) = (Set(from), Set(to))
        // As many columns as possible stay.
        for kept in stride(from: to.count, through: 0, by: -1) {
            guard let renamed = Self.renamings(from, to.prefix(kept), after, isAlike) else { continue }
            let moved = to.dropFirst(kept).filter(before.contains)
            // The order of columns is not worth their values.
            guard !moved.contains(where: { isAlike($0, $0) }) else { break }
            let old = Set(renamed.map(\.old))
            self.renamed = renamed
            replaced = moved
            dropped = from.filter { !after.contains($0) && !old.contains($0) }
            added = Array(to.dropFirst(kept))
            return
        }
        dropped = from.filter { !after.contains($0) }
        added = to.filter { !before.contains($0) }
        keepsOrder = false
    }

    /// The renamings by which the first columns become these, in this order; nil if no renaming does that.
    private static func renamings(
        _ from: [String],
        _ to: some Collection<String>,
        _ after: Set<String>,
        _ isAlike: (String, String) -> Bool
    ) -> [Renaming]? {
        var (renamings, position, new): ([Renaming], Int, [String]) = ([], 0, [])
        for name in to {
            guard let index = from.firstIndex(of: name) else {
                new.append(name)
                continue
            }
            guard index >= position else { return nil }
            // In front of a column that stays, a new name is a renaming.
            let old = from[position..<index].filter { !after.contains($0) }
            guard new.count <= old.count else { return nil }
            let alike = new.count == old.count ? old : subsequence(old, like: new, isAlike) ?? old
            renamings += zip(alike, new).map { Renaming(old: $0, new: $1, isGuess: false) }
            (position, new) = (index + 1, [])
        }
        guard !new.isEmpty else { return renamings }
        let old = from[position...].filter { !after.contains($0) }
        guard old.count == new.count, zip(old, new).allSatisfy(isAlike) else { return nil }
        return renamings + zip(old, new).map { Renaming(old: $0, new: $1, isGuess: true) }
    }

    private static func subsequence(_ old: [String], like new: [String], _ isAlike: (String, String) -> Bool) -> [String]? {
        var (found, rest) = ([String](), old[...])
        for name in new {
            guard let index = rest.firstIndex(where: { isAlike($0, name) }) else { return nil }
            found.append(rest[index])
            rest = rest[(index + 1)...]
        }
        return found
    }
}
