import ConvoyPostgres
import TestSupport
import Testing

@Suite("Fault proxy", .timeLimit(.minutes(1)))
struct FaultProxyTests {
    @Test("the delay is added once for each wait, not once for each message")
    func delay() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            let proxy = try FaultProxy(to: .port(server.port), delay: .milliseconds(100))
            let connection = try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port))
            let before = proxy.counts.roundTrips
            let clock = ContinuousClock()
            let one = try await clock.measure { _ = try await connection.query("SELECT 1 AS one") }
            #expect(one >= .milliseconds(200))
            #expect(proxy.counts.roundTrips == before + 1)
            // More than a hundred of the proxy's buffers, and still one wait.
            let big = try await clock.measure {
                _ = try await connection.query("SELECT repeat('x', 80000) AS big FROM generate_series(1, 100)")
            }
            #expect(big >= .milliseconds(200))
            // One after the other they would take more than ten seconds.
            #expect(big < .seconds(5))
            // Counted when it was sent: the client may have it before.
            try await eventually("every byte is counted") { proxy.counts.bytesToClient > 8_000_000 }
        }
    }

    @Test("a Unix socket can be behind it, too")
    func unixSocket() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            let proxy = try FaultProxy(to: .path("\(server.socketFolder)/.s.PGSQL.\(server.port)"))
            let connection = try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port))
            _ = try await connection.query("SELECT 1")
            #expect(proxy.counts.connections == 1)
        }
    }

    @Test("cutting ends every connection, and new ones are served")
    func cutAll() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            let proxy = try FaultProxy(to: .port(server.port))
            let connection = try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port))
            proxy.cutAll()
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT pg_sleep(30)") }
            #expect(error?.code == .connectionLost)
            try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port)).close()
        }
    }

    @Test("a connection can be cut in the middle of an answer")
    func cutAfterBytes() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            let proxy = try FaultProxy(to: .port(server.port))
            let connection = try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port))
            let before = proxy.counts.bytesToClient
            proxy.cut(after: 5000, .toClient)
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT repeat('x', 100000)") }
            #expect(error?.code == .connectionLost)
            #expect(proxy.counts.bytesToClient == before + 5000)
        }
    }

    @Test("what falls into the black hole comes out when it ends")
    func blackHole() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            let proxy = try FaultProxy(to: .port(server.port))
            let connection = try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port))
            proxy.set(mode: .blackHole)
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(database.ownerOverTCP(port: proxy.port), timeout: .milliseconds(200)).close()
            }
            #expect(error?.code == .timedOut)
            proxy.set(mode: .forward)
            _ = try await connection.query("SELECT 1")
        }
    }

    @Test("refused connections are refused, and served again later")
    func refuse() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase { database in
            let proxy = try FaultProxy(to: .port(server.port))
            let far = database.ownerOverTCP(port: proxy.port)
            let connection = try await PostgresConnection.connect(far)
            proxy.set(mode: .refuse)
            try await eventually("it refuses") {
                do throws(PostgresError) {
                    try await PostgresConnection.connect(far).close()
                    return false
                } catch { return error.code == .connectFailed }
            }
            _ = try await connection.query("SELECT 1")
            proxy.set(mode: .forward)
            try await eventually("it accepts") { (try? await PostgresConnection.connect(far)) != nil }
        }
    }

    @Test("ports that never answer, and ports that nobody listens on")
    func deadPorts() async throws {
        let silent = try SilentPort()
        let refused = try RefusedPort()
        for (port, code) in [(silent.port, PostgresError.Code.timedOut), (refused.port, .connectFailed)] {
            let parameters = ConnectionParameters(["host": "127.0.0.1", "port": String(port), "user": "nobody"])
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(parameters, timeout: .milliseconds(300)).close()
            }
            #expect(error?.code == code)
        }
    }
}
