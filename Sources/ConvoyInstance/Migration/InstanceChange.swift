import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// One change of one instance, from the first connection to the last. It belongs to one task and is used once.
///
/// It probes without a lock, takes the advisory lock, reads the ledger again, applies the migrations in batches, and releases the lock.
final class InstanceChange {
    let runner: InstanceRunner
    let instance: Instance
    let change: Change
    let run: String
    let report: @Sendable (Event.Kind) -> Void

    /// The session that holds the advisory lock and migrates; nil before the first connection, and while it is lost.
    var connection: PostgresConnection? {
        didSet { repeated = nil }
    }
    /// What the catalogue said when the present connection was opened.
    var facts: InstanceFacts?
    /// The administrator's session; opened when a migration needs it.
    var admin: AdminSession?
    /// The migrations for which the preflight found that only the administrator can run them.
    var forAdmin: Set<MigrationVersion> = []
    /// The session that last held the ledger's lock beside a non-transactional migration.
    var keeper: SessionIdentity?
    /// The version whose statement has run outside a transaction, and whose row in the ledger is still to be written.
    var standing: (version: MigrationVersion, timeline: String)?
    /// The sessions of lost connections, as long as it is not known that they have ended.
    var lost: [LostSession] = []
    /// Versions in the ledger, as far as we know.
    var ledgerVersions: Set<MigrationVersion> = []
    var applied: [AppliedMigration] = []
    var writesAuditLog = false
    /// When something was last committed: waits for locks count from here.
    var lastProgress = ContinuousClock.now
    var lockRetry: LockRetry?
    /// What was found to block the present migration.
    let sightings = Sightings()
    /// The migration whose COMMIT was not answered in time.
    var unconfirmed: MigrationVersion?
    /// What the last pipeline held: should its connection be lost, these may have been committed unheard.
    var window: Set<MigrationVersion> = []
    /// How often the connection was lost since the last progress.
    private var losses = 0
    private var from: MigrationVersion?
    private var holdsLock = false
    private var isPreflighted = false
    /// Going down by steps or by name: the versions that were shown, so that planning again does not go further down.
    private var intended: Set<MigrationVersion>?
    private var shownWarnings: Set<String> = []
    /// How many warnings of the server were shown; no more than ``serverWarningLimit`` are.
    var serverWarnings = 0
    static let serverWarningLimit = 20

    /// Whether the session is asked to keep the statements that migrations repeat.
    var keepsStatements = true
    /// What the present session keeps, or was last asked to keep.
    var repeated: RepeatedStatements?

    struct AdminSession {
        var connection: PostgresConnection
        var identity: SessionIdentity
    }

    init(
        _ runner: InstanceRunner,
        _ instance: Instance,
        _ change: Change,
        run: String,
        report: @escaping @Sendable (Event.Kind) -> Void
    ) {
        self.runner = runner
        self.instance = instance
        self.change = change
        self.run = run
        self.report = report
    }

    var settings: InstanceSettings { instance.settings }

    func perform() async -> InstanceResult {
        do {
            let didSomething = try await bringToTarget()
            await release()
            let done: Outcome = change.direction == .up ? .migrated : .rolledBack
            return result(didSomething ? done : .upToDate)
        } catch {
            await release()
            runner.lostSessions.add(lost, of: instance.name)
            return result(error.kind, error)
        }
    }

    private func result(_ outcome: Outcome, _ failure: Failure? = nil) -> InstanceResult {
        InstanceResult(
            outcome: outcome,
            from: from,
            to: ledgerVersions.max() ?? (applied.isEmpty ? from : nil),
            applied: applied,
            failure: failure
        )
    }

    /// - Returns: whether there was something to do.
    private func bringToTarget() async throws(Failure) -> Bool {
        let probe = turnTakingProbe
        let connection = try await probe.connect()
        self.connection = connection
        var reading = try await probe.readNamingHolders(connection)
        facts = reading.facts
        let left = runner.lostSessions.take(of: instance.name)
        if !left.isEmpty {
            lost = left
            try await discardForeignSettings(connection)
            try await endLostSessions(by: connection)
            reading = try await probe.read(connection)
            facts = reading.facts
        }
        note(reading.contents)
        from = ledgerVersions.max()
        guard let plan = try assess(reading), !plan.versions.isEmpty || isReturning else { return false }
        switch change {
        case .downSteps: intended = Set(plan.versions)
        case .revert(let versions, _): intended = Set(versions)
        case .up, .down: break
        }
        report(.instancePlanned(instance: instance.name, from: from, pending: plan.versions))
        try await acquireLock()
        var stalls = 0
        while true {
            let committed = applied.count
            let versions = try await planUnderLock()
            if versions.isEmpty { return !isReturning || !applied.isEmpty }
            if let again = versions.first(where: { version in applied.contains { $0.version == version } }) {
                throw Failure(
                    .failed,
                    "version \(again) was committed together with its row in the ledger, and the ledger does not say so any more",
                    version: again,
                    file: runner.set[again]?.file,
                    hint:
                        "its statements remain applied, and would run again: find out what changes the ledger (a trigger or another tool), and correct the row"
                )
            }
            if try await apply(versions) { return true }
            // Another migrator works on the same database, or the connection was lost: read again and continue, but not for ever.
            stalls = applied.count > committed ? 0 : stalls + 1
            guard stalls < 20 else {
                throw Failure(
                    .failed,
                    "another migrator keeps changing the ledger of this database",
                    hint: "stop the app or the other tool, then run the command again"
                )
            }
        }
    }

    /// Judges a reading, shows its warnings, and throws what stands in the way.
    private func assess(_ reading: InstanceProbe.Reading) throws(Failure) -> InstancePlan? {
        try plan(of: InstanceAssessment(reading, set: runner.set, change: change, instance: instance))
    }

    private func plan(of assessment: InstanceAssessment) throws(Failure) -> InstancePlan? {
        assessment.warnings.forEach(warn)
        if let failure = assessment.failure { throw failure }
        return assessment.plan
    }

    /// What is to be reverted may be committed at this moment by the session of a process that was killed: only under the lock it is known.
    private var isReturning: Bool { if case .revert(let versions, _) = change { !versions.isEmpty } else { false } }

    func warn(_ message: String) {
        guard shownWarnings.insert(message).inserted else { return }
        report(.instanceWarned(instance: instance.name, message: message))
    }

    private func note(_ contents: LedgerContents?) { ledgerVersions = Set(contents?.applied ?? []) }

    // MARK: - The advisory lock

    /// Polls the lock up to `lock_wait`, then throws `lock-busy` with its holder.
    func acquireLock(_ cancellation: Cancellation = .observed) async throws(Failure) {
        let connection = try openConnection()
        let deadline = ContinuousClock.now + settings.lockWait
        try await discardForeignSettings(connection)
        try await endSessionsOfAnEarlierProcess(connection)
        var isToldToWait = false
        while true {
            do {
                holdsLock = try await connection.query(AdvisoryLock.acquisition, timeout: InstanceProbe.silenceTimeout).onlyRow().bool(
                    "acquired"
                )
                if holdsLock { return }
                guard !isCancelled(cancellation) else { throw Failure(.interrupted, "interrupted while waiting for the advisory lock") }
                let holders = LockHolder.list(try await connection.query(AdvisoryLock.holders, timeout: InstanceProbe.silenceTimeout))
                guard ContinuousClock.now < deadline else {
                    throw Failure(busy: "another session holds the advisory lock of this database", holders)
                }
                if !isToldToWait {
                    isToldToWait = true
                    let who = holders.first?.description ?? "another session"
                    report(.instanceWaiting(instance: instance.name, reason: "\(who) holds the advisory lock"))
                }
            } catch let error as PostgresError {
                throw Failure(error, doing: "taking the advisory lock", settings: settings)
            } catch let failure as Failure {
                throw failure
            } catch {
                throw Failure(.failed, "taking the advisory lock: \(error)")
            }
            let remaining = deadline - .now
            await pause(for: min(.milliseconds(Int.random(in: 100...300)), max(remaining, .milliseconds(1))), cancellation: cancellation)
        }
    }

    /// Rids a pool's session of what an earlier client has left: settings, and statements under the names that Convoy gives its own.
    private func discardForeignSettings(_ connection: PostgresConnection) async throws(Failure) {
        guard facts?.isPooled == true else { return }
        do {
            try await connection.query("DISCARD ALL", timeout: InstanceProbe.silenceTimeout)
        } catch {
            throw Failure(error, doing: "preparing the session", settings: settings)
        }
    }

    private func isCancelled(_ cancellation: Cancellation) -> Bool { cancellation == .observed && Task.isCancelled }

    /// Unlocks and closes. When the answer is in doubt, closing is what frees the lock.
    private func release() async {
        if let connection, connection.isOpen, holdsLock {
            connection.cancellation = .ignored
            _ = try? await connection.query(AdvisoryLock.release, timeout: .seconds(5))
        }
        if let connection, !connection.isOpen, holdsLock { await endLeftovers() }
        await connection?.end(serverPID: facts?.identity?.backendPID)
        await admin?.connection.end(serverPID: admin?.identity.backendPID)
    }

    // MARK: - Under the lock

    /// Reads the ledger again, plans, and makes the tables that are missing. The first time it asks whether a migration would fail: under the lock,
    /// where no other Convoy changes what the answer depends on, and before anything is written.
    private func planUnderLock() async throws(Failure) -> [MigrationVersion] {
        let connection = try openConnection()
        var reading = try await InstanceProbe(instance: instance).readNamingHolders(connection)
        if !isPreflighted, isAsShown(reading) {
            let preflight = Preflight(
                runner: runner,
                instance: instance,
                change: change,
                connection: connection,
                lockWait: settings.lockWait,
                onWait: { [report, name = instance.name] reason in report(.instanceWaiting(instance: name, reason: reason)) }
            )
            let assessment: InstanceAssessment
            (reading, assessment) = try await preflight.assess(reading)
            _ = try plan(of: assessment)
            forAdmin = assessment.forAdmin
            // Before the first change it is known whether the administrator gets in.
            if !forAdmin.isEmpty, instance.admin != nil { try await openAdminSession() }
            isPreflighted = true
        }
        facts = reading.facts
        note(reading.contents)
        let versions = if let intended { try stillApplied(intended) } else { try assess(reading)?.versions ?? [] }
        if !versions.isEmpty { try await createTables(reading) }
        return versions
    }

    /// Whether the way down is the one that was shown; where it is not, ``stillApplied(_:)`` has the words for it.
    private func isAsShown(_ reading: InstanceProbe.Reading) -> Bool {
        guard let intended else { return true }
        let assessment = InstanceAssessment(reading, set: runner.set, change: change, instance: instance)
        return assessment.plan.map { Set($0.versions) } == intended
    }

    /// What is left of the way down; it begins at the newest version, or below what the instance had at the start, or not at all.
    private func stillApplied(_ intended: Set<MigrationVersion>) throws(Failure) -> [MigrationVersion] {
        let versions = ledgerVersions.filter(intended.contains).sorted(by: >)
        var start: MigrationVersion?
        if case .revert(_, let version) = change { start = version }
        guard let first = versions.first, let newest = ledgerVersions.max(), newest != first, start.map({ newest > $0 }) != false else {
            return versions
        }
        throw Failure(
            .blocked,
            "version \(newest) was applied meanwhile, on top of \(first), which was to be reverted",
            version: first,
            hint: "another migrator is at work: stop the app or the other tool, then run the command again"
        )
    }

    /// Creates the ledger and the audit log where they are missing, as the owner. Another migrator may do the same at this moment.
    private func createTables(_ reading: InstanceProbe.Reading) async throws(Failure) {
        let connection = try openConnection()
        let opening = [
            PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
            PipelineStatement("SELECT pg_catalog.set_config('lock_timeout', '\(settings.lockTimeout.milliseconds)', true)"),
        ]
        let commit = PipelineStatement("COMMIT")
        let role = reading.facts.settingRole(for: reading.ledger)
        do {
            if reading.contents == nil {
                try await repeatingRaces { () async throws(PostgresError) in
                    try await transaction(opening + role + reading.ledger.creation + [commit], on: connection, doing: "creating the ledger")
                }
            }
            writesAuditLog = settings.audit == .database
            guard writesAuditLog else { return }
            if let table = reading.facts.auditTable {
                try await checkAuditLog(table, reading, connection)
            } else {
                try await repeatingRaces { () async throws(PostgresError) in
                    try await transaction(opening + role + AuditLog.creation + [commit], on: connection, doing: "creating the audit log")
                }
            }
        } catch {
            guard error.sqlstate == "42501", writesAuditLog else {
                if error.code == .timedOut { throw unconfirmedTables(error) }
                throw Failure(error, doing: "creating the ledger", settings: settings)
            }
            writesAuditLog = false
            warn("this database gets no audit log, because \(error.message); grant CREATE on the database, or set audit: journal-only")
        }
    }

    private func checkAuditLog(
        _ table: InstanceFacts.AuditTable,
        _ reading: InstanceProbe.Reading,
        _ connection: PostgresConnection
    ) async throws(PostgresError) {
        if let problem = reading.contents?.auditProblem ?? table.problem(beside: reading.ledger, as: reading.facts.role) {
            writesAuditLog = false
            warn(problem)
            return
        }
        guard !table.owner.isIdentical(to: reading.ledger.owner) else { return }
        let may = try await connection.query(
            """
            SELECT pg_catalog.has_table_privilege($1::text, $2::oid, 'INSERT') AND pg_catalog.has_schema_privilege($1::text, n.oid, 'USAGE') AS may
            FROM pg_catalog.pg_namespace n WHERE n.nspname = 'convoy'
            """,
            [reading.ledger.owner, String(table.oid)],
            timeout: InstanceProbe.silenceTimeout
        )
        guard try may.rows.first?.bool("may") != true else { return }
        writesAuditLog = false
        warn("convoy.migration_log is not written: it belongs to \(table.owner), and \(reading.ledger.owner) may not insert there")
    }

    /// SQLSTATEs of two sessions that create the same thing at once, `IF NOT EXISTS` or not.
    private static let raceCodes: Set<String> = ["23505", "42P07", "42710", "42P06", "XX000", "55P03"]

    private func repeatingRaces(_ body: () async throws(PostgresError) -> Void) async throws(PostgresError) {
        for _ in 1..<5 {
            do {
                return try await body()
            } catch {
                guard let code = error.sqlstate, Self.raceCodes.contains(code) else { throw error }
                await pause(for: .milliseconds(Int.random(in: 20...100)), cancellation: .observed)
            }
        }
        try await body()
    }

    // MARK: - Helpers that the parts of the protocol share

    func openConnection() throws(Failure) -> PostgresConnection {
        guard let connection, connection.isOpen else {
            throw Failure(.unknown, "the connection is closed", hint: "run `convoy status` to see the state of this instance")
        }
        return connection
    }

    /// Notes a COMMIT of ours.
    func committed(_ version: MigrationVersion, in duration: Duration) {
        let migration = AppliedMigration(version: version, direction: change.direction, duration: duration)
        applied.append(migration)
        switch change.direction {
        case .up: ledgerVersions.insert(version)
        case .down: ledgerVersions.remove(version)
        }
        lastProgress = .now
        lockRetry = nil
        sightings.clear()
        losses = 0
        report(.migrationApplied(instance: instance.name, migration: migration))
    }

    func lockIsLost() { holdsLock = false }

    /// Counts a lost connection. A migration that loses it twice is the cause.
    func countLoss() -> Int {
        losses += 1
        return losses
    }
}
