/// A name as SQL writes it: folded to lower case where it is not quoted, and cut to 63 bytes as the server does.
package struct ObjectName: Sendable, Hashable, CustomStringConvertible {
    /// Nil if the search path decides.
    package var schema: String?
    package var name: String

    package init(_ name: String, schema: String? = nil) {
        (self.schema, self.name) = (schema, name)
    }

    package var description: String { schema.map { "\($0).\(name)" } ?? name }
}

/// What a statement does to the objects of a database, as far as its words show it for certain.
///
/// Statements that are not understood have no effects: what follows from effects may be incomplete, but it is never wrong.
package enum SchemaEffect: Sendable, Hashable {
    /// The name spaces of PostgreSQL: tables, indexes, views and sequences share one.
    package enum Kind: String, Sendable, Hashable {
        case relation, type, function, schema, `extension`
    }

    package struct Object: Sendable, Hashable {
        package var kind: Kind
        package var name: ObjectName
        /// A function's argument types, each perhaps with the argument's name before it; nil if they are not said.
        package var arguments: [String]?

        package init(_ kind: Kind, _ name: ObjectName, arguments: [String]? = nil) {
            (self.kind, self.name, self.arguments) = (kind, name, arguments)
        }
    }

    /// - Parameter toleratesExisting: `IF NOT EXISTS`, or `OR REPLACE`.
    case creates(Object, toleratesExisting: Bool, replaces: Bool)
    /// An index is made in its table's schema.
    case createsIndex(String, on: ObjectName, toleratesExisting: Bool)
    /// Anything that only the object's owner may do.
    case alters(Object)
    case drops(Object, cascades: Bool)
    case renames(Object, to: String)
    case moves(Object, schema: String)
    case addsColumn(String, table: ObjectName, toleratesExisting: Bool)
    case dropsColumn(String, table: ObjectName, cascades: Bool)
    case renamesColumn(String, table: ObjectName, to: String)
    case retypesColumn(String, table: ObjectName)
    case dropsConstraint(String, table: ObjectName, cascades: Bool)
    case renamesConstraint(String, table: ObjectName, to: String)
    /// A table that needs this privilege: `INSERT`, `UPDATE`, `DELETE` or `REFERENCES`.
    case uses(ObjectName, privilege: String)
    /// A statement that may do anything.
    case unknown
}

extension SQLStatement {
    /// What the statement does to the database's objects.
    package var effects: [SchemaEffect] {
        var reader = EffectReader(text)
        return reader.read()
    }
}
