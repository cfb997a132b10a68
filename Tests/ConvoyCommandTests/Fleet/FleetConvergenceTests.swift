import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Coordinators that die or meet: whatever happens, each migration is applied exactly once.
@Suite(.timeLimit(.minutes(5)))
struct FleetConvergenceTests {
    private static let migrationCount = 40

    /// None of them can be applied twice: each makes a table.
    private static var migrations: [String: String] {
        var files: [String: String] = [:]
        for version in 1...migrationCount {
            files["Migrations/\(version)_table.sql"] = """
                -- migrate:up
                CREATE TABLE t\(version) (id bigint PRIMARY KEY);
                SELECT pg_sleep(0.03);
                INSERT INTO t\(version) VALUES (1);

                -- migrate:down
                DROP TABLE t\(version);
                """
        }
        return files
    }

    private func withFleet(_ databases: [TestDatabase], _ body: (_ folder: String) async throws -> Void) async throws {
        var lines = [
            "version: 1", "fleet: test", "migrations: Migrations", "defaults: {connect_timeout: 20s, lock_wait: 60s}", "instances:",
        ]
        for database in databases {
            lines.append(
                "  - {name: \(database.name), host: \(database.server.socketFolder), port: \(database.server.port), "
                    + "user: \(database.ownerName), database: \(database.name)}"
            )
        }
        var files = Self.migrations
        files["fleet.yaml"] = lines.joined(separator: "\n") + "\n"
        try await withTemporaryFolder(files: files, body)
    }

    /// Rows of the audit log over all databases; 0 where there is none yet.
    private func auditRows(_ databases: [TestDatabase]) async throws -> Int64 {
        var count: Int64 = 0
        for database in databases {
            let there = try await database.query("SELECT to_regclass('convoy.migration_log') IS NOT NULL AS there").onlyRow().bool("there")
            if there { count += try await database.query("SELECT count(*) AS n FROM convoy.migration_log").onlyRow().int64("n") }
        }
        return count
    }

    private func expectEachAppliedOnce(_ databases: [TestDatabase]) async throws {
        for database in databases {
            let row = try await database.query(
                """
                SELECT count(*) AS rows, count(DISTINCT version) AS versions, (SELECT count(*) FROM schema_migrations) AS ledger,
                    (SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]+$') AS tables
                FROM convoy.migration_log
                """
            ).onlyRow()
            for column in ["rows", "versions", "ledger", "tables"] {
                let count = try row.int64(column)
                #expect(count == Self.migrationCount, "\(column) of \(database.name)")
            }
        }
    }

    @Test func killedAtAnyMomentItGoesOnWhereItWas() async throws {
        try await PostgresServer.shared().withDatabases(4) { databases in
            try await withFleet(databases) { folder in
                let total = Int64(databases.count * Self.migrationCount)
                var killed = 0
                for kill in 0..<8 {
                    let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                    // A moment in the middle of a window, another one each time.
                    let threshold = Int64(kill) * total / 9 + Int64.random(in: 0...10)
                    try await eventually("\(threshold) migrations are applied", within: .seconds(60)) {
                        try await auditRows(databases) >= threshold
                    }
                    process.kill()
                    let exitCode = try await process.result().exitCode
                    #expect([0, 128 + 9].contains(exitCode))
                    if exitCode != 0 { killed += 1 }
                }
                #expect(killed > 0)
                let last = try await runConvoy(["migrate", "--yes"], in: folder)
                #expect(last.exitCode == 0, "\(last.standardOutput)\(last.standardError)")
                try await expectEachAppliedOnce(databases)
            }
        }
    }

    @Test func twoCoordinatorsShareAFleet() async throws {
        try await PostgresServer.shared().withDatabases(6) { databases in
            try await withFleet(databases) { folder in
                try await withTemporaryFolder { elsewhere in
                    // On another machine, which knows nothing of the journal here.
                    try FileManager.default.copyItem(atPath: folder, toPath: "\(elsewhere)/copy")
                    async let first = runConvoy(["migrate", "--yes"], in: folder)
                    async let second = runConvoy(["migrate", "--yes"], in: "\(elsewhere)/copy")
                    for result in try await [first, second] {
                        #expect(result.exitCode == 0, "\(result.standardOutput)\(result.standardError)")
                    }
                }
                try await expectEachAppliedOnce(databases)
            }
        }
    }
}
