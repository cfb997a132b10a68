import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// The terminal of a run goes away: a window is closed, an SSH session drops.
@Suite(.timeLimit(.minutes(2)))
struct HangUpTests {
    private static let slow = [
        "Migrations/1_slow.sql": "-- migrate:up\nCREATE TABLE cars ();\nSELECT pg_sleep(2);\n-- migrate:down\nDROP TABLE cars;\n"
    ]

    private func addHooks(_ folder: String) throws {
        let path = "\(folder)/fleet.yaml"
        let hooks = "  hooks:\n    before_instance: [touch, \"{name}.down\"]\n    after_instance: [touch, \"{name}.up\"]\n"
        try (String(contentsOfFile: path, encoding: .utf8) + hooks).write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func exists(_ name: String, _ folder: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(name)") }

    @Test(arguments: ["live", "plain"])
    func theRunStopsAsAtOneCtrlCAndTheAppIsStartedAgain(_ progress: String) async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: Self.slow, waves: ["{name: all, max_parallel: 1}"]) { folder in
                try addHooks(folder)
                let terminal = try TerminalProcess(["migrate", "--yes", "--progress", progress], in: folder)
                try await eventually("the app is stopped", within: .seconds(30)) { exists("alice.down", folder) }
                terminal.close()
                try await eventually("the run has ended", within: .seconds(30)) {
                    try await runConvoy(["runs", "--output", "json"], in: folder).standardOutput.contains("\"status\": \"interrupted\"")
                }
                #expect(exists("alice.up", folder))
                #expect(!exists("bob.down", folder))
                // It finished: a hang-up cancels nothing.
                #expect(try await databases[0].query("SELECT 1 FROM schema_migrations").rows.count == 1)
                #expect(try await runConvoy(["resume", "--yes"], in: folder).exitCode == 0)
                #expect(exists("bob.up", folder))
            }
        }
    }

    @Test func severalHangUpsAreOne() async throws {
        try await withDatabase { database in
            try await withFleet([database], migrations: Self.slow) { folder in
                try addHooks(folder)
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                try await eventually("the app is stopped", within: .seconds(30)) { exists("alice.down", folder) }
                for _ in 0..<3 { kill(process.processID, SIGHUP) }
                let result = try await process.result()
                #expect(result.exitCode == 130)
                #expect(exists("alice.up", folder))
                #expect(try await database.query("SELECT 1 FROM schema_migrations").rows.count == 1)
            }
        }
    }
}
