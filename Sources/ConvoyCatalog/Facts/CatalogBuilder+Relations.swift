import ConvoyInstance
import ConvoyPostgres

/// Tables, columns, constraints, indexes and sequences.
extension CatalogBuilder {
    mutating func readRelations() throws(PostgresError) {
        for row in rows["relation"] {
            let (oid, name, holder) = (try row.oid(0), try row.text(2), try row.text(3))
            guard let schema = namespaces[try row.oid(1)], name != "schema_migrations", !isExtended(.relation(oid), holder: holder) else {
                continue
            }
            let relation = Relation(name: "\(schema).\(name)", kind: try row.text(5), owner: holder)
            relations[oid] = relation
            let (isPartition, hasChildren) = (try row.flag(10), try row.flag(11))
            if ["v", "m", "p", "f"].contains(relation.kind) || isPartition || hasChildren { needsMore = true }
            guard relation.kind != "c" else { continue }
            let sort =
                switch relation.kind {
                case "v": "view"
                case "m": "materialized view"
                case "S": "sequence"
                default: "table"
                }
            named[.relation(oid)] = Named(sort: sort, name: relation.name)
        }
    }

    mutating func readAttributes() throws(PostgresError) {
        for row in rows["type"] { typeCollations[try row.oid(0)] = try row.oid(7) }
        for row in rows["attribute"] {
            let oid = try row.oid(0)
            guard let relation = relations[oid], relation.kind != "S" else { continue }
            attributes[oid, default: []].append(
                Attribute(number: try row.int(1), name: try row.text(2), type: try type(row), collation: try row.oid(9))
            )
        }
        for oid in attributes.keys { attributes[oid]?.sort { $0.number < $1.number } }
    }

    /// The type of a column, with the collation where it is not the type's own.
    private func type(_ row: CatalogRow) throws(PostgresError) -> String {
        let text = try row.text(4)
        guard let collation = try row.optional(10) else { return text }
        let (type, found) = (try row.oid(5), try row.oid(9))
        // The server's own types with another collation than the default are those of names.
        let own: UInt32 =
            switch type {
            case 19, 1003: 950
            default: typeCollations[type] ?? (text.hasPrefix("information_schema.") ? found : 100)
            }
        return found == own ? text : "\(text) collate \(collation)"
    }

    func attribute(_ number: Int64, of relation: UInt32) -> Attribute? { attributes[relation]?.first { $0.number == number } }

    /// The columns of a composite type or a view; nil if it has no column.
    func columns(_ relation: UInt32) -> String? {
        attributes[relation].map { $0.map { "\($0.name) \($0.type)" }.joined(separator: ", ") }
    }

    mutating func addTables() throws(PostgresError) {
        let partitions = try rows["partition"].keyed()
        let foreign = try rows["foreign table"].keyed()
        var parents: [UInt32: [(number: Int64, name: String)]] = [:]
        for row in rows["parent"] { parents[try row.oid(0), default: []].append((try row.int(1), try row.text(2))) }
        var identities: [UInt32: String] = [:]
        for row in rows["index"] where try row.flag(5) { identities[try row.oid(1)] = try row.text(2) }
        for row in rows["relation"] {
            let oid = try row.oid(0)
            guard let relation = relations[oid] else { continue }
            let address = CatalogAddress.relation(oid)
            if relation.kind != "c" {
                addOwner(relation.owner, of: address)
                let fallback: AccessList = relation.kind == "S" ? .ofSequence(owner: relation.owner) : .ofTable(owner: relation.owner)
                try addPrivileges(try row.optional(4), row, fallback, holder: relation.owner, of: address)
            }
            guard ["r", "p", "f"].contains(relation.kind) else { continue }
            let isPartition = try row.flag(10)
            var text = "(\((attributes[oid] ?? []).map(\.name).joined(separator: ", ")))"
            if let options = try row.optional(12) { text += " with \(options)" }
            if let key = try partitions[oid]?.optional(1) { text += " partitioned by \(key)" }
            if let server = try foreign[oid]?.optional(1) { text += " foreign of \(server)" }
            if let parents = parents[oid] {
                text += isPartition ? " partition of " : " inherits "
                text += parents.sorted { $0.number < $1.number }.map(\.name).joined(separator: ", ")
            }
            if let bound = try partitions[oid]?.optional(2) { text += " \(bound)" }
            if try row.text(6) == "u" { text += " unlogged" }
            if try row.flag(7) { text += " row security" }
            if try row.flag(8) { text += " forced" }
            switch (try row.text(9), relation.kind) {
            case (_, "f"): break
            case ("n", _): text += " replica identity nothing"
            case ("f", _): text += " replica identity full"
            case ("i", _): text += " replica identity index" + (identities[oid].map { " \($0)" } ?? "")
            default: break
            }
            add(.table, relation.name, text)
        }
    }

    mutating func addColumns() throws(PostgresError) {
        var defaults: [CatalogColumn: String] = [:]
        for row in rows["default"] { defaults[CatalogColumn(try row.oid(0), try row.int(1))] = try row.optional(2) }
        for row in rows["attribute"] {
            let (oid, number) = (try row.oid(0), try row.int(1))
            guard let relation = relations[oid], let attribute = attribute(number, of: oid) else { continue }
            let name = "\(relation.name).\(attribute.name)"
            if let list = try row.optional(3) {
                try addPrivileges(list, row, .ofColumn, holder: relation.owner, of: Named(sort: "column", name: name))
            }
            guard ["r", "p", "f"].contains(relation.kind) else { continue }
            var text = attribute.type
            if try row.flag(6) { text += " not null" }
            switch try row.text(7) {
            case "a": text += " identity"
            case "d": text += " identity by default"
            default: break
            }
            if let value = defaults[CatalogColumn(oid, number)] {
                switch try row.text(8) {
                case "": text += " default \(value)"
                case "s": text += " generated \(value)"
                default: text += " virtual \(value)"
                }
            }
            add(.column, name, text)
        }
    }

    mutating func addConstraints() throws(PostgresError) {
        // The server enforces a foreign key by internal triggers.
        var states: [UInt32: Set<String>] = [:]
        for row in rows["trigger"] where try row.flag(4) {
            if let state = Self.state(try row.text(3)) { states[try row.oid(5), default: []].insert(state) }
        }
        for row in rows["constraint"] {
            let (oid, table, domain) = (try row.oid(0), try row.oid(1), try row.oid(2))
            guard let parent = relations[table]?.name ?? types[domain] else { continue }
            let name = "\(parent).\(try row.text(3))"
            named[.constraint(oid)] = Named(sort: "constraint", name: name)
            add(.constraint, name, try row.text(4) + (states[oid].map { " \($0.sorted().joined(separator: ", "))" } ?? ""))
        }
    }

    mutating func addIndexes() throws(PostgresError) {
        for row in rows["index"] {
            let (oid, table) = (try row.oid(0), try row.oid(1))
            guard let relation = relations[table], !isExtended(.relation(oid), holder: relation.owner) else { continue }
            let name = "\(SQLName.parts(relation.name).first ?? "").\(try row.text(2))"
            named[.relation(oid)] = Named(sort: "index", name: name)
            let definition = try definition(row, on: relation, table)
            add(.index, name, try row.flag(4) ? definition : "\(definition) invalid")
        }
    }

    /// What `pg_get_indexdef` prints, of a plain index without the lock that it takes.
    private func definition(_ row: CatalogRow, on relation: Relation, _ table: UInt32) throws(PostgresError) -> String {
        if let text = try row.optional(9) { return text }
        guard let method = Self.accessMethods[try row.oid(6)] else { throw row.unexpected }
        var names: [String] = []
        let collations = try row.text(8).split(separator: " ")
        for (place, key) in try row.text(7).split(separator: " ").enumerated() {
            guard let number = Int64(key), let attribute = attribute(number, of: table), place < collations.count else {
                throw row.unexpected
            }
            // The other collations are printed by the server.
            let isDefault = collations[place] == "100" && attribute.collation != 100
            names.append(isDefault ? "\(attribute.name) COLLATE \"default\"" : attribute.name)
        }
        let kind = try row.flag(3) ? "UNIQUE INDEX" : "INDEX"
        return "CREATE \(kind) \(try row.text(2)) ON \(relation.name) USING \(method) (\(names.joined(separator: ", ")))"
    }

    /// Those of the server itself.
    private static let accessMethods: [UInt32: String] = [
        403: "btree", 405: "hash", 783: "gist", 2742: "gin", 4000: "spgist", 3580: "brin",
    ]

    mutating func addSequences() throws(PostgresError) {
        var owners: [UInt32: String] = [:]
        for row in rows["dependency"] where try row.oid(0) == CatalogAddress.relationTable {
            let (table, sort) = (try row.oid(2), try row.text(4))
            guard sort != "e", let relation = relations[table], let attribute = attribute(try row.int(3), of: table) else { continue }
            owners[try row.oid(1)] = "\(relation.name).\(attribute.name)"
        }
        for row in rows["sequence"] {
            let oid = try row.oid(0)
            guard let relation = relations[oid] else { continue }
            let type = try row.text(1)
            var text = "\(type) start \(try row.int(2)) increment \(try row.int(3))"
            let (minimum, maximum, cache) = (try row.int(4), try row.int(5), try row.int(6))
            if minimum != 1 { text += " minimum \(minimum)" }
            let usual: Int64 =
                switch type {
                case "smallint": 32767
                case "integer": 2_147_483_647
                default: .max
                }
            if maximum != usual { text += " maximum \(maximum)" }
            if cache != 1 { text += " cache \(cache)" }
            if try row.flag(7) { text += " cycle" }
            if let owner = owners[oid] { text += " owned by \(owner)" }
            add(.sequence, relation.name, text)
        }
    }

    /// When a trigger or a rule fires; nil for one that does always but on a replica.
    static func state(_ letter: String) -> String? {
        switch letter {
        case "D": "disabled"
        case "A": "always"
        case "R": "replica"
        default: nil
        }
    }
}

/// A column: its table, and its number there.
struct CatalogColumn: Hashable {
    var relation: UInt32
    var number: Int64

    init(_ relation: UInt32, _ number: Int64) { (self.relation, self.number) = (relation, number) }
}

extension [CatalogRow] {
    /// The rows by the object that their first field names.
    func keyed() throws(PostgresError) -> [UInt32: CatalogRow] {
        var rows: [UInt32: CatalogRow] = [:]
        for row in self { rows[try row.oid(0)] = row }
        return rows
    }
}
