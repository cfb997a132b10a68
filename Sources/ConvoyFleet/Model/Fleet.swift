public import ConvoyIO
import ConvoyMigrations
package import ConvoyPostgres
public import ConvoyText

/// What a fleet file says, checked and with every variable filled in.
public struct Fleet: Sendable {
    /// The file as the user named it, for problems that show later.
    public var file: String
    /// The fleet's name in reports and in the journal.
    public var name: String
    /// The migration set's directory, as a path that can be opened from here.
    public var migrations: String
    /// The entries of `servers`.
    public var servers: [Server]
    /// The instances that the file lists, in its order.
    public var instances: [Instance]
    /// The entries of `discover`.
    public var discoveries: [Discovery]
    /// How many connections a run may hold at once.
    public var limits: Limits
    /// The waves, health checks, hooks and maintenance window of a run.
    public var rollout: Rollout
    /// Where runs are written down: a path that can be opened from here, or of a control database `host:port/database`.
    public var journal: String
    /// `control`: the database where runs are written down; nil if that is the file ``journal``.
    package var control: ConnectionParameters?
    /// `journal_keep`: the runs that stay in the journal when a run ends; nil keeps all.
    public var journalKeep: JournalKeep?
    /// `workers`: what workers take where their command lines do not say.
    package var workers = WorkerDefaults()
    /// The webhooks that are notified of runs.
    public var notifications: [Webhook]
    /// The base of the dashboard's URLs, without a slash at its end; nil if messages have no link.
    public var dashboard: String?
    /// Problems of severity `warning`.
    public var warnings: [Problem]
    /// Every secret that the file gives, whole and in the parts that are secrets by themselves: what is masked wherever it turns up.
    public var secrets: Set<Secret> = []
    /// The variables of the environment that they come from.
    public var secretVariables: Set<String> = []
    /// Of the file's text, without what its variables stand for; empty if the fleet was not read from a file.
    package var checksum = ""

    /// `secret_commands`, in the order of the file.
    package var secretCommandList: [SecretCommand] = []
    /// Asks them when a secret is needed.
    package var secretCommands: SecretCommands?
    /// The secrets that the file takes from them.
    package var secretReferences: Set<SecretReference> = []

    /// Where runs are written down.
    package var journalPlace: JournalPlace { control.map(JournalPlace.control) ?? .file(journal) }

    /// The journal's file; with a control database the one that would be the journal without it.
    package var journalFile: String {
        guard control != nil else { return journal }
        return (file.lastIndex(of: "/").map { String(file[...$0]) } ?? "") + Self.defaultJournal
    }

    /// Where the journal is, relative to the fleet file, when the file does not say.
    public static let defaultJournal = ".convoy/journal.sqlite"

    /// A fleet from its parts; ``secrets`` and ``secretVariables`` are empty.
    public init(
        file: String = "fleet.yaml",
        name: String,
        migrations: String,
        servers: [Server] = [],
        instances: [Instance],
        discoveries: [Discovery] = [],
        limits: Limits = Limits(),
        rollout: Rollout = Rollout(),
        journal: String = Fleet.defaultJournal,
        notifications: [Webhook] = [],
        dashboard: String? = nil,
        warnings: [Problem] = []
    ) {
        self.file = file
        self.name = name
        self.migrations = migrations
        self.servers = servers
        self.instances = instances
        self.discoveries = discoveries
        self.limits = limits
        self.rollout = rollout
        self.journal = journal
        self.notifications = notifications
        self.dashboard = dashboard
        self.warnings = warnings
    }
}

/// A host and port that instances share.
public struct Server: Sendable, Hashable {
    /// The name by which instances refer to the server.
    public var name: String
    /// `max_connections`: this run's budget there; nil leaves it to ``Limits/perServer``.
    public var maxConnections: Int?
    /// `provision`: what `convoy provision` may make there; nil: nothing.
    package var provisioning: Provisioning?

    /// A server of the fleet file.
    public init(name: String, maxConnections: Int? = nil) {
        self.name = name
        self.maxConnections = maxConnections
    }
}

/// How many connections a run may hold at once.
public struct Limits: Sendable, Hashable {
    /// The most connections over all servers.
    public var total = 64
    /// The most connections on each server.
    public var perServer = 16

    /// Limits; the defaults are those of a fleet file without `limits`.
    public init(total: Int = 64, perServer: Int = 16) {
        self.total = total
        self.perServer = perServer
    }
}
