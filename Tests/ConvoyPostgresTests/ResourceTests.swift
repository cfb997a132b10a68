import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyPostgres

@Suite("Resources", .timeLimit(.minutes(3)))
struct ResourceTests {
    @Test("connections, failed ones too, leave neither descriptors nor threads behind")
    func leaks() async throws {
        let server = try await PostgresServer.shared()
        let refused = try RefusedPort()
        let silent = try SilentPort()
        let before = try counts()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for round in 0..<60 {
                        switch (round + worker) % 6 {
                        case 0:
                            // The last reference goes without a close.
                            _ = try await session(server.superuser(), timeout: .seconds(60))
                        case 1:
                            let connection = try await session(
                                server.superuser().with(["host": "localhost"]),
                                timeout: .seconds(60)
                            )
                            defer { connection.close() }
                            try await connection.query("SELECT 1")
                        case 2: _ = try? await session(server.superuser(database: "none"))
                        case 3:
                            _ = try? await session(
                                server.superuser().with(["host": "127.0.0.1", "port": String(refused.port)])
                            )
                        case 4:
                            _ = try? await session(
                                server.superuser().with(["host": "localhost", "port": String(silent.port)]),
                                timeout: .milliseconds(10)
                            )
                        default:
                            let task = Task { try await session(server.superuser().with(["host": "localhost"])).close() }
                            task.cancel()
                            _ = try? await task.value
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        // Other tests run beside this one, so the numbers move; a leak would be hundreds.
        try await eventually("descriptors and threads are back", within: .seconds(30)) {
            let after = try counts()
            return after.descriptors < before.descriptors + 60 && after.threads < before.threads + 40
        }
    }

    private func counts() throws -> (descriptors: Int, threads: Int) {
        func count(_ folder: String) throws -> Int { try FileManager.default.contentsOfDirectory(atPath: folder).count }
        return (try count("/proc/self/fd"), try count("/proc/self/task"))
    }
}
