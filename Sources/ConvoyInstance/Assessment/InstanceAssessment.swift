import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// What the facts of an instance mean for a change: the plan, or why the change must not begin. Pure: the same facts give the same answer.
struct InstanceAssessment: Sendable {
    /// Nil if the ledger is not usable.
    var ledger: Ledger?
    var plan: InstancePlan?
    /// What the database starts from, because it is empty; nil if each migration of the plan runs.
    var checkpoint: Checkpoint?
    /// Why the change must not begin.
    var failure: Failure?
    /// Things that the operator should read but that stop nothing.
    var warnings: [String] = []
    /// The pending migrations that only the admin connection can run, once the catalogue was asked.
    var forAdmin: Set<MigrationVersion> = []
    /// Applied versions whose file has changed since.
    var edited: [MigrationVersion] = []
    /// Whether the ledger has versions that the set does not know, and the fleet file accepts that: the instance is left as it is.
    var isAcceptedAhead = false
    /// Whether the change is a correction that is still to be written.
    var isCorrectionDue = false

    /// Judges a change.
    ///
    /// - Parameter contents: nil if there is no ledger yet.
    init(
        facts: InstanceFacts,
        ledger: Ledger,
        contents: LedgerContents?,
        set: MigrationSet,
        change: Change,
        instance: Instance,
        intent: InstanceRunner.Intent = .changing
    ) {
        self.ledger = ledger
        let settings = instance.settings
        let applied = contents?.applied ?? []
        if let problem = contents?.auditProblem { warnings.append(problem) }
        if let kind = change.correctionKind {
            failure = judge(change, kind, applied)
            if failure == nil, isCorrectionDue {
                failure =
                    Self.foreignTables(facts, ledger, exists: contents != nil)
                    ?? Self.permission(facts, ledger, exists: contents != nil, instance)
            }
            return
        }
        if applied.isEmpty, facts.hasUserRelations {
            failure = Failure(
                .unprovisioned,
                contents == nil
                    ? "the database has tables but no schema_migrations" : "the database has tables but its schema_migrations is empty",
                hint:
                    "check that the fleet file names the right database; if it does, `convoy baseline --instance NAME` recognises its version and writes "
                    + "its ledger"
            )
            return
        }
        let plan: InstancePlan
        do {
            plan = try InstancePlan(set: set, applied: applied, change: change)
        } catch {
            failure = Failure(.blocked, error.description, hint: error.hint)
            return
        }
        self.plan = plan
        edited = set.editedVersions(checksums: contents?.checksums ?? [:])
        let ahead = ahead(plan, set, applied, settings)
        // Accepted is an instance that has the set's versions and more. One that lacks some of them is not what was agreed to.
        isAcceptedAhead = ahead?.kind == .ahead && settings.accepted.contains(.ahead) && plan.versions.isEmpty
        failure =
            (isAcceptedAhead ? nil : ahead) ?? editedFailure(set, settings) ?? outOfOrder(plan, settings) ?? obstacle(plan)
            ?? ownLock(plan, set, ledger)
        guard failure == nil, !plan.versions.isEmpty else { return }
        if plan.direction == .up, applied.isEmpty, settings.startsFromCheckpoint, ledger.schema == Checkpoint.schema,
            let found = set.checkpoint(upTo: change.target), found.fits(facts)
        {
            checkpoint = found
        }
        failure = Self.permission(facts, ledger, exists: contents != nil, instance)
        guard let refusal = failure, intent == .reading, !Self.concernsReaders(facts, ledger) else { return }
        failure = nil
        warnings.append(Self.warning(ofRefusal: refusal))
    }

    /// The warning for a probe about a failure that only a migration would meet.
    static func warning(ofRefusal failure: Failure) -> String { "migrate would refuse this instance: \(failure.message)" }

    /// Whether missing rights to migrate also matter to a probe: an app's own role that may write the ledger and is not its owner is a
    /// mistake that needs correction.
    private static func concernsReaders(_ facts: InstanceFacts, _ ledger: Ledger) -> Bool {
        guard !facts.isInRecovery, let table = facts.ledgerCandidates.first(where: { $0.schema == ledger.schema }) else { return false }
        return table.mayInsert && !table.mayActAsOwner
    }

    private func ahead(
        _ plan: InstancePlan,
        _ set: MigrationSet,
        _ applied: [MigrationVersion],
        _ settings: InstanceSettings
    ) -> Failure? {
        guard plan.direction == .up, let newest = plan.unknownVersions.last else { return nil }
        let versions = shortList(plan.unknownVersions)
        guard applied.contains(where: set.contains) else {
            return Failure(
                .blocked,
                "none of TeslaMate's versions is applied here: this looks like another app's database, with the versions \(versions)",
                hint: "correct the name of the database in the fleet file, or remove it; in a discovery use exclude"
            )
        }
        let message = "the ledger has versions that the migration set does not know: \(versions)"
        if settings.accepted.contains(.ahead), !plan.versions.isEmpty {
            return Failure(
                .ahead,
                message + "; and versions of the set are missing: \(shortList(plan.versions))",
                hint:
                    "accept: [ahead] holds only for an instance that has all versions of the set; compare its schema with another instance"
            )
        }
        let isOlder = set.newest.map { newest < $0.version } == true
        return Failure(
            .ahead,
            message,
            hint: isOlder
                ? "they are older than the newest of the set, so a fork or an unreleased version applied them; `convoy repair` removes their rows if the schema "
                    + "has nothing of them"
                : "a newer release has migrated this database; update the migration set"
        )
    }

    private mutating func editedFailure(_ set: MigrationSet, _ settings: InstanceSettings) -> Failure? {
        guard let first = edited.first else { return nil }
        let files = shortList(edited.compactMap { set[$0]?.file })
        let message = "applied with another content than the file has now: \(files)"
        guard settings.strict else {
            warnings.append(message)
            return nil
        }
        return Failure(
            .edited,
            message,
            version: first,
            file: set[first]?.file,
            hint:
                "restore the file, accept it with `convoy repair --accept-edited \(first)`, or set strict: false to continue with a warning"
        )
    }

    private mutating func outOfOrder(_ plan: InstancePlan, _ settings: InstanceSettings) -> Failure? {
        guard let first = plan.outOfOrder.first else { return nil }
        let versions = shortList(plan.outOfOrder)
        let message = "pending versions are older than the newest applied one: \(versions)"
        switch settings.outOfOrder {
        case .apply: return nil
        case .warn:
            warnings.append(message)
            return nil
        case .refuse:
            return Failure(
                .outOfOrder,
                message,
                version: first,
                hint:
                    "if the schema has what they make, `convoy repair --instance NAME` records them; if they did not run here, set out_of_order: apply"
            )
        }
    }

    private func obstacle(_ plan: InstancePlan) -> Failure? {
        guard let first = plan.obstacles.first else { return nil }
        var failure = Failure(
            .blocked,
            shortList(plan.obstacles, separator: "; "),
            version: first.version,
            hint: "the lowest target is --to \(first.version); only a backup restores an earlier state"
        )
        if case .irreversible(_, _, let file, let line) = first { (failure.file, failure.line) = (file, line) }
        return failure
    }

    /// A statement without a transaction that takes a lock on the ledger would wait for ever for the one that Convoy itself holds there.
    private func ownLock(_ plan: InstancePlan, _ set: MigrationSet, _ ledger: Ledger) -> Failure? {
        for version in plan.versions {
            guard let migration = set[version], let section = migration.section(plan.direction), !section.isTransactional,
                case .statement(let statement)? = section.elements.first, Self.locksLedger(statement.text, in: ledger.schema)
            else { continue }
            return Failure(
                .blocked,
                "the statement takes a lock on \(ledger.schema).\(Ledger.tableName), and Convoy holds one there meanwhile: neither would end",
                version: version,
                file: migration.file,
                line: statement.line,
                statement: statement.text,
                hint: "name the other tables, one migration each, or write VACUUM (SKIP_LOCKED)"
            )
        }
        return nil
    }

    /// `VACUUM` or `ANALYZE` without a table, `REINDEX` of the database or of the ledger's schema, and each of them, or a new index, on the ledger itself.
    static func locksLedger(_ statement: String, in schema: String) -> Bool {
        func isLedger(_ name: SQLName) -> Bool {
            name.last.value == Ledger.tableName && (name.schema == nil || name.schema == schema)
        }
        switch StandaloneStatement(statement).kind {
        case .vacuum(let tables, _, let skipsLocked), .analyze(let tables, let skipsLocked):
            return !skipsLocked && (tables.isEmpty || tables.contains(where: isLedger))
        case .createIndex(_, let table): return isLedger(table)
        case .reindex(.database, _, _): return true
        case .reindex(.schema, let name, _): return name?.last.value == schema
        case .reindex(.table, let name, _): return name.map(isLedger) == true
        case .reindex(.index, let name, _): return name?.last.value == "\(Ledger.tableName)_pkey"
        case .reindex(.system, _, _), .dropIndex, .detachPartition, .other: return false
        }
    }

    /// Whether our role may do the work so that the app can use the result.
    private static func permission(_ facts: InstanceFacts, _ ledger: Ledger, exists: Bool, _ instance: Instance) -> Failure? {
        let settings = instance.settings
        if facts.isInRecovery {
            return Failure(.blocked, "the server is a standby, which takes no writes", hint: "name the primary in the fleet file")
        }
        if facts.isReadOnlyByDefault, !settings.allowsReadOnlyDefault {
            return Failure(
                .blocked,
                "default_transaction_read_only is on for \(facts.role) in \(facts.database)",
                hint: "if this is not intentional, set allow_read_only_default: true for this instance"
            )
        }
        if facts.isPooled, !settings.poolerIsInSessionMode {
            return Failure(
                .blocked,
                "a connection pooler stands in between, and in transaction mode it would break the advisory lock",
                hint: "give a direct connection with direct: {…}, or set pooler: session if it is in session mode"
            )
        }
        // Whether a superuser may work here was decided before the ledger was read.
        if facts.isSuperuser, !facts.role.isIdentical(to: ledger.owner) { return nil }
        guard exists else {
            let maker = facts.isSuperuser ? facts.role : ledger.owner
            if facts.mayCreateTables(in: ledger.schema, as: maker) == true { return nil }
            return Failure(
                .blocked,
                facts.creatableSchemas[ledger.schema] == nil
                    ? "there is no schema \(ledger.schema)" : "role \(maker) may not create tables in schema \(ledger.schema)",
                hint: Advice.creatingTables(in: ledger, as: maker, schemaExists: facts.creatableSchemas[ledger.schema] != nil)
            )
        }
        guard !facts.role.isIdentical(to: ledger.owner) else {
            guard facts.isSuperuser || facts.creatableSchemas[ledger.schema] != false else {
                return Failure(
                    .blocked,
                    "role \(facts.role) may not create tables in schema \(ledger.schema)",
                    hint: Advice.creatingTables(in: ledger, as: facts.role, schemaExists: true)
                )
            }
            return nil
        }
        guard let table = facts.ledgerCandidates.first(where: { $0.schema == ledger.schema }), !table.mayActAsOwner else { return nil }
        return Failure(
            .blocked,
            "role \(facts.role) is not \(ledger.owner), which owns the ledger: tables that it makes would break the app",
            sqlstate: "42501",
            hint: notOwnerHint(facts, ledger, table)
        )
    }

    /// What a role can do that is not the owner. A superuser's role is never granted, and no role is made the owner's equal.
    private static func notOwnerHint(_ facts: InstanceFacts, _ ledger: Ledger, _ table: InstanceFacts.LedgerTable) -> String {
        guard table.mayInsert else { return "this role may only read: log in as \(ledger.owner) to migrate" }
        guard facts.ownsAsSuperuser(ledger.owner) else {
            return "log in as \(ledger.owner), or as a role that is a member of \(ledger.owner) only"
        }
        return
            "\(ledger.owner) is a superuser; give the app's tables to the app's role: \(ownershipChange(of: ledger, to: facts.role)), as "
            + "\(ledger.owner) in this database, and the same for its other tables, views, sequences and types"
    }

    /// What gives the ledger to a role.
    static func ownershipChange(of ledger: Ledger, to role: String) -> String {
        "ALTER TABLE \(ledger.table) OWNER TO \(quotedIdentifier(role))"
    }
}

extension InstanceFacts {
    /// The role to `SET LOCAL ROLE` to; nil if the login role owns the ledger itself.
    func roleToSet(for ledger: Ledger) -> String? { ledger.owner.isIdentical(to: role) ? nil : ledger.owner }

    /// The statement that does so, if one is needed.
    func settingRole(for ledger: Ledger) -> [PipelineStatement] {
        roleToSet(for: ledger).map { [PipelineStatement("SET LOCAL ROLE \(quotedIdentifier($0))")] } ?? []
    }
}

extension Migration {
    /// The section of a direction; nil if there is no way down.
    func section(_ direction: MigrationDirection) -> MigrationSection? {
        switch direction {
        case .up: return up
        case .down:
            guard case .section(let section) = down else { return nil }
            return section
        }
    }
}
