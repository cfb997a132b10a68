package import ConvoyMigrations

/// Finds the version of a migration set from a catalogue alone. Bodies of functions do not count, as for drift: TeslaMate's migrator and Convoy write
/// different ones that do the same. Privileges and comments do not either: a right for a dashboard says nothing of the version.
///
///     CatalogRecognition(expected).verdict(on: catalog)   // .versions([20190805092941])
package struct CatalogRecognition: Sendable {
    /// What a catalogue is.
    package enum Verdict: Sendable, Hashable {
        /// That of each of these versions, ascending: migrations that change only rows leave the catalogue as it is.
        case versions([MigrationVersion])
        /// That of no version.
        case none(nearest: MigrationVersion, differences: [CatalogDifference])
        /// It has no table, view, type or function: nothing was ever applied.
        case empty
    }

    /// Versions with one catalogue.
    private struct Group: Sendable {
        var versions: [MigrationVersion]
        /// The numbers of its facts.
        var facts: Set<Int>
    }

    private let expected: ExpectedCatalogs
    private let scope: CatalogScope
    /// Each fact that any version has, with a number, so that it is hashed once and not once a version.
    private let numbers: [CatalogFact: Int]
    /// Ascending.
    private let groups: [Group]

    package init(_ expected: ExpectedCatalogs) {
        self.expected = expected
        scope = .ofTheSet(expected)
        var numbers: [CatalogFact: Int] = [:]
        var groups: [Group] = []
        var places: [Set<Int>: Int] = [:]
        for version in expected.versions {
            guard let catalog = expected[version] else { continue }
            var facts: Set<Int> = []
            for fact in catalog.facts where Self.speaks(fact, scope) {
                let next = numbers.count
                facts.insert(numbers[fact.withoutDetail, default: next])
                if numbers[fact.withoutDetail] == nil { numbers[fact.withoutDetail] = next }
            }
            if let place = places[facts] {
                groups[place].versions.append(version)
            } else {
                places[facts] = groups.count
                groups.append(Group(versions: [version], facts: facts))
            }
        }
        (self.numbers, self.groups) = (numbers, groups)
    }

    /// The versions that share their catalogue with others, in groups.
    package var alike: [[MigrationVersion]] { groups.map(\.versions).filter { $0.count > 1 } }

    /// Says what a catalogue is.
    package func verdict(on catalog: Catalog) -> Verdict {
        guard catalog.facts.contains(where: { $0.kind.isMade }) else { return .empty }
        var (known, others): (Set<Int>, Set<CatalogFact>) = ([], [])
        for fact in catalog.facts where Self.speaks(fact, scope) {
            let bare = fact.withoutDetail
            if let number = numbers[bare] { known.insert(number) } else { others.insert(bare) }
        }
        if others.isEmpty, let group = groups.first(where: { $0.facts == known }) { return .versions(group.versions) }
        // Of those that are equally near the newest.
        var nearest: (group: Group, distance: Int)?
        for group in groups {
            let distance = group.facts.symmetricDifference(known).count
            if nearest.map({ distance <= $0.distance }) ?? true { nearest = (group, distance) }
        }
        guard let group = nearest?.group, let version = group.versions.last, let wanted = expected[version] else { return .empty }
        let differences = catalog.differences(from: wanted, in: scope).filter { !Self.silent.contains($0.kind) }
        // Tables can be alike without being equal.
        return differences.isEmpty ? .versions(group.versions) : .none(nearest: version, differences: differences)
    }

    private static let silent: Set<CatalogFact.Kind> = [.privilege, .comment]

    private static func speaks(_ fact: CatalogFact, _ scope: CatalogScope) -> Bool { !silent.contains(fact.kind) && scope.contains(fact) }
}

extension CatalogFact {
    fileprivate var withoutDetail: CatalogFact {
        var fact = self
        fact.detail = ""
        return fact
    }
}

extension CatalogFact.Kind {
    /// Whether a person or a migration has made such an object: an empty database has none.
    fileprivate var isMade: Bool {
        switch self {
        case .enum, .domain, .type, .table, .index, .function, .sequence, .view, .materializedView: true
        case .schema, .extension, .column, .constraint, .trigger, .rule, .policy, .eventTrigger, .owner, .privilege, .comment: false
        }
    }
}
