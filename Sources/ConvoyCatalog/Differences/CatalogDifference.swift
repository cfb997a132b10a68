/// An object that is not what the version of a database says.
package struct CatalogDifference: Sendable, Hashable {
    /// The words are those of `convoy.drift/1`.
    package enum Change: String, Sendable, Hashable, CaseIterable {
        /// The version has the object, and the database does not.
        case missing
        /// The database has the object, and the version does not.
        case extra
        case different
    }

    package var kind: CatalogFact.Kind
    /// The qualified name.
    package var object: String
    package var change: Change
    /// The definition that the version has; nil if it does not have the object.
    package var expected: String?
    /// The definition that the database has; nil if it does not have the object.
    package var found: String?

    package init(_ kind: CatalogFact.Kind, _ object: String, expected: String?, found: String?) {
        (self.kind, self.object, self.expected, self.found) = (kind, object, expected, found)
        change = expected == nil ? .extra : found == nil ? .missing : .different
    }
}

/// What is compared.
package struct CatalogScope: Sendable, Hashable {
    /// Objects of other schemas are left out; nil compares everything, also the bodies of functions.
    package var schemas: Set<String>?

    /// Everything.
    package static let all = CatalogScope(schemas: nil)

    /// The schemas that a set has in any of its versions.
    package static func ofTheSet(_ expected: ExpectedCatalogs) -> CatalogScope { CatalogScope(schemas: expected.schemas) }

    func contains(_ fact: CatalogFact) -> Bool {
        guard let schemas, let schema = fact.schema else { return true }
        return schemas.contains(schema)
    }

    var includesBodies: Bool { schemas == nil }
}
