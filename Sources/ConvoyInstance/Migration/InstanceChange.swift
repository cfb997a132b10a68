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
    var runner: InstanceRunner
    let instance: Instance
    let change: Change
    /// The run's id, which is part of the sessions' name and of each audit row.
    let run: String
    let report: @Sendable (Event.Kind) -> Void

    /// The session that holds the advisory lock and migrates.
    var session = ChangeSession()
    /// The administrator's session; nil until a migration needs it.
    var admin: AdminSession?
    /// The migrations that only the administrator can run, as the preflight found; nil until the preflight has run.
    var forAdmin: Set<MigrationVersion>?
    /// The session that last held the ledger's lock beside a non-transactional migration; nil if none did since the last recovery.
    var keeper: SessionIdentity?
    /// The sessions of lost connections, as long as it is not known that they have ended.
    var lost: [LostSession] = []
    /// What is known of the ledger, and what was done there.
    var log: ChangeLog
    /// The instance's secrets, those included that secret commands give: asked for before the first migration with a step, outside of any transaction.
    private(set) var stepSecrets: [String: Secret]
    private var hasAskedForSecrets = false
    /// Whether migrations write a row into the audit log. Decided under the lock, before the first migration.
    var writesAuditLog = false
    /// How long attempts wait for a lock, and how many there were; nil if nothing has blocked the present migration.
    var lockRetry: LockRetry?
    /// What an empty database starts from, as it was last judged; nil if each migration runs.
    private var checkpoint: Checkpoint?
    /// Whether the ledger has versions that the set does not know, and the fleet file accepts that.
    private var isAcceptedAhead = false
    /// What was found to block the present migration.
    let sightings = Sightings()
    private var shownWarnings: Set<String> = []
    /// How many warnings of the server were shown; no more than ``serverWarningLimit`` are.
    var serverWarnings = 0
    static let serverWarningLimit = 20

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
        stepSecrets = instance.secrets
        log = ChangeLog(change, at: .now)
    }

    var settings: InstanceSettings { instance.settings }

    /// Nil before the first connection, and while a lost one is not replaced.
    var connection: PostgresConnection? { session.connection }

    /// Nil before the catalogue was read.
    var facts: InstanceFacts? { session.catalogue?.facts }

    /// Brings the instance to its target, as far as that is possible.
    func perform() async -> InstanceResult {
        do {
            let didSomething: Bool
            let done: Outcome
            if case .correct(let correction) = change {
                done = Outcome(correction.kind)
                didSomething = try await correct(correction)
            } else {
                done = change.direction == .up ? .migrated : .rolledBack
                didSomething = try await bringToTarget()
            }
            await release()
            if isAcceptedAhead, log.applied.isEmpty { return log.result(.ahead) }
            return log.result(didSomething ? done : .upToDate)
        } catch {
            await release()
            runner.lostSessions.add(lost, of: instance.name)
            return log.result(error.kind, error)
        }
    }

    /// - Returns: whether there was something to do.
    private func bringToTarget() async throws(Failure) -> Bool {
        let reading = try await firstReading()
        guard let plan = try assess(reading), !plan.versions.isEmpty || isReturning else { return false }
        log.planned(plan.versions)
        report(.instancePlanned(instance: instance.name, from: log.from, pending: plan.versions))
        try await acquireLock()
        var stalls = 0
        while true {
            let committed = log.applied.count
            let (versions, start) = try await planUnderLock()
            if versions.isEmpty { return !isReturning || !log.applied.isEmpty }
            if let again = log.committedBefore(versions) {
                throw Failure(
                    .failed,
                    "version \(again) was committed together with its row in the ledger, and the ledger does not say so any more",
                    version: again,
                    file: runner.set[again]?.file,
                    hint:
                        "its statements remain applied, and would run again: find out what changes the ledger (a trigger or another tool), then run `convoy repair`, "
                        + "which compares the ledger with the schema"
                )
            }
            let isDone: Bool
            if let start {
                // What is above the checkpoint is planned on what it left.
                isDone = try await apply(start) && versions.last == start.version
            } else {
                try await askForSecrets(of: versions)
                isDone = try await apply(versions)
            }
            if isDone { return true }
            // Another migrator works on the same database, or the connection was lost: read again and continue, but not for ever.
            stalls = log.applied.count > committed ? 0 : stalls + 1
            guard stalls < 20 else {
                throw Failure(
                    .failed,
                    "another migrator keeps changing the ledger of this database",
                    hint: "stop the app or the other tool, then run the command again"
                )
            }
        }
    }

    /// Connects, and reads catalogue and ledger without a lock.
    func firstReading() async throws(Failure) -> InstanceProbe.Reading {
        let probe = turnTakingProbe
        let connection = try await probe.connect()
        session.connected(connection)
        var reading = try await probe.readNamingHolders(connection)
        session.catalogueRead(reading)
        let left = runner.lostSessions.take(of: instance.name)
        if !left.isEmpty {
            lost = left
            try await discardForeignSettings(connection)
            try await endLostSessions(by: connection)
            reading = try await probe.read(connection)
            session.catalogueRead(reading)
        }
        log.began(with: reading.contents?.applied ?? [])
        return reading
    }

    /// Asks secret commands for what the steps of these versions need.
    private func askForSecrets(of versions: [MigrationVersion]) async throws(Failure) {
        guard !hasAskedForSecrets, !instance.lateSecrets.isEmpty else { return }
        guard versions.contains(where: { runner.set[$0]?.section(change.direction)?.hasStep == true }) else { return }
        do throws(SecretFailure) {
            stepSecrets = try await instance.stepSecrets()
            hasAskedForSecrets = true
        } catch {
            throw error.isCancellation ? Failure(.interrupted, error.description) : Failure(.blocked, error.description)
        }
    }

    /// Judges a reading, shows its warnings, and throws what stands in the way.
    private func assess(_ reading: InstanceProbe.Reading) throws(Failure) -> InstancePlan? {
        try plan(of: InstanceAssessment(reading, set: runner.set, change: change, instance: instance))
    }

    private func plan(of assessment: InstanceAssessment) throws(Failure) -> InstancePlan? {
        try heed(assessment)
        isAcceptedAhead = assessment.isAcceptedAhead
        checkpoint = assessment.checkpoint
        return assessment.plan
    }

    /// Shows the warnings of an assessment, and throws what stands in the way.
    func heed(_ assessment: InstanceAssessment) throws(Failure) {
        assessment.warnings.forEach(warn)
        if let failure = assessment.failure { throw failure }
    }

    /// What is to be reverted may be committed at this moment by the session of a process that was killed: only under the lock it is known.
    private var isReturning: Bool { if case .revert(let versions, _) = change { !versions.isEmpty } else { false } }

    func warn(_ message: String) {
        guard shownWarnings.insert(message).inserted else { return }
        report(.instanceWarned(instance: instance.name, message: message))
    }

    // MARK: - Under the lock

    /// Reads the ledger again, plans, and makes the tables that are missing. The first time it asks whether a migration would fail: under the lock,
    /// where no other Convoy changes what the answer depends on, and before anything is written.
    ///
    /// - Returns: the versions to run, and what takes the place of the first of them, if the database is empty.
    private func planUnderLock() async throws(Failure) -> (versions: [MigrationVersion], start: CheckpointStart?) {
        let connection = try openConnection()
        var reading = try await InstanceProbe(instance: instance).readNamingHolders(connection)
        if forAdmin == nil, isAsShown(reading) {
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
            if !assessment.forAdmin.isEmpty, instance.admin != nil { try await openAdminSession() }
        }
        session.catalogueRead(reading)
        log.ledgerRead(reading.contents?.applied ?? [])
        let versions = if let left = try log.leftToRevert() { left } else { try assess(reading)?.versions ?? [] }
        guard !versions.isEmpty else { return ([], nil) }
        let start = try await start(checkpoint, from: reading)
        if start == nil { try await createTables(reading) }
        session.writeScript(run: run, direction: change.direction, writesAuditLog: writesAuditLog, settings: settings)
        return (versions, start)
    }

    /// Whether the way down is the one that was shown; where it is not, ``ChangeLog/leftToRevert()`` has the words for it.
    private func isAsShown(_ reading: InstanceProbe.Reading) -> Bool {
        log.isAsShown(InstanceAssessment(reading, set: runner.set, change: change, instance: instance).plan?.versions)
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
        show(log.committed(version, in: duration, at: .now))
    }

    /// Reports a migration that was committed: what kept it waiting is over.
    func show(_ migration: AppliedMigration) {
        lockRetry = nil
        sightings.clear()
        report(.migrationApplied(instance: instance.name, migration: migration))
    }
}
