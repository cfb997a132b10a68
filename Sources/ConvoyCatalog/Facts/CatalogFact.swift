/// One line that describes one object of a schema:
///
///     column  public.cars.eid  bigint not null
///
/// Equal objects give equal facts, whatever rows, oids and statistics a database has, and whichever PostgreSQL release it is on.
package struct CatalogFact: Sendable, Hashable {
    /// What the object is. The names are those of `convoy.drift/1`.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case schema, `extension`, `enum`, domain, type, table, column, constraint, index, function, sequence, view
        case materializedView = "materialized-view"
        case trigger, rule, policy
        case eventTrigger = "event-trigger"
        case owner, privilege, comment
    }

    package var kind: Kind
    /// The qualified name, quoted as in SQL where it has to be: `schema.table.column` of a column, `schema.name(types)` of a function.
    package var object: String
    /// The definition. Of an owner, a privilege and a comment it begins with what the object is: `table: …`.
    package var text: String
    /// What counts for the fingerprint and is not compared unless it is asked for: the body of a function. TeslaMate's migrator and Convoy
    /// write different bodies that do the same.
    package var detail: String

    /// The object of default privileges that hold in every schema: no schema is called so without quotes.
    static let everySchema = "*"

    package init(_ kind: Kind, _ object: String, _ text: String = "", detail: String = "") {
        (self.kind, self.object, self.text, self.detail) = (kind, object, text, detail)
    }

    /// The schema that the object is in; nil for an object of the whole database. An extension is in the schema of its objects.
    package var schema: String? {
        switch kind {
        case .eventTrigger: nil
        case .privilege where object == Self.everySchema: nil
        case .extension: text.hasPrefix("in ") ? String(text.dropFirst(3)) : nil
        default: SQLName.parts(object).first
        }
    }
}

extension CatalogFact: Comparable {
    /// By kind in the order of the list, then by name.
    package static func < (first: Self, second: Self) -> Bool {
        guard first.kind == second.kind else { return first.kind.rank < second.kind.rank }
        return (first.object, first.text, first.detail) < (second.object, second.text, second.detail)
    }
}

extension CatalogFact.Kind {
    /// The place in the list of kinds.
    package var rank: Int { Self.ranks[self] ?? 0 }

    private static let ranks = Dictionary(uniqueKeysWithValues: zip(allCases, 0...))
}
