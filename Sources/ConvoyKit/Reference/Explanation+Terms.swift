extension Explanation {
    /// The words of Convoy that no outcome, event or key of the fleet file explains.
    static let terms = [
        term("ledger", "the table schema_migrations of a database, with a row for each version that is applied", "baseline"),
        term(
            "baseline",
            "writes the ledger of a database that has none, as of the version that its schema is equal to; runs no migration",
            "baseline"
        ),
        term(
            "repair",
            "corrects ledger, audit log and indexes where they contradict the schema; runs no migration",
            "repair"
        ),
        term(
            "drift",
            "what differs between the schema of a database and the catalogue of its version",
            "drift"
        ),
        term(
            "cohort",
            "instances with the same newest version and the same schema, whatever rows they hold",
            "drift"
        ),
        term(
            "catalogue",
            "the files beside the migrations that say which schema each version gives; `convoy catalogue` writes them",
            "catalogue"
        ),
        term(
            "checkpoint",
            "a file beside the migrations from which an empty database starts in one step; `convoy checkpoint` writes it",
            "checkpoint"
        ),
        term(
            "provision",
            "makes role and database of a new instance, applies all migrations, and adds it to the fleet file",
            "provision"
        ),
    ]

    private static func term(_ word: String, _ meaning: String, _ command: String) -> Explanation {
        Explanation(kind: "term", word: word, meaning: meaning, details: ["more: `convoy help \(command)`"])
    }
}
