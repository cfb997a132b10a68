import ConvoyText

/// How a run goes over the fleet.
public struct Rollout: Sendable, Hashable {
    /// In order. Never empty: without `rollout` it is one wave `all` of everything.
    public var waves: [Wave]
    /// Run on every instance after it was changed; one that does not hold makes the outcome `check-failed`.
    public var checks: [Check]
    /// Programs that run around the run, its waves and its instances.
    public var hooks: Hooks
    /// Nothing new starts outside it; nil means that it is always open.
    public var window: MaintenanceWindow?

    /// A rollout; by default one wave `all` of every instance, without checks, hooks and window.
    public init(
        waves: [Wave] = [Wave(name: "all", selection: .rest)],
        checks: [Check] = [],
        hooks: Hooks = Hooks(),
        window: MaintenanceWindow? = nil
    ) {
        self.waves = waves
        self.checks = checks
        self.hooks = hooks
        self.window = window
    }

    /// Whether ``assign(_:cohorts:)`` needs the instances' cohorts, which only a probe of their databases can provide.
    public var needsCohorts: Bool { waves.contains { $0.onePer == .cohort } }
}

/// Instances that are upgraded together.
public struct Wave: Sendable, Hashable {
    /// Unique in the rollout; events, reports and `--wave` use it.
    public var name: String
    /// Which instances it takes.
    public var selection: Selection
    /// Of what the selection means, one instance for each value; nil takes all of it.
    public var onePer: OnePer?
    /// The most instances at a time; nil leaves it to the limits.
    public var maxParallel: Int?
    /// When failures in this wave halt the fleet.
    public var stop: StopRules
    /// What one failed instance means for the others.
    public var onFailure: OnFailure
    /// What must hold after this wave before the next one starts; nil means nothing.
    public var gate: Gate?

    /// A wave; by default it is limited by the connections only, has no stop rule and no gate, and continues after a failure.
    public init(
        name: String,
        selection: Selection,
        onePer: OnePer? = nil,
        maxParallel: Int? = nil,
        stop: StopRules = StopRules(),
        onFailure: OnFailure = .proceed,
        gate: Gate? = nil
    ) {
        self.name = name
        self.selection = selection
        self.onePer = onePer
        self.maxParallel = maxParallel
        self.stop = stop
        self.onFailure = onFailure
        self.gate = gate
    }

    /// Which of the instances that no earlier wave took belong to this one.
    public enum Selection: Sendable, Hashable {
        /// The instances that the selector matches.
        case selector(Selector)
        /// The instances with these names.
        case names([String])
        /// This many, chosen by a stable hash of the name.
        case count(Int)
        /// This share of the whole selection in percent, rounded up, chosen by a stable hash of the name. It counts what earlier `percent` waves
        /// took, so that a later, bigger percent contains an earlier one.
        case percent(Double)
        /// Every instance that is left.
        case rest
    }

    /// What a canary meets one of each of.
    public enum OnePer: Sendable, Hashable {
        /// Instances with the same version and the same schema fingerprint.
        case cohort
        /// Instances with the same value of a label; those without it are one more kind.
        case label(String)
    }
}

/// What halts the fleet: nothing new starts, what runs finishes. A rule that is nil never halts. The first three never count `unreachable`:
/// two hosts that are down are not a bad migration.
public struct StopRules: Sendable, Hashable, Codable {
    /// `failures`: halt when this many instances of the wave failed.
    public var failures: Int?
    /// `failure_percent`: halt when this share of the wave's instances failed.
    public var failurePercent: Double?
    /// `same_failure`: halt when this many instances of the run failed with the same fingerprint.
    public var sameFailure: Int?
    /// `unreachable_percent`: halt when this share of the wave's instances could not be reached.
    public var unreachablePercent: Double?

    enum CodingKeys: String, CodingKey {
        case failures
        case failurePercent = "failure_percent"
        case sameFailure = "same_failure"
        case unreachablePercent = "unreachable_percent"
    }

    /// Rules; those that are not given are nil.
    public init(failures: Int? = nil, failurePercent: Double? = nil, sameFailure: Int? = nil, unreachablePercent: Double? = nil) {
        self.failures = failures
        self.failurePercent = failurePercent
        self.sameFailure = sameFailure
        self.unreachablePercent = unreachablePercent
    }

    /// Whether there is any rule.
    public var isEmpty: Bool { self == StopRules() }
}

/// `on_failure`: what one failed instance means for the others. `unreachable` does not count as a failure here.
public enum OnFailure: String, Sendable, Hashable, CaseIterable, Codable {
    /// Continue; the stop rules decide.
    case proceed = "continue"
    /// Halt the fleet.
    case halt
    /// Roll that instance back to where it started, and continue; the stop rules decide.
    case rollbackInstance = "rollback-instance"
    /// Halt the fleet, and return every instance of the wave that the run changed to where it started.
    case rollbackWave = "rollback"

    /// Whether instances may be returned to where they started.
    public var rollsBack: Bool { self == .rollbackInstance || self == .rollbackWave }
}

/// What must hold after a wave before the next one starts.
public struct Gate: Sendable, Hashable {
    /// How long everything below must hold; zero checks once.
    public var soak: Duration
    /// How often checks, command and http are repeated during the soak.
    public var every: Duration
    /// An operator must approve: with `convoy approve`, or at a prompt on a terminal.
    public var approve: Bool
    /// How long the approval may take, from the moment when the gate opens; nil waits for it without end. After that the run halts.
    public var approveWithin: Duration?
    /// Run on every instance of the wave that succeeded.
    public var checks: [Check]
    /// A program and its arguments, with the placeholders of a wave's hooks, which must exit with 0; empty where the gate has no command.
    public var command: [String]
    /// A URL that must answer GET with 2xx.
    public var http: String?

    /// A gate; without arguments it requires nothing.
    public init(
        soak: Duration = .zero,
        every: Duration = .seconds(30),
        approve: Bool = false,
        approveWithin: Duration? = nil,
        checks: [Check] = [],
        command: [String] = [],
        http: String? = nil
    ) {
        self.soak = soak
        self.every = every
        self.approve = approve
        self.approveWithin = approveWithin
        self.checks = checks
        self.command = command
        self.http = http
    }
}

/// A query that says whether an instance is healthy.
public struct Check: Sendable, Hashable, Codable {
    /// The name of the check in failures.
    public var name: String
    /// One row with one column.
    public var sql: String
    /// The text that it must give; nil means true.
    public var expect: String?

    /// A health check.
    public init(name: String, sql: String, expect: String? = nil) {
        self.name = name
        self.sql = sql
        self.expect = expect
    }
}

/// Programs that run around a run, a wave and an instance.
public struct Hooks: Sendable, Hashable {
    /// For each point a program and its arguments, with placeholders such as `{name}`; never a shell string.
    public var commands: [HookPoint: [String]]
    /// The longest that one of them may run.
    public var timeout: Duration
    /// Variables of Convoy's own environment that these programs, and gates' commands, get in addition to those that every program needs.
    public var environment: Set<String>

    /// Hooks; by default there are no programs.
    public init(commands: [HookPoint: [String]] = [:], timeout: Duration = .seconds(300), environment: Set<String> = []) {
        self.commands = commands
        self.timeout = timeout
        self.environment = environment
    }
}

/// When a hook runs.
public enum HookPoint: String, Sendable, Hashable, CaseIterable, Codable {
    /// Before the first wave. A failure halts the run.
    case beforeRun = "before_run"
    /// Before the first instance of a wave. A failure halts the run.
    case beforeWave = "before_wave"
    /// Before the migrations of an instance that has some pending. If the program fails, the database is not touched.
    case beforeInstance = "before_instance"
    /// After the migrations and health checks of an instance that had some pending, also after a failure or an interruption. It does not run if
    /// the program of ``beforeInstance`` failed by itself.
    case afterInstance = "after_instance"
    /// After the last instance of a wave. A failure halts the run.
    case afterWave = "after_wave"
    /// After everything else, however the run ended. A failure makes a run that succeeded fail.
    case afterRun = "after_run"
}
