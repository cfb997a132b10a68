import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Many databases of one role that may have few connections.
@Suite(.timeLimit(.minutes(3)))
struct ConnectionLimitTests {
    private static let slow = [
        "Migrations/20200103000000_take_time.sql":
            "-- migrate:up\nDO $$ BEGIN PERFORM pg_sleep(1); END $$;\n-- migrate:down\nDROP TABLE IF EXISTS nothing;\n"
    ]

    private func fleet(_ databases: [TestDatabase]) -> String {
        let instances = databases.enumerated().map { index, database in
            "  - {name: db\(index), host: \(database.server.socketFolder), port: \(database.server.port), "
                + "user: \(database.ownerName), database: \(database.name)}\n"
        }
        return "version: 1\nfleet: test\ndefaults: {connect_timeout: 1s}\ninstances:\n" + instances.joined()
    }

    @Test(arguments: PostgresServer.Release.tested)
    func theLimitOfTheSharedRoleIsPartOfTheBudget(_ release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.start(release, maxConnections: 60)
        try await server.withDatabases(10) { databases in
            try await server.execute("ALTER ROLE teslamate CONNECTION LIMIT 3")
            var files = SmallSet.files.merging(Self.slow) { $1 }
            files["fleet.yaml"] = fleet(databases)
            try await withTemporaryFolder(files: files) { folder in
                let result = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                let outcomes = (try jsonObject(result)["instances"] as? [[String: Any]] ?? []).compactMap { $0["outcome"] as? String }
                #expect(outcomes == Array(repeating: "migrated", count: 10))
                #expect(result.exitCode == 0)
            }
        }
    }

    @Test func aDatabaseThatIsFullIsWaitedFor() async throws {
        let server = try await PostgresServer.start(maxConnections: 60)
        try await server.withDatabases(2) { databases in
            try await server.execute("ALTER DATABASE \"\(databases[0].name)\" CONNECTION LIMIT 1")
            var files = SmallSet.files
            files["fleet.yaml"] = fleet(databases)
            try await withTemporaryFolder(files: files) { folder in
                let app = try await databases[0].connect()
                let run = try ConvoyProcess(["migrate", "--yes"], in: folder)
                await run.wait { $0.standardError.contains("waiting for a free connection") }
                app.close()
                let result = try await run.result()
                #expect(result.exitCode == 0)
                #expect(!result.standardOutput.contains("unreachable"))
            }
        }
    }
}
