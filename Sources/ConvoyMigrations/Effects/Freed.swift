/// Names that statements may have freed beside those that they say: with a table go its indexes and row type, with `CASCADE` what depends on it,
/// with a schema all that is in it. What is in here may be free or taken; what is not is as it was.
struct Freed: Sendable {
    /// Of objects that were dropped, renamed or moved, whatever their kinds: a type and a table can swap their names.
    var names: Set<String> = []
    /// Tables of which something went.
    private var tables: Set<String> = []
    private var schemas: Set<String> = []
    private var cascades = false

    mutating func add(_ effect: SchemaEffect) {
        switch effect {
        case .drops(let object, let cascades):
            add(object)
            self.cascades = self.cascades || cascades
        case .renames(let object, _), .moves(let object, _): add(object)
        case .dropsColumn(let column, let table, let cascades), .dropsConstraint(let column, let table, let cascades):
            names.insert(column)
            tables.insert(table.name)
            self.cascades = self.cascades || cascades
        case .renamesColumn(let name, let table, _), .renamesConstraint(let name, let table, _):
            names.insert(name)
            tables.insert(table.name)
        default: break
        }
    }

    private mutating func add(_ object: SchemaEffect.Object) {
        names.insert(object.name.name)
        if object.kind == .relation { tables.insert(object.name.name) }
        if object.kind == .schema { schemas.insert(object.name.name) }
    }

    /// Whether a name may have been freed.
    ///
    /// - Parameters:
    ///   - schema: where it is.
    ///   - table: the table of an index.
    ///   - isView: a view goes with `CASCADE`; a table does not.
    func mayHold(_ name: String, in schema: String, on table: String?, isView: Bool) -> Bool {
        names.contains(name) || schemas.contains(schema) || table.map(tables.contains) == true || isView && cascades
    }
}
