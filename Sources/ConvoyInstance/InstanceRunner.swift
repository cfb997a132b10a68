package import ConvoyFleet
import ConvoyIO
package import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Works on one instance at a time by the protocol of Convoy: probe, lock, read again, apply in batches, release.
///
/// It holds no state of an instance, so one runner serves every task of a run.
package struct InstanceRunner: InstanceMigrator, InstanceInspector {
    package private(set) var set: MigrationSet
    let steps: [String: any MigrationStep]
    let timing: Timing
    let sides = SideSessions()
    /// Sessions of the run that are older belong to an earlier process, or to a worker that was lost.
    private(set) var created = ContinuousClock.now
    /// Sessions whose end is not known, left by changes that ended `unknown`.
    let lostSessions = LostSessions()
    /// What the set calls its own.
    let vocabulary: VocabularyStore
    var intent = Intent.changing
    /// Asks for the fingerprint of a catalogue; nil in a runner that corrects nothing.
    private(set) var fingerprintQuestion: FingerprintQuestion?

    /// What a probe is for.
    enum Intent: Sendable {
        /// To change the instance afterwards, or to say what that would do: what stands in the way is a failure.
        case changing
        /// To know where it stands: who may migrate, and where, is at most a warning.
        case reading
    }

    /// The same runner for those who only want to know where instances stand.
    package var forReading: InstanceRunner {
        var runner = self
        runner.intent = .reading
        return runner
    }

    /// The same runner where other secrets are known.
    package func hiding(_ secrets: KnownSecrets) -> InstanceRunner {
        var runner = self
        runner.mask = secrets.wordMask
        return runner
    }

    /// The same runner that takes an empty database through each migration.
    var withoutCheckpoints: InstanceRunner {
        var runner = self
        runner.set = set.having(checkpoints: [])
        return runner
    }

    /// The same runner for corrections: it writes only where the catalogue has the fingerprint that was judged.
    package func asking(_ question: FingerprintQuestion) -> InstanceRunner {
        var runner = self
        runner.fingerprintQuestion = question
        return runner
    }

    /// Hides secrets in what servers say: a tenant's own function knows his password.
    private(set) var mask: SecretMask

    /// - Parameters:
    ///   - steps: what the set's files may name with `-- convoy:step`.
    ///   - secrets: what no failure, warning or event may hold.
    package init(set: MigrationSet, steps: [any MigrationStep], secrets: KnownSecrets = KnownSecrets()) {
        self.init(set: set, steps: steps, timing: Timing(), secrets: secrets)
    }

    package init(set: MigrationSet, steps: [any MigrationStep], timing: Timing, secrets: KnownSecrets = KnownSecrets()) {
        mask = secrets.wordMask
        self.set = set
        vocabulary = VocabularyStore(set)
        self.steps = Dictionary(steps.map { ($0.name, $0) }) { first, _ in first }
        self.timing = timing
    }

    /// Waits that are not the user's to set.
    package struct Timing: Sendable {
        /// How long to try to reach a database again whose connection was lost, before the outcome is `unknown`.
        package var reconnectWait = Duration.seconds(60)
        /// The same when the operator has cancelled.
        package var interruptedReconnectWait = Duration.seconds(5)
        /// How long a change waits for a connection where a server, a role, a database or a pooler has none left.
        package var turnWait = Duration.seconds(120)
        /// How long a probe may take once it is connected: the tables and views that it asks are the tenant's.
        package var probeBudget = Duration.seconds(30)
        /// How much goes into one batch.
        package var batchMigrations = 50
        package var batchBytes = 512 * 1024
        /// How long an answer may take before a second session asks what it waits for, and the pause between two probes.
        package var patience = Duration.seconds(2)
        package var lookPause = Duration.seconds(5)
        /// How long such a probe may take.
        package var sideTimeout = Duration.seconds(5)
        /// How long an attempt to get a lock is watched closely.
        package var closeWatch = Duration.seconds(10)
        /// How long a server may answer neither the session at work nor a new one.
        package var silence = Duration.seconds(30)
        /// How much later than its limit on the server an answer may come.
        package var answerSlack = Duration.seconds(10)
        /// How often to check whether a statement without a transaction waits for Convoy's own lock.
        package var ownLockInterval = Duration.seconds(1)

        package init() {}
    }

    /// Names of steps that the set's files ask for and that are not registered.
    package var missingSteps: [String] { self.set.stepNames.filter { steps[$0] == nil }.sorted() }

    package func connections(for instance: Instance) -> Int {
        // The administrator's connection, which stays open; during a non-transactional migration also the connection that holds the
        // ledger's lock, and the one that checks whether the statement waits for it.
        let needsKeeper = set.migrations.contains { !$0.up.isTransactional || $0.section(.down)?.isTransactional == false }
        return 1 + (instance.admin != nil ? 1 : 0) + (needsKeeper ? 2 : 0)
    }

    package func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        let budget = ProbeBudget()
        let limit = timing.probeBudget
        let (status, overrun) = await budget.run(for: limit) { await self.status(of: instance, for: change, budget) }
        guard var status else { return InstanceStatus(instance, outcome: .interrupted) }
        if let overrun, status.outcome == .interrupted {
            status.outcome = .blocked
            status.failure = Failure(
                .blocked,
                "\(overrun) did not answer within \(limit.human)",
                hint: "find what slows this database down, for example a lock or a view that a preflight check reads"
            )
        }
        return status.masked(mask)
    }

    private func status(of instance: Instance, for change: Change, _ budget: ProbeBudget) async -> InstanceStatus {
        var status = InstanceStatus(instance, outcome: .unreachable)
        do {
            let probe = InstanceProbe(instance: instance)
            let connection = try await probe.connect()
            defer { connection.close() }
            budget.begin()
            var preflight = Preflight(runner: self, instance: instance, change: change, connection: connection)
            preflight.onStage = budget.enter
            let completion = InstanceProbe.Completion.whereNeeded { contents in
                guard change.correctionKind == nil, let applied = contents?.applied, !applied.isEmpty else { return true }
                return (try? InstancePlan(set: self.set, applied: applied, change: change))?.versions.isEmpty != true
            }
            let (reading, assessment) = try await preflight.assess(try await probe.readNamingHolders(connection, completing: completion))
            status.version = reading.contents?.applied.last
            status.lastMigratedAt = reading.contents?.lastMigratedAt
            status.claim = reading.contents?.beyond.claim(in: reading.facts.identity) { self.set[$0] != nil }
            status.serverVersion = reading.facts.serverVersion
            status.pending = assessment.plan?.versions ?? []
            status.checkpoint = assessment.failure == nil ? assessment.checkpoint?.version : nil
            status.unknownVersions = assessment.plan?.unknownVersions ?? []
            status.edited = assessment.edited
            status.warnings = assessment.warnings
            status.failure = assessment.failure
            if assessment.failure == nil, !assessment.forAdmin.isEmpty, let identity = reading.facts.identity {
                // One connection at a time, whatever is probed.
                connection.close()
                status.failure = await AdminCheck(instance: instance).failure(beside: identity)
            }
            let standing: Outcome = status.pending.isEmpty && !assessment.isCorrectionDue ? .upToDate : .pending
            status.outcome = status.failure?.kind ?? (assessment.isAcceptedAhead ? .ahead : standing)
        } catch {
            status.failure = error
            status.outcome = error.kind
        }
        return status
    }

    package func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        let runner = job.isTakenOver ? takingOver : self
        let change = InstanceChange(runner, job.instance, job.change, run: job.run) { [mask] in report($0.masked(mask)) }
        return await change.perform().masked(mask)
    }

    /// The same runner, which ends every session of its run that is there already: a worker that was lost began them, perhaps after this process
    /// did.
    private var takingOver: InstanceRunner {
        var runner = self
        runner.created = .now
        return runner
    }

    /// Asks the pending steps whether they would fail.
    func stepBlockers(
        _ assessment: InstanceAssessment,
        _ facts: InstanceFacts,
        _ instance: Instance,
        _ connection: PostgresConnection
    ) async -> Failure? {
        guard let plan = assessment.plan, let ledger = assessment.ledger else { return nil }
        for version in plan.versions {
            guard let migration = set[version], let section = migration.section(plan.direction) else { continue }
            for case .step(let name, let line) in section.elements {
                guard let failure = await blocker(step: name, line: line, of: migration, ledger, facts, instance, connection) else {
                    continue
                }
                return failure
            }
        }
        return nil
    }

    private func blocker(
        step name: String,
        line: Int,
        of migration: Migration,
        _ ledger: Ledger,
        _ facts: InstanceFacts,
        _ instance: Instance,
        _ connection: PostgresConnection
    ) async -> Failure? {
        var failure = Failure(.blocked, "", version: migration.version, file: migration.file, line: line)
        guard let step = steps[name] else {
            failure.message = "this convoy has no step “\(name)”"
            failure.hint = "use the Convoy release of this migration set"
            return failure
        }
        let secrets: [String: Secret]
        do throws(SecretFailure) {
            secrets = try await instance.stepSecrets()
        } catch {
            failure.message = error.description
            return failure
        }
        do {
            let opening = InstanceProbe(instance: instance).opening(on: connection) + facts.settingRole(for: ledger)
            for result in try await connection.pipeline(opening, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
            let context = StepContext(connection: connection, secrets: secrets, schema: quotedIdentifier(ledger.schema))
            let reasons = try await step.blockers(context)
            try await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout)
            guard !reasons.isEmpty else { return nil }
            failure.message = reasons.joined(separator: "; ")
            return failure
        } catch let error as PostgresError {
            await rollBack(connection)
            var failure = Failure(error, doing: "asking step \(name) whether it would fail", settings: instance.settings)
            (failure.version, failure.file, failure.line) = (migration.version, migration.file, line)
            return failure
        } catch {
            await rollBack(connection)
            failure.message = "step \(name) could not tell whether it would fail: \(error)"
            return failure
        }
    }

    /// What is asked next begins a transaction of its own.
    private func rollBack(_ connection: PostgresConnection) async {
        guard connection.isOpen, connection.transactionStatus != .idle else { return }
        _ = try? await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout)
    }
}

extension InstanceStatus {
    /// What is known of an instance before it was asked.
    fileprivate init(_ instance: Instance, outcome: Outcome) {
        self.init(
            name: instance.name,
            server: instance.server,
            database: instance.database,
            labels: instance.labels,
            outcome: outcome
        )
    }
}

extension InstanceAssessment {
    init(
        _ reading: InstanceProbe.Reading,
        set: MigrationSet,
        change: Change,
        instance: Instance,
        intent: InstanceRunner.Intent = .changing
    ) {
        self.init(
            facts: reading.facts,
            ledger: reading.ledger,
            contents: reading.contents,
            set: set,
            change: change,
            instance: instance,
            intent: intent
        )
    }
}
