import Foundation
import TestSupport
import Testing

/// Servers that lie in what they answer: no command crashes, and none takes longer than its limits.
@Suite(.timeLimit(.minutes(10)))
struct LyingServerTests {
    private static let token = "correct-horse-battery-staple"

    private static let seeds: [UInt64] = {
        let base = ProcessInfo.processInfo.environment["CONVOY_TEST_SEED"].flatMap(UInt64.init)
        return base.map { base in (0..<10).map { base + $0 } } ?? [1, 2]
    }()

    @Test(arguments: seeds)
    func noCommandCrashesOrHangs(_ seed: UInt64) async throws {
        try await PostgresServer.shared().withDatabases(6, owner: .password("s3cret")) { databases in
            let proxies = try databases.enumerated().map { index, database in
                try LyingProxy(to: .port(database.server.port), seed: seed &* 100 &+ UInt64(index), rate: [2, 5, 10, 30, 100, 400][index])
            }
            let instances = zip(databases, proxies).enumerated().map { index, pair in
                "  - {name: i\(index), host: 127.0.0.1, port: \(pair.1.port), user: \(pair.0.ownerName), password: s3cret, "
                    + "database: \(pair.0.name), sslmode: disable}"
            }
            var files = SmallSet.files
            files["fleet.yaml"] =
                """
                version: 1
                fleet: lies
                migrations: Migrations
                defaults: {connect_timeout: 5s, lock_wait: 1s, lock_timeout: 1s, statement_timeout: 10s}
                instances:

                """ + instances.joined(separator: "\n") + "\n"
            try await withTemporaryFolder(files: files) { folder in
                for arguments in [
                    ["status"], ["status", "--output", "json"], ["plan"], ["migrate", "--yes"], ["migrate", "--yes", "--output", "json"],
                    ["report"], ["report", "--format", "html"], ["runs", "show", "latest"],
                ] {
                    let result = try await runConvoy(arguments, in: folder, timeLimit: .seconds(120))
                    #expect(result.exitCode < 100, "seed \(seed), \(arguments): \(result.exitCode) \(result.standardError.suffix(500))")
                    #expect(!result.standardError.contains("Fatal error"))
                }
                try await serve(in: folder)
            }
            _ = proxies
        }
    }

    private func serve(in folder: String) async throws {
        let process = try ConvoyProcess(["serve", "--listen", "127.0.0.1:0"], environment: ["CONVOY_TOKEN": Self.token], in: folder)
        process.closeInput()
        let said = await process.wait { $0.standardOutput.contains("\n") }.standardOutput
        let port = try #require(said.firstMatch(of: #/:([0-9]+)\n$/#).flatMap { Int($0.1) }, "\(process.snapshot.standardError)")
        for path in ["/healthz", "/", "/api/v1/fleet", "/api/v1/runs"] {
            let answer = try await askHTTP(path, port: port, headers: ["Authorization": "Bearer \(Self.token)"])
            #expect(answer.status < 600)
        }
        process.terminate()
        #expect(try await process.result().exitCode < 100)
    }
}
