import ConvoyPostgres
import ConvoyText

/// Owners, privileges and comments.
extension CatalogBuilder {
    /// An object that does not belong to the ledger's owner.
    mutating func addOwner(_ holder: String, of address: CatalogAddress) {
        guard !holder.isIdentical(to: owner), !isExtended(address, holder: holder), let object = named[address] else { return }
        add(.owner, object.name, "\(object.sort): \(word(holder))")
    }

    mutating func addPrivileges(
        _ list: String?,
        _ row: CatalogRow,
        _ fallback: AccessList,
        holder: String,
        of address: CatalogAddress
    ) throws(PostgresError) {
        guard let list, let object = named[address] else { return }
        try addPrivileges(list, row, fallback, holder: holder, of: object)
    }

    /// Privileges that are not those that the server gives by itself.
    mutating func addPrivileges(
        _ list: String,
        _ row: CatalogRow,
        _ fallback: AccessList,
        holder: String,
        of object: Named
    ) throws(PostgresError) {
        guard let found = AccessList(list) else { throw row.unexpected }
        let words = found.text { grantee in
            guard let grantee else { return "PUBLIC" }
            if grantee.isIdentical(to: holder) { return "owner" }
            return grantee.isIdentical(to: owner) ? "the ledger's owner" : word(grantee)
        }
        // The server grants by itself to these two alone.
        if words != fallback.text({ $0 == nil ? "PUBLIC" : "owner" }) { add(.privilege, object.name, "\(object.sort): \(words ?? "none")") }
    }

    /// The server keeps only those that are not its own; `*` is every schema. Two roles may look the same.
    mutating func addDefaultPrivileges() throws(PostgresError) {
        for row in rows["default privilege"] {
            let (schema, role) = (try row.oid(0), try row.text(2))
            guard let object = schema == 0 ? CatalogFact.everySchema : namespaces[schema] else { continue }
            guard let list = AccessList(try row.text(3)) else { throw row.unexpected }
            let objects =
                switch try row.text(1) {
                case "r": "tables"
                case "S": "sequences"
                case "f": "functions"
                case "T": "types"
                case "n": "schemas"
                default: "large objects"
                }
            let privileges = list.text { grantee in
                guard let grantee else { return "PUBLIC" }
                if grantee.isIdentical(to: owner) { return "owner" }
                return grantee.isIdentical(to: role) ? "itself" : word(grantee)
            }
            let holder = role.isIdentical(to: owner) ? "owner" : word(role)
            add(.privilege, object, "default: \(objects) of \(holder): \(privileges ?? "none")")
        }
    }

    mutating func addComments() throws(PostgresError) {
        for row in rows["comment"] {
            let (table, oid, part, text) = (try row.oid(0), try row.oid(1), try row.int(2), try row.text(3))
            guard let object = named[CatalogAddress(table: table, object: oid)] else { continue }
            if object.sort == "schema", object.name == "public", text == "standard public schema" { continue }
            if part > 0, let attribute = attribute(part, of: oid) {
                add(.comment, "\(object.name).\(attribute.name)", "column: \(text)")
            } else {
                add(.comment, object.name, "\(object.sort): \(text)")
            }
        }
    }
}
