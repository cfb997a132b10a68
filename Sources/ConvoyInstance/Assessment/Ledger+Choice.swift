import ConvoyFleet
import ConvoyRun
import ConvoyText

extension Ledger {
    /// Which table is the ledger, or where a new one goes. Needs no contents.
    ///
    /// 1. With `ledger_schema` in the fleet file it is the table of that schema.
    /// 2. Else it is the `schema_migrations` that has the shape of Ecto's, then one whose `version` is a bigint, then the one in `public`.
    /// 3. If several schemas have such a table, the operator has to choose.
    /// 4. If there is none, a new one goes into `ledger_schema`, or into `public`.
    ///
    /// - Returns: a failure also if the table that is found has another shape than Ecto's.
    static func choose(from facts: InstanceFacts, settings: InstanceSettings) -> Result<(ledger: Ledger, exists: Bool), Failure> {
        let named = facts.ledgerCandidates.filter { $0.schema == settings.ledgerSchema }
        // Another tool's table may have the name, and even the type of version.
        let shaped = facts.ledgerCandidates.filter(\.hasEctoShape)
        let bigint = shaped.isEmpty ? facts.ledgerCandidates.filter { $0.versionType == "bigint" } : shaped
        let inPublic = facts.ledgerCandidates.filter { $0.schema == "public" }
        let candidates = settings.ledgerSchema != nil ? named : bigint.isEmpty ? inPublic : bigint
        if candidates.count > 1 {
            let schemas = shortList(candidates.map(\.schema))
            return .failure(
                Failure(
                    .blocked,
                    "several schemas have a table schema_migrations: \(schemas)",
                    hint: "name the correct one with ledger_schema in the fleet file"
                )
            )
        }
        guard let table = candidates.first else {
            // The app logs in as the database's owner; what another role makes would be out of its reach.
            let owner = facts.isSuperuser || facts.mayActAsDatabaseOwner ? facts.tenant ?? facts.role : facts.role
            return .success((Ledger(schema: settings.ledgerSchema ?? "public", owner: owner), false))
        }
        guard table.hasEctoShape else { return .failure(otherShape(table)) }
        return .success((Ledger(schema: table.schema, owner: table.owner), true))
    }

    private static func otherShape(_ table: InstanceFacts.LedgerTable) -> Failure {
        let reason =
            if table.kind != "r", table.kind != "p" {
                "it is not a table"
            } else if table.versionType != "bigint" {
                "its column version is \(table.versionType ?? "missing"), not bigint"
            } else if table.insertedAtType != "timestamp(0) without time zone" {
                "its column inserted_at is \(table.insertedAtType ?? "missing"), not timestamp(0) without time zone"
            } else {
                "its column version has no unique index"
            }
        return Failure(
            .blocked,
            "\(table.schema).schema_migrations is not a ledger of TeslaMate: \(reason)",
            hint: "another tool seems to use this table; check that the fleet file names the right database, or set ledger_schema"
        )
    }
}
