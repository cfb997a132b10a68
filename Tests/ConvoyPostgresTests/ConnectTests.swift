import Glibc
import Synchronization
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyPostgres

@Suite("Connecting", .timeLimit(.minutes(2)))
struct ConnectTests {
    @Test("by socket, by address and by name; the session knows itself")
    func ways() async throws {
        try await withDatabase { database in
            let port = String(database.server.port)
            let ways: [[String: String]] = [
                [:],
                ["host": "127.0.0.1"],
                ["host": "localhost"],
                ["host": "db.invalid", "hostaddr": "127.0.0.1"],
                ["host": "/nonexistent,localhost,127.0.0.1", "port": "\(port),\(port),\(port)"],
            ]
            for way in ways {
                let connection = try await session(database.owner.with(way), applicationName: "knows-itself")
                defer { connection.close() }
                let row = try await connection.query(
                    "SELECT pg_backend_pid() AS pid, current_setting('server_version_num') AS version, current_setting('application_name') AS name,"
                        + " current_setting('client_encoding') AS encoding, current_database() AS database"
                ).onlyRow()
                #expect(try row.int64("pid") == Int64(connection.backendPID))
                #expect(try row.int64("version") == Int64(connection.serverVersion))
                #expect(try row.text("name") == "knows-itself")
                #expect(try row.text("encoding") == "UTF8")
                #expect(try row.text("database") == database.name)
                #expect(connection.transactionStatus == .idle)
                #expect(connection.parameterStatus("in_hot_standby") == "off")
                #expect(connection.parameterStatus("nonsense") == nil)
            }
        }
    }

    @Test("a password by parameter and by password file; a wrong one, or none, is the server's own error")
    func passwords() async throws {
        try await withDatabase(owner: .password("s3cret, not s3cr3t")) { database in
            let right = database.ownerOverTCP()
            try await session(right).close()
            let line = "127.0.0.1:\(database.server.port):*:\(database.ownerName):s3cret, not s3cr3t"
            try await withTemporaryFolder(files: ["pass": line, "wrong": line + "x"]) { folder in
                // libpq does not use a password file that others can read.
                _ = await (try ChildProcess("/bin/chmod", ["600", "\(folder)/pass", "\(folder)/wrong"], environment: [:])).wait()
                var byFile = right
                byFile["password"] = nil
                try await session(byFile.with(["passfile": "\(folder)/pass"])).close()
                let wrong = try await failure {
                    _ = try await session(byFile.with(["passfile": "\(folder)/wrong"]))
                }
                #expect(wrong.sqlstate == "28P01")
                let none = try await failure { _ = try await session(byFile.with(["passfile": "\(folder)/none"])) }
                #expect(none.code == .connectFailed)
                #expect(none.message.contains("no password supplied"))
            }
            let wrong = try await failure { _ = try await session(right.with(["password": "hunter2"])) }
            #expect(wrong.code == .connectFailed)
            #expect(wrong.sqlstate == "28P01")
            #expect(wrong.message == "password authentication failed for user \"\(database.ownerName)\"")
            #expect(wrong.server?.sourceRoutine == "auth_failed")
        }
    }

    @Test("what the server refuses carries its SQLSTATE")
    func refusals() async throws {
        let server = try await PostgresServer.shared()
        let database = try await failure { _ = try await session(server.superuser(database: "no such\ndatabase")) }
        #expect(database.sqlstate == "3D000")
        #expect(database.message == "database \"no such\ndatabase\" does not exist")
        let role = try await failure { _ = try await session(server.parameters(user: "nobody", database: "postgres")) }
        #expect(role.sqlstate == "28000")
        // One host that answers and says no is enough: the password could be locked on the others.
        let both = server.superuser(database: "none").with(["host": "\(server.socketFolder),\(server.socketFolder)"])
        let proxyError = try await failure { _ = try await session(both) }
        #expect(proxyError.sqlstate == "3D000")
    }

    @Test("an unknown host, a refused port, a missing socket and a bad value are told apart")
    func unreachable() async throws {
        let refused = try RefusedPort()
        let cases: [([String: String], PostgresError.Code, String)] = [
            (["host": "no-such-host.invalid"], .unknownHost, "no-such-host.invalid"),
            (["host": "127.0.0.1", "port": String(refused.port)], .connectFailed, "Connection refused"),
            (["host": "localhost", "port": String(refused.port)], .connectFailed, "Connection refused"),
            (["host": "::1", "port": String(refused.port)], .connectFailed, "::1"),
            (["host": "/nonexistent"], .connectFailed, "No such file or directory"),
            (["host": "no-such-host.invalid,/nonexistent"], .connectFailed, "no-such-host.invalid"),
            (["host": "127.0.0.1", "sslmode": "maybe"], .invalidParameters, "maybe"),
            (["host": "127.0.0.1", "port": "ninety"], .invalidParameters, "ninety"),
            (["hostaddr": "localhost"], .invalidParameters, "localhost"),
            (["hots": "127.0.0.1"], .invalidParameters, "hots"),
        ]
        for (values, code, words) in cases {
            let error = try await failure {
                _ = try await session(
                    ConnectionParameters(["user": "u", "dbname": "d"]).with(values),
                    timeout: .seconds(20)
                )
            }
            #expect(error.code == code, "\(values): \(error)")
            #expect(error.message.contains(words), "\(values): \(error)")
        }
    }

    @Test("a port that accepts and stays silent costs the time that was given, and says where")
    func silence() async throws {
        let silent = try SilentPort()
        let clock = ContinuousClock()
        var error: PostgresError?
        let time = try await clock.measure {
            error = try await failure {
                _ = try await session(
                    ConnectionParameters(["host": "127.0.0.1", "port": String(silent.port), "user": "u"]),
                    timeout: .milliseconds(300)
                )
            }
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message == "no answer from 127.0.0.1:\(silent.port) within 0.3 seconds")
        #expect(time >= .milliseconds(300))
        #expect(time < .seconds(2))
    }

    @Test("one silent host leaves time for the next, and one refused costs none")
    func severalHosts() async throws {
        let silent = try SilentPort()
        let refused = try RefusedPort()
        try await withDatabase { database in
            // The more hosts there are, the less the silent one gets: 3 of the 30 seconds.
            let ports = [silent.port, refused.port] + Array(repeating: database.server.port, count: 8)
            let parameters = database.ownerOverTCP().with([
                "host": ports.map { _ in "127.0.0.1" }.joined(separator: ","), "port": ports.map(String.init).joined(separator: ","),
            ])
            try await session(parameters, timeout: .seconds(30)).close()
            let standby = try await failure {
                _ = try await session(database.owner.with(["target_session_attrs": "standby"]))
            }
            #expect(standby.message.contains("not in hot standby"))
            try await session(database.owner.with(["target_session_attrs": "prefer-standby"])).close()
        }
        let all = try await failure {
            _ = try await session(
                ConnectionParameters(["host": "127.0.0.1,127.0.0.1", "port": "\(silent.port),\(refused.port)", "user": "u"]),
                timeout: .milliseconds(400)
            )
        }
        #expect(all.code == .connectFailed)
        #expect(all.message.contains("no answer from 127.0.0.1:\(silent.port)"))
        #expect(all.message.contains("Connection refused"))
    }

    @Test("a server that is cut off while connecting is an error at once")
    func cutWhileConnecting() async throws {
        let server = try await PostgresServer.shared()
        let proxy = try FaultProxy(to: .port(server.port))
        proxy.cut(after: 10, .toClient)
        let error = try await failure {
            _ = try await session(server.superuser().with(["host": "127.0.0.1", "port": String(proxy.port)]))
        }
        #expect(error.code == .connectFailed)
    }

    @Test("cancelling while connecting ends it at once, and the server's side too")
    func cancelled() async throws {
        let silent = try SilentPort()
        let task = Task {
            try await session(
                ConnectionParameters(["host": "127.0.0.1", "port": String(silent.port), "user": "u"]),
                timeout: .seconds(60)
            ).close()
        }
        await pause(for: .milliseconds(50), cancellation: .ignored)
        task.cancel()
        let error = try await failure { try await task.value }
        #expect(error.code == .cancelled)

        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await session(ConnectionParameters(["host": "localhost", "user": "u"])).close()
        }
        #expect(try await failure { try await early.value }.code == .cancelled)
    }

    @Test("a warning that the server gives while connecting is kept, and nothing is printed")
    func noticesWhileConnecting() async throws {
        try await withDatabase(owner: .superuser) { database in
            try await database.execute([
                "UPDATE pg_database SET datcollversion = 'x', datcollate = 'C.UTF-8', datctype = 'C.UTF-8' WHERE datname = current_database()"
            ])
            let connection = try await database.connect()
            defer { connection.close() }
            let notices = connection.takeNotices()
            #expect(notices.map(\.severity) == ["WARNING"])
            #expect(notices.first?.message.contains("collation version") == true)
            #expect(connection.takeNotices().isEmpty)
        }
    }

    @Test("a service is read from PGSERVICEFILE; what is said beside it goes first, and a missing one is named")
    func services() async throws {
        try await withDatabase { database in
            try await ServiceFile.shared.write(
                """
                [convoy-test]
                host=localhost
                port=\(database.server.port)
                user=\(database.ownerName)
                dbname=\(database.name)
                application_name=by-service
                channel_binding=disable
                """
            )
            let parameters = try ConnectionParameters(conninfo: "service=convoy-test")
            let resolved = try await parameters.resolvingService(until: .now + .seconds(10), .observed)
            #expect(resolved["channel_binding"] == "disable")
            #expect(resolved["host"] == "localhost")
            for (given, expected) in [([:], "by-service"), (["application_name": "by-hand"], "by-hand")] {
                let connection = try await session(parameters.with(given))
                defer { connection.close() }
                let row = try await connection.query("SELECT current_database() AS database, current_setting('application_name') AS name")
                    .onlyRow()
                #expect(try row.text("database") == database.name)
                #expect(try row.text("name") == expected)
            }
            let missing = try await failure {
                _ = try await session(ConnectionParameters(["service": "no-such-service"]))
            }
            #expect(missing.code == .invalidParameters)
            #expect(missing.message.contains("no-such-service"))
        }
    }

    /// Of several hosts the one that takes writes is meant, unless something says otherwise; a service is resolved by then.
    @Test(arguments: [
        ("host=a,b dbname=x", 2, "", "read-write"), ("host=a dbname=x", 1, "", nil), ("service=s", 2, "", "read-write"),
        ("service=s", 1, "", nil), ("service=s", 2, "any", "read-write"), ("service=s", 2, "standby", "standby"),
        ("host=a,b target_session_attrs=primary", 2, "primary", "primary"),
        ("postgresql://a:1,b:2/x?target_session_attrs=any", 2, "any", "any"),
    ])
    func amongSeveralHosts(_ text: String, _ hosts: Int, _ resolved: String, _ wanted: String?) throws {
        var given = try ConnectionParameters(conninfo: text)
        var completed = given
        completed["target_session_attrs"] = resolved.isEmpty ? nil : resolved
        #expect(completed.choosing(among: hosts, given: given)["target_session_attrs"] == completed["target_session_attrs"])
        given.preferPrimary()
        #expect(given.withoutPreference == (try ConnectionParameters(conninfo: text)))
        #expect(completed.choosing(among: hosts, given: given)["target_session_attrs"] == wanted)
    }
}

/// libpq finds its service file by the environment only, which is set once.
private actor ServiceFile {
    static let shared = ServiceFile()
    private let path = "/tmp/convoy-test-services.\(UInt64.random(in: 0...UInt64.max))"

    func write(_ text: String) throws {
        setenv("PGSERVICEFILE", path, 1)
        try writeFile(path, text)
        atexit { if let path = getenv("PGSERVICEFILE") { unlink(path) } }
    }
}
