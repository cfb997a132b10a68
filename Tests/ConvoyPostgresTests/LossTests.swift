import ConvoyPostgres
import Synchronization
import TestSupport
import Testing

@Suite("Lost connections", .timeLimit(.minutes(2)))
struct LossTests {
    static func isOverTCP(_ database: TestDatabase, _ tcp: Bool) -> ConnectionParameters { tcp ? database.ownerOverTCP() : database.owner }

    @Test("the server's last words are in the error when it ended the session while nothing ran", arguments: [false, true])
    func terminatedWhileIdle(tcp: Bool) async throws {
        try await withDatabase { database in
            let connection = try await session(Self.isOverTCP(database, tcp))
            _ = try await database.query("SELECT pg_terminate_backend(\(connection.backendPID), 10000)", as: "postgres")
            let text = String(repeating: "x", count: 1000)
            let statements = (0..<2000).map { PipelineStatement("SELECT $1::text", ["\($0)" + text]) }
            let error = try await failure { _ = try await connection.pipeline(statements) }
            #expect(error.code == .connectionLost)
            #expect(error.sqlstate == "57P01", "\(error)")
            #expect(error.message == "the connection was lost: terminating connection due to administrator command")
            #expect(!connection.isOpen)
        }
    }

    @Test("and when it ended it in the middle of a pipeline, much of which it never read", arguments: [false, true])
    func terminatedInTheMiddle(tcp: Bool) async throws {
        try await withDatabase { database in
            let connection = try await session(Self.isOverTCP(database, tcp))
            let text = String(repeating: "x", count: 1000)
            let rest = (0..<2000).map { _ in PipelineStatement("SELECT $1::text", [text]) }
            var arrived = 0
            let error = try await failure {
                _ = try await connection.pipeline(
                    [
                        PipelineStatement("SELECT 1", flushes: true),
                        PipelineStatement("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)"),
                    ]
                        + rest,
                    onResult: { _, _ in arrived += 1 }
                )
            }
            #expect(arrived == 1)
            #expect(error.code == .connectionLost)
            #expect(error.sqlstate == "57P01", "\(error)")
        }
    }

    @Test("a cut line is an error at once")
    func cut() async throws {
        try await withDatabase { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let parameters = database.ownerOverTCP(port: proxy.port)
            let connection = try await session(parameters)
            proxy.cut(after: 50_000, .toClient)
            let statements = (0..<1000).map { _ in PipelineStatement("SELECT repeat('x', 1000) AS t", flushes: true) }
            var arrived = 0
            let error = try await failure { _ = try await connection.pipeline(statements, onResult: { _, _ in arrived += 1 }) }
            #expect(error.code == .connectionLost)
            #expect(error.sqlstate == nil)
            // What was under way is lost.
            #expect(arrived < 60)
            #expect(!connection.isOpen)

            let idle = try await session(parameters)
            proxy.cutAll()
            try await eventually("the server has seen it") {
                try await database.query("SELECT FROM pg_catalog.pg_stat_activity WHERE pid = \(idle.backendPID)").rows.isEmpty
            }
            #expect(try await failure { try await idle.query("SELECT 1") }.code == .connectionLost)
        }
    }

    @Test("a line that goes silent costs the time that was given")
    func blackHole() async throws {
        try await withDatabase { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            let connection = try await session(database.ownerOverTCP(port: proxy.port))
            proxy.set(mode: .blackHole)
            let clock = ContinuousClock()
            let begin = clock.now
            let error = try await failure { try await connection.query("SELECT 1", timeout: .milliseconds(250)) }
            #expect(error.code == .timedOut)
            #expect(error.message == "no answer within 0.25 seconds")
            #expect(clock.now - begin >= .milliseconds(250))
            #expect(!connection.isOpen)
        }
    }

    @Test("answers that keep coming do not put the deadline off")
    func steadyAnswers() async throws {
        try await withDatabase { database in
            let connection = try await database.connect()
            let statements = (0..<5000).map { _ in PipelineStatement("SELECT pg_sleep(0.002)", flushes: true) }
            var arrived = 0
            let error = try await failure {
                _ = try await connection.pipeline(statements, timeout: .milliseconds(300), onResult: { _, _ in arrived += 1 })
            }
            #expect(error.code == .timedOut)
            #expect(arrived > 0 && arrived < 1000)
        }
    }

    @Test("a server that is stopped says so")
    func serverStopped() async throws {
        let server = try await PostgresServer.start()
        let connection = try await session(server.superuser())
        try await server.stop(.fast)
        let error = try await failure { try await connection.query("SELECT 1") }
        #expect(error.code == .connectionLost)
        #expect(error.sqlstate == "57P01")
        #expect(try await failure { _ = try await session(server.superuser()) }.code == .connectFailed)
        try await server.start()
        try await session(server.superuser()).close()
    }
}
