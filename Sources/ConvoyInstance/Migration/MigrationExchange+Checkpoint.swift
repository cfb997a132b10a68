import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials

/// What goes over the wire to start an empty database from a checkpoint.
extension MigrationExchange {
    /// One transaction from BEGIN to COMMIT: the ledger and the audit log if they are missing, the statements, and a row in each for every migration
    /// that the checkpoint stands for.
    func items(of start: CheckpointStart) -> [Item] {
        let migration = start.checkpoint.ordinaryMigration
        var items = beginning(migration)
        func add(_ place: Place, _ statement: PipelineStatement) {
            items.append(Item(migration: migration, place: place, statement: statement))
        }
        if start.hasMoreRightsThanOwner { add(.guarding, Ledger.block(Self.eventTriggerRefusal)) }
        if start.makesLedger { for statement in ledger.creation { add(.ledgerCreation, statement) } }
        add(.ledgerLock, script.ledgerLock)
        if start.makesAuditLog { for statement in AuditLog.creation { add(.auditCreation, statement) } }
        if start.hasMoreRightsThanOwner, let role {
            // The lists that the guard locks are a superuser's.
            add(.begin, PipelineStatement("SET LOCAL ROLE NONE"))
            add(.guarding, script.triggerGuard)
            add(.begin, PipelineStatement("SET LOCAL ROLE \(quotedIdentifier(role))"))
        }
        add(.emptiness, Self.emptiness(start, ledger: ledger))
        add(.begin, settings(ledger.searchPath))
        // A function may name what is made behind it; the whole was proved when the checkpoint was written.
        add(.begin, PipelineStatement("SELECT pg_catalog.set_config('check_function_bodies', 'off', true)"))
        for statement in start.extensionStatements { add(.statement(statement), Self.sent(statement)) }
        // The extensions of another transaction may be gone again, and the statements need not name them.
        let extensions = Self.presence(of: start.checkpoint.extensions)
        if let extensions { add(.extensions, extensions) }
        for statement in start.checkpoint.ordinaryStatements { add(.statement(statement), Self.sent(statement)) }
        add(.constraints, Self.immediateConstraints)
        add(script.audit == .none ? .readBack : .audit, settings(Self.ownSearchPath))
        let versions = start.migrations.map(\.version.description)
        add(.ledger, PipelineStatement(ledger.recordingAll, [arrayLiteral(inOrder: versions)]))
        let ids = versions.map { _ in UUID().uuidString }
        if script.audit != .none {
            let rows = AuditLog.parameters(of: start, run: script.run, identity: script.identity, ids: ids)
            add(.audit, PipelineStatement(AuditLog.insertionOfAll, rows))
        }
        // A trigger of a ledger that was there before may have deferred them again: what they do with the rows must come before the rows are read.
        add(.constraints, Self.immediateConstraints)
        if let extensions { add(.extensions, extensions) }
        let readsAuditLog = script.audit == .writesAndReads
        add(
            .readBack,
            PipelineStatement(
                ledger.readingAllBack(readsAuditLog: readsAuditLog),
                [arrayLiteral(inOrder: versions), String(versions.count)] + (readsAuditLog ? [arrayLiteral(inOrder: ids)] : [])
            )
        )
        add(.commit, PipelineStatement("COMMIT", flushes: true))
        return items
    }

    /// The extensions alone, as a transaction of a session with an administrator's rights: nothing else of the checkpoint ever runs with them.
    func extensionItems(of start: CheckpointStart) -> [Item] {
        guard let migration = start.checkpoint.extensionMigration else { return [] }
        let guards: [(Place, PipelineStatement)] = [
            (.guarding, Self.extensionGuard), (.emptiness, Self.emptiness(start, ledger: nil)),
            (.begin, settings(Self.ownSearchPath)),
        ]
        let statements = start.checkpoint.extensionStatements.map { (Place.statement($0), Self.sent($0)) }
        return beginning(migration)
            + (guards + statements + [(.commit, PipelineStatement("COMMIT", flushes: true))])
            .map { Item(migration: migration, place: $0, statement: $1) }
    }

    private func settings(_ path: String) -> PipelineStatement {
        PipelineStatement(ExchangeScript.settings, [path, timeoutText(lockTimeout), timeoutText(script.statementTimeout)])
    }

    private static func sent(_ statement: SQLStatement) -> PipelineStatement {
        var sent = PipelineStatement(statement.text)
        sent.keepsRows = false
        return sent
    }

    /// Fails where the database is no longer empty, or has what makes the checkpoint differ from the migrations: what came meanwhile is read and judged
    /// anew.
    ///
    /// - Parameter ledger: one that must have no row; nil if the session must not read it.
    private static func emptiness(_ start: CheckpointStart, ledger: Ledger?) -> PipelineStatement {
        let rows = ledger.map { "EXISTS (SELECT FROM \($0.table)) OR " } ?? ""
        let created = arrayLiteral(start.checkpoint.createdSchemas)
        // Where there was nothing at all, a shorter question is enough.
        let (objects, newSchemas, parameters) =
            start.mayHaveOtherObjects
            ? (Leftovers.exist, "$2", [arrayLiteral(start.schemas), created]) : (PendingFacts.hasOtherObjects, "$1", [created])
        return PipelineStatement(
            """
            SELECT 1 / CASE WHEN \(rows)\(PendingFacts.hasUserRelations) OR \(objects)
                OR EXISTS (SELECT FROM pg_namespace s WHERE s.nspname = ANY (\(newSchemas)::name[])) OR EXISTS (SELECT FROM pg_default_acl)
                THEN 0 ELSE 1 END AS is_empty
            """,
            parameters
        )
    }

    /// Fails where an extension is missing or in another schema; nil if the checkpoint has no extension.
    private static func presence(of extensions: [(name: String, schema: String?)]) -> PipelineStatement? {
        guard !extensions.isEmpty else { return nil }
        // An empty name stands for any schema.
        return PipelineStatement(
            """
            SELECT 1 / CASE WHEN EXISTS (
                SELECT FROM ROWS FROM (pg_catalog.unnest($1::name[]), pg_catalog.unnest($2::name[])) AS w (name, schema)
                WHERE NOT EXISTS (
                    SELECT FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                    WHERE e.extname = w.name AND (w.schema = '' OR n.nspname = w.schema))) THEN 0 ELSE 1 END AS are_there
            """,
            [arrayLiteral(inOrder: extensions.map { $0.name }), arrayLiteral(inOrder: extensions.map { $0.schema ?? "" })]
        )
    }

    /// The script of an extension resolves names in a schema in which the tenant may create objects. A superuser can keep the tenant from that until its
    /// transaction ends: no function, operator, type or schema comes while their lists are locked, and none comes from a transaction that wrote before
    /// and is still open. ``emptiness(_:ledger:)`` then says that the database has none. An administrator that is no superuser has no more rights than
    /// the owner.
    private static let extensionGuard = Ledger.block(
        """
        IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) THEN
            LOCK TABLE pg_catalog.pg_namespace, pg_catalog.pg_proc, pg_catalog.pg_operator, pg_catalog.pg_type IN SHARE ROW EXCLUSIVE MODE;
            IF EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
                    WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
                        AND a.backend_xid IS NOT NULL AND a.backend_type = 'client backend')
                OR EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts x WHERE x.database = pg_catalog.current_database()) THEN
                RAISE EXCEPTION USING ERRCODE = '\(Ledger.openTransactionCode)', MESSAGE = 'another transaction of this database is open';
            END IF;
        END IF;
        \(eventTriggerRefusal)

        """
    )

    /// The function of an event trigger may be the tenant's.
    private static let eventTriggerRefusal = """
        IF EXISTS (SELECT FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D') THEN
            RAISE EXCEPTION USING ERRCODE = '\(Ledger.unsafeCode)', MESSAGE = pg_catalog.concat('it would run as the administrator: event trigger ',
                (SELECT pg_catalog.string_agg(e.evtname::pg_catalog.text, ', ') FROM pg_catalog.pg_event_trigger e WHERE e.evtenabled <> 'D'));
        END IF;

        """
}

extension Ledger {
    /// Records the versions `$1`, oldest first.
    fileprivate var recordingAll: String {
        """
        INSERT INTO \(table) (version, inserted_at)
        SELECT v.version, pg_catalog.date_trunc('second'::pg_catalog.text, pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')
        FROM pg_catalog.unnest($1::bigint[]) WITH ORDINALITY AS v (version, number) ORDER BY v.number
        """
    }

    /// Fails where the ledger does not have exactly the versions `$1`, which are `$2` in number; see ``readingBack(_:readsAuditLog:)``.
    ///
    /// - Parameter readsAuditLog: whether it also counts the audit rows, whose ids are `$3`.
    fileprivate func readingAllBack(readsAuditLog: Bool) -> String {
        let audit =
            readsAuditLog
            ? ", (SELECT pg_catalog.count(*) FROM \(AuditLog.table) WHERE id = ANY ($3::uuid[])) = $2::bigint AS is_audited" : ""
        return """
            SELECT 1 / CASE WHEN (SELECT pg_catalog.count(*) FROM \(table)) = $2::bigint
                AND (SELECT pg_catalog.count(*) FROM \(table) WHERE version = ANY ($1::bigint[])) = $2::bigint THEN 1 ELSE 0 END AS stands\(audit)
            """
    }
}

extension AuditLog {
    /// Writes a row for each migration of a checkpoint. The duration of all is on the row of the checkpoint's own version, `$7`.
    fileprivate static let insertionOfAll = """
        INSERT INTO convoy.migration_log (id, version, name, direction, checksum, run, started_at, duration_ms, applied_by,
            convoy_version, system_identifier, database_oid)
        SELECT m.id, m.version, m.name, 'up', m.checksum, $5::text, pg_catalog.transaction_timestamp(),
            CASE WHEN m.version = $7::bigint
                THEN (extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) * 1000)::bigint ELSE 0 END,
            session_user, $6::text, $8::text, $9::oid
        FROM ROWS FROM (pg_catalog.unnest($1::uuid[]), pg_catalog.unnest($2::bigint[]), pg_catalog.unnest($3::text[]),
            pg_catalog.unnest($4::text[])) AS m (id, version, name, checksum)
        """

    fileprivate static func parameters(of start: CheckpointStart, run: String, identity: SessionIdentity, ids: [String]) -> [String?] {
        [
            arrayLiteral(inOrder: ids), arrayLiteral(inOrder: start.migrations.map(\.version.description)),
            arrayLiteral(inOrder: start.migrations.map { CheckpointMark.name(of: $0, from: start.version) }),
            arrayLiteral(inOrder: start.migrations.map(\.checksum)), run, Convoy.version, start.version.description,
            identity.systemIdentifier, String(identity.databaseOID),
        ]
    }
}
