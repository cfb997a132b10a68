public import ConvoyPostgres
import ConvoyText
internal import Synchronization

/// A database of its own for one test.
public struct TestDatabase: Sendable {
    public let name: String
    public let server: PostgresServer
    /// The role that owns the database.
    public let ownerName: String
    let password: String?

    /// How the owner reaches it.
    public var owner: ConnectionParameters { parameters(user: ownerName) }

    /// What copies of this database are made from, as it is at that moment. Nobody may be connected to it then.
    public var asTemplate: DatabaseTemplate { DatabaseTemplate(name: name) }

    /// How the superuser reaches it.
    public var admin: ConnectionParameters { server.superuser(database: name) }

    /// How any role reaches it through the Unix socket.
    public func parameters(user: String) -> ConnectionParameters {
        var parameters = server.parameters(user: user, database: name)
        if user == ownerName { parameters["password"] = password }
        return parameters
    }

    /// How the owner reaches it over TCP: directly, or through a proxy's port.
    public func ownerOverTCP(port: Int? = nil) -> ConnectionParameters {
        var parameters = owner
        parameters["host"] = "127.0.0.1"
        parameters["port"] = String(port ?? server.port)
        return parameters
    }

    /// Runs statements one after the other, each in a transaction of its own.
    ///
    /// - Parameter user: nil means the owner.
    public func execute(_ statements: [String], as user: String? = nil) async throws {
        let connection = try await connect(as: user)
        defer { connection.close() }
        for statement in statements { _ = try await connection.query(statement) }
    }

    /// Runs one statement and returns its rows.
    ///
    /// - Parameter user: nil means the owner.
    @discardableResult
    public func query(_ sql: String, _ parameters: [String?] = [], as user: String? = nil) async throws -> QueryResult {
        let connection = try await connect(as: user)
        defer { connection.close() }
        return try await connection.query(sql, parameters)
    }

    /// Opens a session that the caller closes.
    ///
    /// - Parameter user: nil means the owner.
    public func connect(as user: String? = nil, applicationName: String = "convoy-tests") async throws -> PostgresConnection {
        try await PostgresConnection.connect(parameters(user: user ?? ownerName), applicationName: applicationName, timeout: .seconds(30))
    }
}

/// Who owns a test's database.
public enum DatabaseOwner: Sendable, Hashable {
    /// `teslamate`, an ordinary role that the tests of a server share.
    case teslamate
    /// The superuser, as in TeslaMate's usual container set-up.
    case superuser
    /// An ordinary role that exists only for this database.
    case unique
    /// The same with a password, which it must give over TCP.
    case password(String)
}

extension PostgresServer {
    /// Makes a database, lends it to the body, and drops it whatever happens. Costs about 50 ms.
    ///
    /// - Parameter template: what it is a copy of; nil means an empty one.
    public func withDatabase<Value>(
        owner: DatabaseOwner = .teslamate,
        template: DatabaseTemplate? = nil,
        _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        let database = try await createDatabase(owner: owner, template: template)
        do {
            let value = try await body(database)
            await drop(database, owner: owner)
            return value
        } catch {
            await drop(database, owner: owner)
            throw error
        }
    }

    /// Makes as many databases, named `PREFIX_1`, `PREFIX_2`, … after a random prefix, lends them to the body, and drops them.
    public func withDatabases<Value>(
        _ count: Int,
        owner: DatabaseOwner = .teslamate,
        template: DatabaseTemplate? = nil,
        _ body: ([TestDatabase]) async throws -> Value
    ) async throws -> Value {
        var databases: [TestDatabase] = []
        do {
            let prefix = Self.uniqueName()
            for index in 1...max(1, count) {
                databases.append(try await createDatabase(named: "\(prefix)_\(index)", owner: owner, template: template))
            }
            let value = try await body(databases)
            for database in databases { await drop(database, owner: owner) }
            return value
        } catch {
            for database in databases { await drop(database, owner: owner) }
            throw error
        }
    }

    /// A database to copy others from: made and filled once per server and name, by whoever asks first.
    ///
    ///     let full = try await server.template(named: "current") { try await upgrade($0) }
    ///     try await server.withDatabase(template: full) { database in … }
    ///
    /// - Parameter base: what it starts as a copy of; nil means an empty one.
    public func template(
        named name: String,
        copying base: DatabaseTemplate? = nil,
        owner: DatabaseOwner = .teslamate,
        _ prepare: @escaping @Sendable (TestDatabase) async throws -> Void
    ) async throws -> DatabaseTemplate {
        try await templates.template(named: name) {
            let database = try await self.createDatabase(named: "template_\(name)", owner: owner, template: base)
            try await prepare(database)
            // A database with a session in it cannot be copied.
            try await self.execute(
                "ALTER DATABASE \(quoted(database.name)) ALLOW_CONNECTIONS false",
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = \(literal(database.name))"
            )
            return DatabaseTemplate(name: database.name)
        }
    }

    private static func uniqueName() -> String {
        "t" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    }

    private func createDatabase(named name: String = uniqueName(), owner: DatabaseOwner, template: DatabaseTemplate?) async throws
        -> TestDatabase
    {
        let ownerName: String
        var password: String?
        switch owner {
        case .teslamate: ownerName = "teslamate"
        case .superuser: ownerName = "postgres"
        case .unique:
            ownerName = "\(name)_owner"
            try await execute("CREATE ROLE \(quoted(ownerName)) LOGIN")
        case .password(let given):
            ownerName = "\(name)_owner"
            password = given
            try await execute("CREATE ROLE \(quoted(ownerName)) LOGIN PASSWORD \(literal(given)) IN ROLE password_users")
        }
        try await execute(
            "CREATE DATABASE \(quoted(name)) OWNER \(quoted(ownerName)) TEMPLATE \(quoted(template?.name ?? "template0"))"
        )
        return TestDatabase(name: name, server: self, ownerName: ownerName, password: password)
    }

    private func drop(_ database: TestDatabase, owner: DatabaseOwner) async {
        // A task of its own is not cancelled with the test. A failure is left alone: some tests stop their server, and the folder goes anyway.
        await Task {
            try? await execute("DROP DATABASE IF EXISTS \(quoted(database.name)) WITH (FORCE)")
            switch owner {
            case .teslamate, .superuser: break
            case .unique, .password: try? await execute("DROP ROLE IF EXISTS \(quoted(database.ownerName))")
            }
        }.value
    }
}

/// Makes a database on the shared server of Debian's release, lends it to the body, and drops it.
public func withDatabase<Value>(
    owner: DatabaseOwner = .teslamate,
    template: DatabaseTemplate? = nil,
    _ body: (TestDatabase) async throws -> Value
) async throws -> Value {
    try await PostgresServer.shared().withDatabase(owner: owner, template: template, body)
}

/// A database that others are copied from; see ``PostgresServer/template(named:owner:_:)``.
public struct DatabaseTemplate: Sendable, Hashable {
    let name: String
}

/// The templates of one server, each made once.
actor TemplateStore {
    private var templates: [String: Task<DatabaseTemplate, any Error>] = [:]

    func template(named name: String, make: @escaping @Sendable () async throws -> DatabaseTemplate) async throws -> DatabaseTemplate {
        if let made = templates[name] { return try await made.value }
        // A task of its own, because the test that comes first may be cancelled and the others need the template all the same.
        let making = Task { try await make() }
        templates[name] = making
        return try await making.value
    }
}

private func quoted(_ identifier: String) -> String {
    "\"" + identifier.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}

private func literal(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
}
