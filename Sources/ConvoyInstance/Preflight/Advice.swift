import ConvoyMigrations

/// Hints with statements in them. Each is run by a test in the state in which it is shown, as the role that it names.
enum Advice {
    /// How a role comes to make its tables in the ledger's schema.
    static func creatingTables(in ledger: Ledger, as role: String, schemaExists: Bool) -> String {
        let (schema, role) = (quotedIdentifier(ledger.schema), quotedIdentifier(role))
        guard schemaExists else {
            return "as a DBA: CREATE SCHEMA \(schema) AUTHORIZATION \(role); "
                + "if the schema was dropped, all tables in it are lost: restore a backup instead if it had tables"
        }
        return "as a DBA: GRANT CREATE, USAGE ON SCHEMA \(schema) TO \(role)"
    }

    /// The statements that give objects to the ledger's owner, each object once: an index and a column's sequence go with their table.
    static func handingOver(_ entries: some Sequence<CatalogueObjects.Entry>) -> String {
        Set(entries.compactMap(\.handOver)).sorted().joined(separator: "; ")
    }

    /// The same where a superuser owns everything.
    static func takingOver(_ entries: some Sequence<CatalogueObjects.Entry>, from owner: String) -> String {
        "if the app logs in with this role, as a DBA in this database: \(handingOver(entries)); if the app logs in as \(owner), let Convoy log in as \(owner) too"
    }

    /// How to empty a database that has no tables, the newest object first, because it may use older ones.
    static func removingLeftovers(_ removals: [String]) -> String {
        "check that the fleet file names the right database; to start with an empty database, as their owner: \(removals.joined(separator: "; "))"
    }

    /// How to keep what a user has built on something that is about to go.
    static func keepingDependents(unseen: [Dependents.Entry], obstacles: [Dependents.Entry]) -> String {
        var steps: [String] = []
        let definitions = (obstacles + unseen).compactMap(\.definition)
        if !definitions.isEmpty {
            // Else a function of the tenant's could come first on the path that the database sets.
            steps.append("save the definitions, as their owner: SET search_path = pg_catalog; \(definitions.joined(separator: "; "))")
        }
        let removals = obstacles.compactMap(\.removal)
        if !removals.isEmpty { steps.append("drop the blocking objects, as their owner: \(removals.joined(separator: "; "))") }
        if !unseen.isEmpty {
            let names = unseen.map { PreflightText.yaml($0.name) }.joined(separator: ", ")
            steps.append("allow the loss in the fleet file, in addition to what it already allows: accept_drops: [\(names)]")
        }
        return steps.joined(separator: ". Then ") + ". After the run, create them again, as their owner"
    }
}
