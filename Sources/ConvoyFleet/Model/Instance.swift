public import ConvoyIO
public import ConvoyPostgres
import ConvoyText

/// One database of the fleet.
public struct Instance: Sendable {
    /// Unique in the fleet.
    public let name: String
    /// The server that it shares with others, and whose connection budget it uses: the name of the fleet file's server, else `host:port`.
    public let server: String
    /// The database's name as reports show it.
    public let database: String
    /// The labels, values by key; selectors and `one_per` use them.
    public let labels: [String: String]
    /// How the role that owns the TeslaMate objects logs in.
    public let connection: ConnectionParameters
    /// A connection for the few migrations that need more than the owner has; nil if the fleet file does not describe one.
    public let admin: ConnectionParameters?
    /// A connection past a pooler; all work goes there if it is given.
    public let direct: ConnectionParameters?
    /// For steps, for example `encryption_key`.
    public let secrets: [String: Secret]
    /// Those of the `secrets` that a secret command gives when a step needs them.
    package let lateSecrets: [String: LateSecret]
    /// How the instance is worked on.
    public let settings: InstanceSettings
    /// `skip`: why no command connects to it, for example because its car is sold; nil for an instance that is there.
    public let skip: String?

    /// An instance from its parts.
    public init(
        name: String,
        server: String,
        database: String,
        labels: [String: String] = [:],
        connection: ConnectionParameters,
        admin: ConnectionParameters? = nil,
        direct: ConnectionParameters? = nil,
        secrets: [String: Secret] = [:],
        settings: InstanceSettings = InstanceSettings(),
        skip: String? = nil
    ) {
        self.init(
            name: name,
            server: server,
            database: database,
            labels: labels,
            connection: connection,
            admin: admin,
            direct: direct,
            secrets: secrets,
            lateSecrets: [:],
            settings: settings,
            skip: skip
        )
    }

    /// An instance with secrets that are known only when they are needed.
    package init(
        name: String,
        server: String,
        database: String,
        labels: [String: String],
        connection: ConnectionParameters,
        admin: ConnectionParameters?,
        direct: ConnectionParameters?,
        secrets: [String: Secret],
        lateSecrets: [String: LateSecret],
        settings: InstanceSettings,
        skip: String? = nil
    ) {
        self.name = name
        self.server = server
        self.database = database
        self.labels = labels
        self.connection = connection
        self.admin = admin
        self.direct = direct
        self.secrets = secrets
        self.lateSecrets = lateSecrets
        self.settings = settings
        self.skip = skip
    }

    /// The role that does the work, as the fleet file names it; empty if libpq chooses.
    package var loginRole: String { (direct ?? connection)["user"] ?? "" }

    /// The secrets for steps, those included that secret commands give now.
    package func stepSecrets() async throws(SecretFailure) -> [String: Secret] {
        var secrets = secrets
        for (name, late) in lateSecrets.sorted(by: { $0.key < $1.key }) { secrets[name] = try await late.value().secret }
        return secrets
    }

    /// Where the work connects to: a host, an address or a socket's folder, and the port. Nil where libpq chooses, or chooses among several.
    package var serverAddress: (host: String, port: Int?)? {
        let parameters = direct ?? connection
        guard let host = parameters["host"] ?? parameters["hostaddr"], !host.isEmpty, !host.contains(",") else { return nil }
        return (host, parameters["port"].flatMap { Int($0) })
    }

    /// Every secret that the fleet file gives for it.
    package var allSecrets: [String] {
        let connections = [connection, admin, direct].compactMap(\.self)
        return (connections.flatMap(\.secrets) + secrets.values).map { $0.reveal() }
    }
}

/// How an instance is worked on; each is a key of `defaults`, of a server and of an instance.
public struct InstanceSettings: Sendable, Hashable {
    /// `connect_timeout`: from the first packet, name resolution included, to a usable session.
    public var connectTimeout: Duration = .seconds(5)
    /// `lock_wait`: how long to wait for the advisory lock, and for the ledger's table lock, before the outcome is `lock-busy`.
    public var lockWait: Duration = .seconds(30)
    /// `lock_timeout`: how long one statement of a migration waits for a lock, so that the app is not stalled behind it.
    public var lockTimeout: Duration = .milliseconds(800)
    /// `statement_timeout`: the longest that one statement of a migration may run; zero means no limit.
    public var statementTimeout: Duration = .seconds(1800)
    /// `commit_wait`: how long a COMMIT may take, for example until a synchronous standby has confirmed it; zero means no limit.
    public var commitWait: Duration = .seconds(60)
    /// `autovacuum_wait`: how long one statement waits for a lock that autovacuum holds. Above the server's `deadlock_timeout` autovacuum steps aside,
    /// and the app's writers wait that long too. Zero, the default, waits no longer for autovacuum than for others.
    public var autovacuumWait: Duration = .zero
    /// `ledger_schema`: the schema of `schema_migrations`; nil finds it.
    public var ledgerSchema: String?
    /// `out_of_order`: what to do about a pending version below the newest applied one.
    public var outOfOrder: OutOfOrderPolicy = .apply
    /// `strict`: an `edited` migration is refused, not only reported.
    public var strict = false
    /// `audit`: whether each database keeps `convoy.migration_log`.
    public var audit: AuditPolicy = .database
    /// `checkpoint`: start an empty database from the newest checkpoint of the set.
    public var startsFromCheckpoint = true
    /// `pooler: session`: the user says that the pooler in between is in session mode.
    public var poolerIsInSessionMode = false
    /// `allow_superuser`: work as a superuser that does not own the ledger.
    public var allowsForeignSuperuser = false
    /// `trust_owner`: the owner of the database, and everyone who may create objects in it, is trusted with all that the login may do.
    public var trustsOwner = false
    /// `allow_read_only_default`: work although the database has `default_transaction_read_only`.
    public var allowsReadOnlyDefault = false
    /// `accept_drops`: objects of the user's own that may go with what migrations drop.
    public var acceptedDrops: [String] = []
    /// `accept`: states that would be a failure, and that the operator knows of.
    public var accepted: Set<AcceptedState> = []
    /// `show_row_details`: keep DETAIL and CONTEXT of class 23 errors, which carry row contents.
    public var showsRowDetails = false

    /// The defaults.
    public init() {}
}

/// A state of an instance that can be accepted, so that it is shown and no longer a failure.
public enum AcceptedState: String, Sendable, Hashable, CaseIterable {
    /// The ledger has versions that the migration set does not know: the instance is left as it is.
    case ahead
}

/// What happens to a pending version that is older than the newest applied one.
public enum OutOfOrderPolicy: String, Sendable, Hashable, CaseIterable {
    /// Apply it, as TeslaMate's own migrator does.
    case apply
    /// Apply it and say so.
    case warn
    /// Leave the instance alone with the outcome `out-of-order`.
    case refuse
}

/// Where Convoy writes down what it did in a database.
public enum AuditPolicy: String, Sendable, Hashable, CaseIterable {
    /// In `convoy.migration_log` of that database.
    case database
    /// Nowhere in the database.
    case journalOnly = "journal-only"
}
