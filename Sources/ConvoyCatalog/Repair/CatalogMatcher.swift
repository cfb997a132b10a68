import ConvoyMigrations

/// Recognises which versions of a migration set a catalogue can be of, whatever else the database holds.
///
/// An object that no version has does not speak of a version: a view for a dashboard, or an index of another tool. Neither do owners, privileges and
/// comments. All other objects must be as the version has them.
package struct CatalogMatcher: Sendable {
    /// A version with the facts that speak of it, and their numbers.
    private struct Entry: Sendable {
        var version: MigrationVersion
        var facts: Set<CatalogFact>
        var numbers: Set<Int>
    }

    /// Every version, ascending.
    private let entries: [Entry]
    /// Each fact that any version has, with a number, so that it is hashed once and not once a version.
    private let numbers: [CatalogFact: Int]
    /// Those of tables, of which two can be alike without being equal.
    private let tables: Set<Int>
    private let keys: Set<Catalog.Key>
    private let scope: CatalogScope

    package init(_ expected: ExpectedCatalogs) {
        let scope = CatalogScope.ofTheSet(expected)
        var numbers: [CatalogFact: Int] = [:]
        entries = expected.versions.map { version in
            let facts = Set(
                (expected[version]?.facts ?? []).lazy.filter { Self.speaks($0, scope) }.map(\.withoutDetail)
            )
            for fact in facts where numbers[fact] == nil { numbers[fact] = numbers.count }
            return Entry(version: version, facts: facts, numbers: Set(facts.compactMap { numbers[$0] }))
        }
        keys = Set(numbers.keys.lazy.map(Catalog.Key.init))
        tables = Set(numbers.lazy.filter { $0.key.kind == .table }.map(\.value))
        self.numbers = numbers
        self.scope = scope
    }

    /// What is recognised of one catalogue.
    struct Match: Sendable, Hashable {
        /// The versions whose catalogue it is, ascending; several where a migration changes only rows.
        var versions: [MigrationVersion]
        /// Objects of the set's schemas that no version has.
        var extras: [CatalogFact]
        /// Whether the database has no objects at all.
        var isBlank: Bool
    }

    func match(_ facts: Set<CatalogFact>) -> Match {
        var (known, others, extras): (Set<Int>, Set<CatalogFact>, [CatalogFact]) = ([], [], [])
        for fact in facts where Self.speaks(fact, scope) {
            let bare = fact.withoutDetail
            if let number = numbers[bare] {
                known.insert(number)
            } else if keys.contains(Catalog.Key(bare)) {
                others.insert(bare)
            } else {
                extras.append(bare)
            }
        }
        return Match(
            versions: entries.filter { isThat(of: $0, known, others, facts) }.map(\.version),
            extras: extras.sorted(),
            isBlank: facts.allSatisfy {
                Self.silent.contains($0.kind) || [.schema, .extension].contains($0.kind)
            }
        )
    }

    /// - Parameters:
    ///   - known: the numbers of the facts that some version has.
    ///   - others: facts of objects that some version has, with definitions that no version has.
    private func isThat(
        of entry: Entry,
        _ known: Set<Int>,
        _ others: Set<CatalogFact>,
        _ facts: Set<CatalogFact>
    ) -> Bool {
        let delta = known.symmetricDifference(entry.numbers)
        if delta.isEmpty, others.isEmpty { return true }
        // Only a table can be like another one.
        guard delta.isSubset(of: tables), others.allSatisfy({ $0.kind == .table }) else { return false }
        return knownCatalog(facts).differences(from: Catalog(entry.facts, hashes: []), in: scope)
            .isEmpty
    }

    /// What speaks of a version and has a name that some version knows.
    private func knownCatalog(_ facts: Set<CatalogFact>) -> Catalog {
        let known = facts.lazy.filter { Self.speaks($0, scope) && keys.contains(Catalog.Key($0)) }.map(
            \.withoutDetail
        )
        return Catalog(Set(known), hashes: [])
    }

    /// The version that differs in the fewest objects, and these; nil for a set without versions.
    func nearest(to facts: Set<CatalogFact>) -> (
        version: MigrationVersion, differences: [CatalogDifference]
    )? {
        let catalog = knownCatalog(facts)
        return entries.map {
            ($0.version, catalog.differences(from: Catalog($0.facts, hashes: []), in: scope))
        }
        // Of equal ones the newest.
        .reversed().min { $0.1.count < $1.1.count }
    }

    /// Whether a catalogue that equals that of a version shows that an older migration ran: something that the older one made is still there, or
    /// something that it removed is still gone, and no version between them made or removed it again. A migration that changes only rows leaves no trace.
    func shows(_ migration: MigrationVersion, at version: MigrationVersion) -> Bool {
        guard let index = entries.firstIndex(where: { $0.version == migration }),
            let end = entries.firstIndex(where: { $0.version == version }), index <= end
        else { return false }
        let since = entries[index...end]
        let (after, before) = (entries[index].facts, index > 0 ? entries[index - 1].facts : [])
        let made = after.subtracting(before)
        if made.contains(where: { fact in since.allSatisfy { $0.facts.contains(fact) } }) { return true }
        let removed = Set(before.map(Catalog.Key.init)).subtracting(after.map(Catalog.Key.init))
        guard !removed.isEmpty else { return false }
        let later = since.reduce(into: Set<Catalog.Key>()) { $0.formUnion($1.facts.map(Catalog.Key.init)) }
        return !removed.isSubset(of: later)
    }

    /// Those of the objects that no version has that may be one of the set under another name: an object that the newer version has and the older one
    /// has not is defined alike, in the same place.
    func renamed(_ extras: [CatalogFact], from newer: MigrationVersion, to older: MigrationVersion) -> [CatalogFact] {
        guard let first = entries.first(where: { $0.version == newer }), let second = entries.first(where: { $0.version == older }) else {
            return []
        }
        let kept = Set(second.facts.map(Catalog.Key.init))
        let lost = Set(first.facts.lazy.filter { !kept.contains(Catalog.Key($0)) }.map(\.withoutName))
        return extras.filter { ![.schema, .extension].contains($0.kind) && lost.contains($0.withoutName) }
    }

    /// How many objects that speak of it a version has.
    func count(of version: MigrationVersion) -> Int { entries.first { $0.version == version }?.facts.count ?? 0 }

    /// Whether a version has exactly this object.
    func has(_ fact: CatalogFact, at version: MigrationVersion) -> Bool {
        entries.first { $0.version == version }?.facts.contains(fact) == true
    }

    /// Whether a version above another one has exactly this object; above nil are all.
    func makes(_ fact: CatalogFact, after version: MigrationVersion?) -> Bool {
        entries.contains { entry in
            version.map { entry.version > $0 } != false && entry.facts.contains(fact)
        }
    }

    private static let silent: Set<CatalogFact.Kind> = [.owner, .privilege, .comment]

    private static func speaks(_ fact: CatalogFact, _ scope: CatalogScope) -> Bool {
        !silent.contains(fact.kind) && scope.contains(fact)
    }
}

extension CatalogFact {
    /// Without the body of a function, which TeslaMate's migrator writes in other words.
    fileprivate var withoutDetail: CatalogFact { CatalogFact(kind, object, text) }

    /// With the place of the object in place of its name.
    fileprivate var withoutName: CatalogFact {
        let place = SQLName.parts(object).dropLast().joined(separator: ".")
        guard kind == .index, let start = text.firstRange(of: " ON ") else { return CatalogFact(kind, place, text) }
        // CREATE INDEX has the name once more.
        return CatalogFact(kind, place, String(text[start.lowerBound...]))
    }

    /// Of an invalid index: what its fact would be if it were valid. Nil for everything else.
    var asValidIndex: CatalogFact? {
        guard kind == .index, text.hasSuffix(Self.invalidMark) else { return nil }
        let definition = String(text.dropLast(Self.invalidMark.count))
        // The condition of a partial index may be a column of this name.
        return definition.hasSuffix(" WHERE") ? nil : CatalogFact(.index, object, definition)
    }

    private static let invalidMark = " invalid"
}
