public import ConvoyFleet
public import ConvoyMigrations
import ConvoyText
public import FoundationEssentials

/// Something that happened in a run. Sent once; the journal and every reporter read the same ones.
public struct Event: Sendable {
    /// When it happened, by the clock of the process that works on the run.
    public var at: Date
    /// What happened.
    public var kind: Kind

    /// What happened, and where: each kind names its wave, instance or server.
    ///
    /// What is large is kept beside: a worker copies the events of all others, and most of them are small.
    public enum Kind: Sendable {
        /// The run begins; the waves name the instances that each will touch.
        case runStarted(run: String, fleet: String, waves: [PlannedWave])
        /// The run belongs to the trace of another program, whose span started it, as W3C Trace Context writes it in `traceparent`.
        case traceJoined(parent: String)
        /// The wave begins; its `before_wave` hook and its instances follow.
        case waveStarted(wave: String)
        /// Work on the instance begins; its hooks and its probe follow.
        case instanceStarted(instance: String, wave: String)
        /// The probe is done: where the instance stands and what it is going to run.
        case instancePlanned(instance: String, from: MigrationVersion?, pending: [MigrationVersion])
        /// The instance waits, for example for another session's lock; the facts name the sessions that hold it.
        indirect case instanceWaiting(instance: String, reason: String, facts: WaitFacts = WaitFacts())
        /// A migration was applied or reverted, and is committed.
        case migrationApplied(instance: String, migration: AppliedMigration)
        /// What the server is doing, while one migration takes long; nil when the server no longer reports it.
        indirect case instanceProgress(instance: String, activity: ServerActivity?)
        /// Something that the operator should read but that stops nothing.
        case instanceWarned(instance: String, message: String)
        /// Work on the instance has ended, its health checks and hooks included.
        indirect case instanceFinished(instance: String, result: InstanceResult)
        /// Nothing of the wave is in progress any more. The event comes again after rollbacks that a failed gate causes.
        case waveFinished(wave: String)
        /// The instance is being returned to where it started in this run.
        case rollbackStarted(instance: String, wave: String)
        /// It was, or it could not be; the result is the instance's as a whole now, with everything that was applied and reverted.
        indirect case rollbackFinished(instance: String, result: InstanceResult)
        /// The wave is done and the next one waits until its gate passes.
        case gateOpened(wave: String)
        /// What the gate waits for now: the soak, or an approval.
        case gateWaiting(wave: String, reason: String)
        /// The gate was approved; `by` is the operator.
        case approved(wave: String, by: String)
        /// All that the gate requires held; the next wave may start.
        case gatePassed(wave: String)
        /// Something that the gate requires did not hold, which halts the fleet.
        case gateFailed(wave: String, reason: String)
        /// A program of the fleet file has ended, or could not be started.
        indirect case hookFinished(HookResult)
        /// Nothing new starts on the server until it is resumed.
        case serverPaused(server: String, by: String)
        /// Instances on the server start again; `by` is the operator.
        case serverResumed(server: String, by: String)
        /// How many connections the run may hold on the server now.
        case budgetChanged(server: String, connections: Int)
        /// Nothing new starts before that time.
        case windowClosed(until: Date)
        /// The maintenance window opened: waves and instances start again.
        case windowOpened
        /// Another process resumed the run.
        case runResumed(by: String)
        /// The fleet was halted: a stop rule, a gate, a hook or the journal.
        indirect case halted(HaltReason)
        /// The operator asked to stop: nothing new starts.
        case stopRequested
        /// The operator asked again: what runs is cancelled.
        case cancelRequested
        /// The run has ended. Only ``runResumed(by:)`` can follow.
        case runFinished(status: RunEnding)
    }

    /// An event of this kind.
    public init(at: Date, _ kind: Kind) {
        self.at = at
        self.kind = kind
    }
}

/// How a hook ended.
public struct HookResult: Sendable, Hashable {
    /// The point at which it ran.
    public var point: HookPoint
    /// The wave that it ran for; nil if it ran before or after the whole run.
    public var wave: String?
    /// The instance that it ran for; nil if it ran before or after a run or a wave.
    public var instance: String?
    /// How long it ran; zero if it could not be started.
    public var duration: Duration
    /// Why it did not end with exit code 0 in time; nil if it did.
    public var problem: String?
    /// What it wrote, both streams in one, cut to a limit and without secrets.
    public var output: String

    /// A result from its parts.
    public init(point: HookPoint, wave: String?, instance: String?, duration: Duration, problem: String?, output: String) {
        self.point = point
        self.wave = wave
        self.instance = instance
        self.duration = duration
        self.problem = problem
        self.output = output
    }
}

/// A wave with the instances that it got.
public struct PlannedWave: Sendable, Hashable, Decodable {
    /// The wave's name.
    public var name: String
    /// The names of its instances.
    public var instances: [String]

    /// A wave with the names of its instances.
    public init(name: String, instances: [String]) {
        self.name = name
        self.instances = instances
    }
}

/// A migration that this run applied or reverted, and that the ledger shows.
public struct AppliedMigration: Sendable, Hashable {
    /// The version that was applied or reverted.
    public var version: MigrationVersion
    /// `up` if it was applied, `down` if it was reverted.
    public var direction: MigrationDirection
    /// How long it took; zero if that is not known. Of those that a checkpoint applied together, its own version has the duration of them all.
    public var duration: Duration
    /// The version of the checkpoint that applied it together with all older ones; nil if it was applied by itself.
    public var checkpoint: MigrationVersion?

    /// A migration with its duration.
    public init(version: MigrationVersion, direction: MigrationDirection, duration: Duration, checkpoint: MigrationVersion? = nil) {
        self.version = version
        self.direction = direction
        self.duration = duration
        self.checkpoint = checkpoint
    }
}

/// How one instance ended in a run.
public struct InstanceResult: Sendable, Hashable {
    /// How the instance ended.
    public var outcome: Outcome
    /// The newest version in the ledger before the run; nil if the ledger was missing or empty, or if it was not read.
    public var from: MigrationVersion?
    /// The newest version after it.
    public var to: MigrationVersion?
    /// What the run applied and reverted, in this order.
    public var applied: [AppliedMigration]
    /// Present whenever the outcome is not a good one, and absent where the fleet file accepts that the instance is `ahead`.
    public var failure: Failure?

    /// A result; what is not given is unknown or empty.
    public init(
        outcome: Outcome,
        from: MigrationVersion? = nil,
        to: MigrationVersion? = nil,
        applied: [AppliedMigration] = [],
        failure: Failure? = nil
    ) {
        self.outcome = outcome
        self.from = from
        self.to = to
        self.applied = applied
        self.failure = failure
    }
}

/// What `status` knows of an instance: read without a lock, nothing written.
public struct InstanceStatus: Sendable, Hashable {
    /// The instance's name.
    public var name: String
    /// The name of its server.
    public var server: String
    /// The name of its database.
    public var database: String
    /// The instance's labels, values by key.
    public var labels: [String: String]
    /// `pending` or `up-to-date`, or why the instance cannot be migrated.
    public var outcome: Outcome
    /// The newest version in the ledger; nil if the ledger is missing or empty, or if it was not read.
    public var version: MigrationVersion?
    /// What `migrate` would apply, in order.
    public var pending: [MigrationVersion]
    /// The checkpoint that `migrate` would start the empty database from; nil if it would run each migration.
    public var checkpoint: MigrationVersion?
    /// Versions in the ledger that the set does not have.
    public var unknownVersions: [MigrationVersion]
    /// Applied versions whose file has changed since Convoy applied them.
    public var edited: [MigrationVersion] = []
    /// As the server names it, for example `17.2`.
    public var serverVersion: String?
    /// The newest `inserted_at` in the ledger.
    public var lastMigratedAt: Date?
    /// Why, where the outcome is not a good one; nil where the fleet file accepts that the instance is `ahead`.
    public var failure: Failure?
    /// Why the fleet file skips the instance; nil if it does not.
    public var skip: String?
    /// What its audit log says that its ledger does not; nil if that is nothing. A hint: it decides nothing.
    package var claim: AuditClaim?
    /// Things that the operator should read but that stop nothing.
    public var warnings: [String]

    /// A status; ``edited`` is empty and ``checkpoint`` nil at first.
    public init(
        name: String,
        server: String,
        database: String,
        labels: [String: String],
        outcome: Outcome,
        version: MigrationVersion? = nil,
        pending: [MigrationVersion] = [],
        unknownVersions: [MigrationVersion] = [],
        serverVersion: String? = nil,
        lastMigratedAt: Date? = nil,
        failure: Failure? = nil,
        warnings: [String] = []
    ) {
        self.name = name
        self.server = server
        self.database = database
        self.labels = labels
        self.outcome = outcome
        self.version = version
        self.pending = pending
        self.unknownVersions = unknownVersions
        self.serverVersion = serverVersion
        self.lastMigratedAt = lastMigratedAt
        self.failure = failure
        self.warnings = warnings
    }
}
