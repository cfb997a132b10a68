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
    /// The versions of the batch that was sent last. If its connection is lost, the server may have committed them without an answer.
    var batch: Set<MigrationVersion> = []
    /// How often the connection was lost since the last progress.
    private var losses = 0
    private var from: MigrationVersion?
    var holdsLock = false
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
