public import ConvoyPostgres
import ConvoyText
internal import FoundationEssentials
internal import Synchronization

/// A throwaway PostgreSQL cluster, made by `Scripts/cluster`. It ends when the test process does, however that ends.
///
///     let server = try await PostgresServer.shared()
///     try await server.withDatabase { database in … }
public final class PostgresServer: Sendable {
    /// Which server to run. A test that needs a missing one fails and says what to install.
    public enum Release: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
        /// The newest of Debian's packages that is installed.
        case system
        case v17 = "17"
        case v18 = "18"

        /// Those that tests run on: the ones that `CONVOY_TEST_SERVERS` names, for example `system 17`; all of them if it does not.
        public static let tested: [Release] = {
            let named = (ProcessInfo.processInfo.environment["CONVOY_TEST_SERVERS"] ?? "").split(separator: " ")
            let releases = named.compactMap { Release(rawValue: String($0)) }
            // A word that means nothing must not make tests disappear.
            return releases.isEmpty || releases.count < named.count ? allCases : releases
        }()

        public var description: String { self == .system ? "the system's PostgreSQL" : "PostgreSQL \(rawValue)" }

        fileprivate var arguments: [String] {
            switch self {
            case .system: []
            case .v17: ["--major", "17"]
            case .v18: ["--major", "18"]
            }
        }
    }

    /// Whether the server speaks TLS on TCP.
    public enum TLS: Sendable, Hashable {
        case absent
        /// With a self-signed certificate for `localhost` and `127.0.0.1`; ``PostgresServer/rootCertificate``.
        case accepted
        /// And nothing else.
        case required

        fileprivate var arguments: [String] {
            switch self {
            case .absent: []
            case .accepted: ["--tls"]
            case .required: ["--tls-only"]
            }
        }
    }

    /// How a server is stopped.
    public enum StopMode: String, Sendable {
        /// Open transactions are rolled back, sessions are told.
        case fast
        /// As after a crash.
        case immediate
    }

    /// The major version, for example 15.
    public let major: Int
    /// The folder of the Unix socket.
    public let socketFolder: String
    /// The port on 127.0.0.1, and the socket's number.
    public let port: Int
    /// The certificate to trust, where the server speaks TLS.
    public var rootCertificate: String { "\(socketFolder)/root.crt" }

    let templates = TemplateStore()
    private let process: ChildProcess
    private let commandsSent = Mutex(0)

    /// The server that all tests of this process share: started by the first that asks, with room for 300 sessions.
    public static func shared(_ release: Release = .system) async throws -> PostgresServer {
        try await SharedServers.all.server(release)
    }

    /// Starts a server for one test: to stop it, to make it a standby, or to give it other settings. It ends when the last reference goes.
    ///
    /// - Parameter settings: lines of `postgresql.conf`.
    public static func start(
        _ release: Release = .system,
        tls: TLS = .absent,
        maxConnections: Int = 100,
        settings: [String: String] = [:]
    ) async throws -> PostgresServer {
        var arguments = release.arguments + tls.arguments + ["--setting", "max_connections=\(maxConnections)"]
        for (name, value) in settings { arguments += ["--setting", "\(name)=\(value)"] }
        let process = try ChildProcess(
            "\(repositoryRoot)/Scripts/cluster",
            arguments,
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"]
        )
        let ready = await process.wait { $0.standardOutput.hasSuffix("\nready\n") }
        let server = try PostgresServer(process: process, ready: ready)
        try await server.createRoles()
        return server
    }

    private init(process: ChildProcess, ready: ChildProcess.Snapshot) throws {
        var values: [Substring: Substring] = [:]
        for line in ready.standardOutput.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[line[..<equals]] = line[line.index(after: equals)...]
        }
        guard let major = values["major"].flatMap({ Int($0) }), let port = values["port"].flatMap({ Int($0) }),
            let folder = values["folder"]
        else {
            throw TestSupportError("no PostgreSQL server: \(ready.standardError)")
        }
        self.process = process
        self.major = major
        self.port = port
        socketFolder = String(folder)
    }

    deinit {
        process.closeInput()
    }

    /// Stops the server; its data stay, and ``start()`` brings it back at the same place.
    public func stop(_ mode: StopMode) async throws {
        try await command("stop \(mode.rawValue)")
    }

    /// Starts it again.
    public func start() async throws {
        try await command("start")
    }

    /// Restarts it as a standby without a primary: it can be read and never written.
    public func becomeStandby() async throws {
        try await command("standby")
    }

    /// How a role reaches a database through the Unix socket.
    public func parameters(user: String, database: String) -> ConnectionParameters {
        ConnectionParameters(["host": socketFolder, "port": String(port), "user": user, "dbname": database])
    }

    /// How the superuser reaches a database.
    public func superuser(database: String = "postgres") -> ConnectionParameters {
        parameters(user: "postgres", database: database)
    }

    /// Runs statements one after the other as the superuser, each in a transaction of its own.
    public func execute(_ statements: String..., database: String = "postgres") async throws {
        let connection = try await PostgresConnection.connect(
            superuser(database: database),
            applicationName: "convoy-tests",
            timeout: .seconds(30)
        )
        defer { connection.close() }
        for statement in statements { _ = try await connection.query(statement) }
    }

    private func createRoles() async throws {
        try await execute("CREATE ROLE teslamate LOGIN", "CREATE ROLE password_users")
    }

    private func command(_ command: String) async throws {
        let answers = commandsSent.withLock { sent in
            sent += 1
            return sent
        }
        try process.write(command + "\n")
        let snapshot = await process.wait { Self.answers(of: $0).count >= answers }
        guard let answer = Self.answers(of: snapshot).dropFirst(answers - 1).first, answer == "done" else {
            throw TestSupportError("the server in \(socketFolder) did not obey “\(command)”: \(snapshot.standardError)")
        }
    }

    private static func answers(of snapshot: ChildProcess.Snapshot) -> [Substring] {
        snapshot.standardOutput.split(separator: "\n").filter { $0 == "done" || $0 == "failed" }
    }
}

/// One server of each release for the whole test process. Its script notices the end of the process by itself.
private actor SharedServers {
    static let all = SharedServers()

    private var servers: [PostgresServer.Release: Task<PostgresServer, any Error>] = [:]

    func server(_ release: PostgresServer.Release) async throws -> PostgresServer {
        if let started = servers[release] { return try await started.value }
        // A task of its own, because the test that comes first may be cancelled and the others need the server all the same.
        let starting = Task { try await PostgresServer.start(release, maxConnections: 300) }
        servers[release] = starting
        return try await starting.value
    }
}
