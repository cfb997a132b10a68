import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What the pending migrations may not do because other roles own what they change.
enum OwnershipRule {
    static func failure(_ forecast: SchemaForecast, _ objects: CatalogueObjects, _ ledger: Ledger) -> Failure? {
        var found: [(entry: CatalogueObjects.Entry, origin: SchemaForecast.Origin)] = []
        for (object, origin) in forecast.owned {
            guard let entry = objects.entry(object), !entry.isOwned else { continue }
            found.append((entry, origin))
        }
        for (use, origin) in forecast.uses {
            guard let entry = objects.entry(SchemaEffect.Object(.relation, use.table)), !entry.isOwned,
                !entry.privileges.contains(use.privilege)
            else { continue }
            found.append((entry, origin))
        }
        guard let first = found.map({ $0.origin }).min(by: { ($0.version, $0.line) < ($1.version, $1.line) }) else { return nil }
        let entries = Set(found.map { $0.entry })
        let owners = Set(entries.map(\.owner)).sorted()
        let sentences = owners.map { owner in
            let things = names(entries.filter { $0.owner == owner }, beside: ledger)
            return "\(things.text) \(things.count == 1 ? "belongs" : "belong") to \(owner), not to \(ledger.owner), which owns the ledger"
        }
        return Failure(
            .blocked,
            sentences.joined(separator: "; "),
            version: first.version,
            file: first.file,
            line: first.line,
            hint: "as a DBA: \(Advice.handingOver(entries))"
        )
    }

    /// `tables a, b and type c`.
    private static func names(_ entries: some Collection<CatalogueObjects.Entry>, beside ledger: Ledger) -> (text: String, count: Int) {
        let nouns = Set(entries.map(\.noun)).sorted { ($0 != "table" ? 1 : 0, $0) < ($1 != "table" ? 1 : 0, $1) }
        let parts = nouns.map { noun in
            let named = entries.filter { $0.noun == noun }
                .map { $0.schema.isEmpty || $0.schema == ledger.schema ? $0.name : "\($0.schema).\($0.name)" }.sorted()
            return "\(PreflightText.plural(noun, named.count)) \(PreflightText.list(named, limit: 40))"
        }
        return (parts.joined(separator: " and "), entries.count)
    }
}

/// Names that the pending migrations would give, and that are taken.
enum NameRule {
    static func failure(_ forecast: SchemaForecast, _ objects: CatalogueObjects, _ ledger: Ledger) -> Failure? {
        var texts: [String] = []
        var statements: [String] = []
        var first: SchemaForecast.Origin?
        for creation in forecast.creations {
            let text: String
            if let column = creation.column {
                guard let table = objects.entry(creation.object), objects.columns.contains([table.schema, table.name, column]) else {
                    continue
                }
                text = "column \(table.name).\(column)"
                statements.append(
                    "ALTER TABLE \(quotedIdentifier(table.schema)).\(quotedIdentifier(table.name)) RENAME COLUMN \(quotedIdentifier(column)) "
                        + "TO \(quotedIdentifier(PreflightText.oldName(column)))"
                )
            } else {
                guard let entry = objects.occupant(creation, schema: ledger.schema) else { continue }
                let name = entry.schema.isEmpty || entry.schema == ledger.schema ? entry.name : "\(entry.schema).\(entry.name)"
                text = "\(entry.noun) \(name)"
                if let rename = entry.rename { statements.append(rename) }
            }
            texts.append("\(text) (made by \(creation.origin.version))")
            first = first ?? creation.origin
        }
        guard let first else { return nil }
        return Failure(
            .blocked,
            "there already, and made by pending migrations: \(PreflightText.list(texts, limit: 40))",
            version: first.version,
            file: first.file,
            line: first.line,
            hint: "first run `convoy repair --instance NAME`: if only the row of a version is missing from the ledger, it writes the row; "
                + "rename only what was created by hand and no app uses: \(PreflightText.list(statements, limit: 40, separator: "; "))"
        )
    }
}
