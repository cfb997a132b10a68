public import ConvoyMigrations

/// What a fleet file says, checked and with every variable filled in.
public struct Fleet: Sendable {
    public var name: String
    /// The migration set's directory, as a path that can be opened from here.
    public var migrations: String
    public var servers: [Server]
    /// The instances that the file lists, in its order.
    public var instances: [Instance]
    public var discoveries: [Discovery]
    public var limits: Limits
    public var rollout: Rollout
    /// Problems of severity `warning`.
    public var warnings: [Problem]
    /// Keys that the file uses, that are checked, and that no command obeys yet, each with its place: `migrate` refuses to start with one.
    public var unsupported: [Problem]
}

/// A host and port that instances share.
public struct Server: Sendable {
    public var name: String
    /// `max_connections`: this run's budget there; nil leaves it to ``Limits/perServer``.
    public var maxConnections: Int?
}

/// How many connections a run may hold at once.
public struct Limits: Sendable, Hashable {
    public var total = 64
    public var perServer = 16

    public init(total: Int = 64, perServer: Int = 16) {
        self.total = total
        self.perServer = perServer
    }
}

/// Instances that are found at run time among the databases of a server.
public struct Discovery: Sendable {
    /// The server's name.
    public var server: String
    /// A glob, `*` and `?`, over database names.
    public var databases: String
    /// Globs of databases to leave out.
    public var exclude: [String]
    /// The instance's name, `{database}` filled in.
    public var nameTemplate: String
    /// What each instance found gets; `database` and `name` are still to be filled in.
    public var template: Instance
}

/// How a run goes over the fleet.
public struct Rollout: Sendable {
    /// In order. Never empty: without `rollout` it is one wave `all` of everything.
    public var waves: [Wave]
}

/// Instances that are upgraded together.
public struct Wave: Sendable {
    public var name: String
    public var selection: Selection
    /// The most instances at a time; nil leaves it to the limits.
    public var maxParallel: Int?
    public var stop: StopRules

    /// Which of the instances that no earlier wave took belong to this one.
    public enum Selection: Sendable {
        case selector(Selector)
        case names([String])
        /// This many, chosen by a stable hash of the name.
        case count(Int)
        /// This share of the whole selection in percent, chosen by a stable hash of the name; rounded up.
        case percent(Double)
        case rest
    }
}

/// What halts the fleet: nothing new starts, what runs finishes.
public struct StopRules: Sendable, Hashable {
    /// `failures`: halt when this many instances of the wave did not end well; nil never halts.
    public var failures: Int?

    public init(failures: Int? = nil) {
        self.failures = failures
    }
}
