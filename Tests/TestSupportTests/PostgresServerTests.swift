import ConvoyPostgres
import FoundationEssentials
import TestSupport
import Testing

@Suite("PostgreSQL servers for tests", .timeLimit(.minutes(2)))
struct PostgresServerTests {
    @Test("a database belongs to an ordinary role, and is gone afterwards", arguments: [DatabaseOwner.teslamate, .unique])
    func databaseOfItsOwn(owner: DatabaseOwner) async throws {
        let (name, role) = try await withDatabase(owner: owner) { database in
            try await database.execute(["CREATE TABLE public.car (id int)"])
            let row = try await database.query("SELECT current_user AS who, rolsuper FROM pg_roles WHERE rolname = current_user").onlyRow()
            #expect(try row.text("who") == database.ownerName)
            #expect(try !row.bool("rolsuper"))
            return (database.name, database.ownerName)
        }
        let server = try await PostgresServer.shared()
        let connection = try await PostgresConnection.connect(server.superuser())
        let left = try await connection.query(
            "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1) AS databases, (SELECT count(*) FROM pg_roles WHERE rolname = $2) AS roles",
            [name, role]
        ).onlyRow()
        #expect(try left.int64("databases") == 0)
        #expect(try left.int64("roles") == (owner == .teslamate ? 1 : 0))
    }

    @Test("a test that fails leaves no database")
    func failingBody() async throws {
        struct Stop: Error {}
        let names = Names()
        await #expect(throws: Stop.self) {
            try await withDatabase { database in
                await names.add(database.name)
                throw Stop()
            }
        }
        let server = try await PostgresServer.shared()
        let connection = try await PostgresConnection.connect(server.superuser())
        let name = try #require(await names.all.first)
        #expect(try await connection.query("SELECT FROM pg_database WHERE datname = $1", [name]).rows.isEmpty)
    }

    @Test("copies of a template are independent")
    func template() async throws {
        let server = try await PostgresServer.shared()
        let template = try await server.template(named: "with_a_row") { database in
            try await database.execute(["CREATE TABLE t (v int)", "INSERT INTO t VALUES (1)"])
        }
        try await server.withDatabases(2, template: template) { databases in
            try await databases[0].execute(["INSERT INTO t VALUES (2)"])
            for (database, rows) in zip(databases, [2, 1]) {
                #expect(try await database.query("SELECT count(*) AS n FROM t").onlyRow().int64("n") == rows)
            }
        }
    }

    @Test("over TCP a role with a password must give it")
    func password() async throws {
        try await withDatabase(owner: .password("open sesame")) { database in
            var parameters = database.ownerOverTCP()
            try await PostgresConnection.connect(parameters).close()
            parameters["password"] = "wrong"
            let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(parameters).close() }
            #expect(error?.sqlstate == "28P01")
        }
    }

    @Test("each release starts", arguments: PostgresServer.Release.tested)
    func releases(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        #expect(release == .system || release.rawValue == "\(server.major)")
        try await server.withDatabase { database in
            try await database.execute(["CREATE EXTENSION cube", "CREATE EXTENSION earthdistance"], as: "postgres")
        }
    }

    @Test("a server can stop, come back, and become a standby that cannot be written")
    func control() async throws {
        let server = try await PostgresServer.start(settings: ["log_statement": "all"])
        try await server.stop(.immediate)
        await #expect(throws: PostgresError.self) { try await server.execute("SELECT 1") }
        try await server.start()
        try await server.execute("CREATE TABLE t ()")
        try await server.becomeStandby()
        let error = await #expect(throws: PostgresError.self) { try await server.execute("CREATE TABLE u ()") }
        #expect(error?.sqlstate == "25006")
    }

    @Test("TLS is there when asked for, and only then")
    func tls() async throws {
        let server = try await PostgresServer.start(tls: .required)
        var parameters = server.superuser()
        parameters["host"] = "localhost"
        parameters["sslrootcert"] = server.rootCertificate
        parameters["sslmode"] = "verify-full"
        try await PostgresConnection.connect(parameters).close()
        parameters["sslmode"] = "disable"
        await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(parameters).close() }
    }

    @Test("a server ends, folder and all, when whoever started it is killed")
    func orphan() async throws {
        let starter = try ChildProcess(
            "/bin/bash",
            ["-c", "exec 3> >(\"$0\"); read -r", "\(repositoryRoot)/Scripts/cluster"],
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"],
            timeLimit: .seconds(60)
        )
        let ready = await starter.wait { $0.standardOutput.hasSuffix("\nready\n") }
        let line = try #require(ready.standardOutput.split(separator: "\n").first { $0.hasPrefix("folder=") })
        let folder = String(line.dropFirst("folder=".count))
        #expect(FileManager.default.fileExists(atPath: "\(folder)/data/postmaster.pid"))
        starter.send(signal: 9)
        try await eventually("the folder is gone") { !FileManager.default.fileExists(atPath: folder) }
    }

    private actor Names {
        var all: [String] = []
        func add(_ name: String) { all.append(name) }
    }
}
