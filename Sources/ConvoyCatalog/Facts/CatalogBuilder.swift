import ConvoyPostgres
import ConvoyText

/// Makes the facts of a catalogue from its rows.
///
/// Objects of the server, of extensions, of the schema `convoy` and the ledger are left out. Roles are `owner`, `PUBLIC`, `a superuser` or
/// `another role`: their names differ from one tenant to the next.
struct CatalogBuilder {
    let rows: CatalogRows
    /// The role to which everything should belong: the ledger's owner.
    let owner: String

    var facts: Set<CatalogFact> = []
    /// What is a member of an extension.
    private var members: Set<CatalogAddress> = []
    /// Whether the ledger's owner is a superuser; nil if that is not known yet.
    private var ownerIsSuperuser: Bool?
    /// Quoted names of schemas.
    var namespaces: [UInt32: String] = [:]
    var relations: [UInt32: Relation] = [:]
    /// By relation and number, in the order of the numbers.
    var attributes: [UInt32: [Attribute]] = [:]
    var types: [UInt32: String] = [:]
    /// The collations of types that are not the server's own.
    var typeCollations: [UInt32: UInt32] = [:]
    /// What comments, owners and privileges are of.
    var named: [CatalogAddress: Named] = [:]
    /// Whether there is something that only ``CatalogQuery/rare(owner:rowLimit:)`` shows.
    var needsMore = false
    private var superusers: Set<ExactText> = []

    struct Relation {
        /// The qualified name.
        var name: String
        var kind: String
        var owner: String
    }

    struct Attribute {
        var number: Int64
        var name: String
        /// With its collation, where that is not the type's.
        var type: String
        var collation: UInt32
    }

    struct Named {
        /// What the object is, as owners, privileges and comments name it.
        var sort: String
        var name: String
    }

    init(_ rows: CatalogRows, owner: String) throws(PostgresError) {
        self.rows = rows
        self.owner = owner
        for row in rows["superuser"] { superusers.insert(ExactText(try row.text(0))) }
        for row in rows["dependency"] where try row.text(4) == "e" {
            members.insert(CatalogAddress(table: try row.oid(0), object: try row.oid(1)))
        }
        for row in rows["dependency"] {
            let address = CatalogAddress(table: try row.oid(0), object: try row.oid(1))
            if address.table != CatalogAddress.relationTable, !members.contains(address) { needsMore = true }
        }
        if !superusers.isEmpty { ownerIsSuperuser = superusers.contains(ExactText(owner)) }
        for row in rows["session"] where try row.text(0).isIdentical(to: owner) { ownerIsSuperuser = try row.text(1) == "on" }
        for row in rows["namespace"] { namespaces[try row.oid(0)] = try row.text(1) }
        try readRelations()
        try readAttributes()
        try readTypes()
    }

    /// Adds every fact.
    mutating func build() throws(PostgresError) {
        try addSchemas()
        try addTypes()
        try addFunctions()
        try addOperators()
        try addTables()
        try addColumns()
        try addConstraints()
        try addIndexes()
        try addSequences()
        try addRules()
        try addTriggers()
        try addPolicies()
        try addEventTriggers()
        try addDefaultPrivileges()
        try addComments()
    }

    /// Adds a fact; a long name or text is cut, and has the hash of the whole behind it.
    mutating func add(_ kind: CatalogFact.Kind, _ object: String, _ text: String = "", detail: String = "") {
        facts.insert(
            CatalogFact(
                kind,
                cut(object, to: CatalogQuery.objectLength),
                cut(text, to: CatalogQuery.textLength),
                detail: cut(detail, to: CatalogQuery.textLength)
            )
        )
    }

    private func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit, text.unicodeScalars.count > limit else { return text }
        return "\(String(text.unicodeScalars.prefix(limit)))… \(hexadecimalMD5(text))"
    }

    /// Whether an object comes with an extension. Its script runs as a superuser; what an owner has added with ALTER EXTENSION is the owner's own.
    mutating func isExtended(_ address: CatalogAddress, holder: String) -> Bool {
        guard members.contains(address) else { return false }
        guard holder.isIdentical(to: owner) else { return true }
        if ownerIsSuperuser == nil { needsMore = true }
        return ownerIsSuperuser ?? true
    }

    /// The word for a role that is not the ledger's owner.
    mutating func word(_ role: String) -> String {
        needsMore = true
        return superusers.contains(ExactText(role)) ? Self.superuser : "another role"
    }

    // MARK: - Schemas

    private mutating func addSchemas() throws(PostgresError) {
        for row in rows["namespace"] {
            let (oid, name, holder) = (try row.oid(0), try row.text(1), try row.text(2))
            if !isExtended(.namespace(oid), holder: holder) { add(.schema, name) }
            named[.namespace(oid)] = Named(sort: "schema", name: name)
            if !holder.isIdentical(to: Self.databaseOwner), !holder.isIdentical(to: owner) {
                let isOfASuperuser = word(holder) == Self.superuser
                if name != "public" || !isOfASuperuser { addOwner(holder, of: .namespace(oid)) }
            }
            try addPrivileges(try row.optional(3), row, .ofSchema(owner: holder), holder: holder, of: .namespace(oid))
        }
        for row in rows["extension"] {
            if let schema = namespaces[try row.oid(1)] { add(.extension, try row.text(2), "in \(schema)") }
        }
    }

    private static let superuser = "a superuser"
    /// The role of the server to which a new schema `public` belongs.
    static let databaseOwner = "pg_database_owner"
}
