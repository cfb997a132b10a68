import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// Builds the one transaction of a correction: behind its first part come the questions about the catalogue, and the second one, which is sent if the
/// answer is right, ends with COMMIT. Triggers, rules and defaults of the ledger run as its owner, and what they make of the rows is read back.
struct CorrectionExchange: Sendable {
    let script: ExchangeScript
    let correction: Correction
    let set: MigrationSet
    /// Whether the session is a superuser's and becomes the owner: a trigger could take its rights back.
    var hasMoreRightsThanOwner: Bool
    var createsLedger: Bool
    /// Whether the audit log is written; ``createsAuditLog`` makes it first.
    var writesAuditLog: Bool
    var createsAuditLog: Bool
    /// How long each statement waits for a lock.
    var lockWait: Duration

    /// Which part of the exchange a statement is.
    enum Place: Sendable, Hashable {
        case begin, guarding, ledgerTable, auditTable, ledgerLock, catalogue, unmoved, rows, audit, constraints, readBack, commit
    }

    /// One statement of the exchange.
    struct Item: Sendable {
        var place: Place
        var statement: PipelineStatement

        init(_ place: Place, _ statement: PipelineStatement) { (self.place, self.statement) = (place, statement) }
    }

    private var table: String { script.ledger.table }

    /// BEGIN, the tables that are missing, and the ledger's lock.
    var opening: [Item] {
        var items = [Item(.begin, PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"))]
        if let becomingOwner { items.append(becomingOwner) }
        items.append(Item(.begin, PipelineStatement(script.opening, ["\(max(1, lockWait.milliseconds))ms", "60s"])))
        items.append(Item(.begin, PipelineStatement("SET LOCAL statement_timeout TO \(InstanceProbe.queryTimeout.milliseconds)")))
        items += CatalogueSettings.statements.map { Item(.begin, $0) }
        if hasMoreRightsThanOwner { items.append(Item(.guarding, script.creationGuard(includesAuditLog: writesAuditLog))) }
        // A table that another session makes at this moment is not taken for ours: the server refuses to make a second one, and all is read again.
        if createsLedger { items += script.ledger.makingTables(acceptingOther: false).map { Item(.ledgerTable, $0) } }
        if writesAuditLog, createsAuditLog { items += AuditLog.makingTables(acceptingOther: false).map { Item(.auditTable, $0) } }
        items.append(Item(.ledgerLock, script.ledgerLock))
        if hasMoreRightsThanOwner {
            // Only the login may lock the list of schemas.
            items.append(Item(.begin, PipelineStatement("SET LOCAL ROLE NONE")))
            items.append(Item(.guarding, script.triggerGuard(includesAuditLog: writesAuditLog)))
            if let becomingOwner { items.append(becomingOwner) }
        }
        return items
    }

    private var becomingOwner: Item? {
        script.role.map { Item(.begin, PipelineStatement("SET LOCAL ROLE \(quotedIdentifier($0))")) }
    }

    /// The rows, a check that the ledger has exactly those that it should have, and COMMIT.
    var closing: [Item] {
        var items = [Item(.unmoved, check(correction.found, as: "unmoved"))]
        if !correction.removes.isEmpty {
            items.append(
                Item(.rows, PipelineStatement("DELETE FROM \(table) WHERE version = ANY ($1::bigint[])", [Self.array(correction.removes)]))
            )
        }
        if !correction.records.isEmpty {
            // Ecto's clock is UTC, cut to whole seconds.
            let insertion = """
                INSERT INTO \(table) (version, inserted_at)
                SELECT v.version, pg_catalog.date_trunc('second'::pg_catalog.text, pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')
                FROM pg_catalog.unnest($1::bigint[]) AS v (version)
                """
            items.append(Item(.rows, PipelineStatement(insertion, [Self.array(correction.records)])))
        }
        if writesAuditLog, let audit { items.append(Item(.audit, audit)) }
        items.append(Item(.constraints, MigrationExchange.immediateConstraints))
        // Answered before the COMMIT, so that it is known what is waited for.
        var readBack = check(correction.result, as: "stands")
        readBack.flushes = true
        items.append(Item(.readBack, readBack))
        items.append(Item(.commit, PipelineStatement("COMMIT", flushes: true)))
        return items
    }

    /// Fails where the ledger does not have exactly these versions.
    private func check(_ versions: [MigrationVersion], as name: String) -> PipelineStatement {
        PipelineStatement(
            """
            SELECT 1 / CASE WHEN coalesce((SELECT pg_catalog.array_agg(l.version ORDER BY l.version) FROM \(table) l), '{}'::bigint[])
                = $1::bigint[] THEN 1 ELSE 0 END AS \(name)
            """,
            [Self.array(versions)]
        )
    }

    /// A row of the audit log.
    private struct Row {
        var version: MigrationVersion
        var direction: String
    }

    /// The rows of the audit log, in one statement; nil if it gets no row. Each says by its name that no migration was run. A row that this run has written
    /// already, in a process that was killed, is not written twice.
    private var audit: PipelineStatement? {
        let rows =
            correction.removes.map { Row(version: $0, direction: MigrationDirection.down.rawValue) }
            + correction.records.map { Row(version: $0, direction: MigrationDirection.up.rawValue) }
            + correction.accepts.map { Row(version: $0, direction: AuditLog.acceptance) }
        guard !rows.isEmpty else { return nil }
        let mark = "(\(correction.kind.rawValue))"
        let isNew = """
            WHERE NOT EXISTS (
                SELECT FROM \(AuditLog.table) l WHERE l.run = $6::text AND l.version = u.version AND l.direction = u.direction
                    AND l.system_identifier = $8::text AND l.database_oid = $9::oid)
            """
        return PipelineStatement(
            """
            INSERT INTO \(AuditLog.table) (id, version, name, direction, checksum, run, started_at, duration_ms, applied_by, convoy_version,
                system_identifier, database_oid)
            SELECT u.id, u.version, u.name, u.direction, u.checksum, $6::text, \(Self.startedAt(table)), 0, session_user, $7::text,
                $8::text, $9::oid
            FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[]) AS u (id, version, name, direction, checksum)
            \(script.audit == .writesAndReads ? isNew : "")
            """,
            [
                ServerArray.text(of: rows.map { _ in UUID().uuidString }),
                Self.array(rows.map(\.version)),
                ServerArray.text(of: rows.map { row in "\(set[row.version]?.name ?? "unknown") \(mark)" }),
                ServerArray.text(of: rows.map(\.direction)),
                ServerArray.text(of: rows.map { set[$0.version]?.checksum ?? "" }),
                script.run, Convoy.version, script.identity.systemIdentifier, String(script.identity.databaseOID),
            ]
        )
    }

    /// When a row of the audit log began. That of an accepted file counts for the ledger's row only if it is not older, whatever the server's clock says now.
    private static func startedAt(_ ledger: String) -> String {
        """
        CASE u.direction WHEN '\(AuditLog.acceptance)' THEN greatest(pg_catalog.transaction_timestamp(),
            (SELECT l.inserted_at AT TIME ZONE 'UTC' FROM \(ledger) l WHERE l.version = u.version)) ELSE pg_catalog.transaction_timestamp() END
        """
    }

    private static func array(_ versions: [MigrationVersion]) -> String { ServerArray.text(of: versions.map(\.description)) }
}
