import ConvoyMigrations
import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Checkpoints as an operator meets them: in the plan, in the run's report, in an instance's history, and where a file is not right.
@Suite(.timeLimit(.minutes(2)))
struct CheckpointCommandTests {
    private static let version = "20200102000000"
    private static let path = "Migrations/checkpoints/\(version).sql"
    private static let hint = "write it again with `convoy checkpoint`"

    /// Writes the checkpoint of the small set.
    private func writeCheckpoint(in folder: String) throws {
        let set = try MigrationSet.load(directory: "\(folder)/Migrations", displayedAs: "Migrations")
        let text = Checkpoint.render(
            migrations: set.migrations,
            catalogue: "none",
            statements: ["CREATE TABLE public.cars (id bigint PRIMARY KEY, plate text)"]
        )
        try FileManager.default.createDirectory(atPath: "\(folder)/Migrations/checkpoints", withIntermediateDirectories: true)
        try Data((text ?? "").utf8).write(to: URL(filePath: "\(folder)/\(Self.path)"))
    }

    @Test func anEmptyDatabaseStartsFromIt() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                let one = try await runConvoy(["migrate", "--yes", "--select", "name=bob", "--to", "20200101000000"], in: folder)
                #expect(one.exitCode == 0, "\(one.standardError)")
                try writeCheckpoint(in: folder)
                let valid = try await runConvoy(["validate"], in: folder)
                #expect(valid.exitCode == 0 && valid.standardOutput.contains("  checkpoint  \(Self.version), "), "\(valid.standardError)")

                let plan = try await runConvoy(["plan", "--out", "plan.json"], in: folder)
                #expect(plan.standardOutput.contains("alice     pending  checkpoint \(Self.version)"), "\(plan.standardOutput)")
                #expect(plan.standardOutput.contains("bob       pending  20200101000000"), "\(plan.standardOutput)")
                let document = try jsonObject(try await runConvoy(["plan", "-o", "json"], in: folder))
                let planned = try #require(document["instances"] as? [[String: Any]])
                #expect(planned.map { $0["checkpoint"] as? String } == [Self.version, nil])

                let run = try await runConvoy(["migrate", "--yes", "--plan", "plan.json", "-o", "json"], in: folder)
                #expect(run.exitCode == 0, "\(run.standardError)")
                let instances = try #require(try jsonObject(run)["instances"] as? [[String: Any]])
                let applied = try #require(instances.first?["applied"] as? [[String: Any]])
                #expect(applied.map { $0["version"] as? String } == ["20200101000000", Self.version])
                #expect(applied.map { $0["checkpoint"] as? String } == [Self.version, Self.version])
                #expect((instances.last?["applied"] as? [[String: Any]])?.first?["checkpoint"] == nil)

                let history = try await runConvoy(["history", "alice"], in: folder)
                #expect(history.standardOutput.contains("create_cars (checkpoint \(Self.version))"), "\(history.standardOutput)")
                let rows =
                    try jsonObject(try await runConvoy(["history", "alice", "-o", "json"], in: folder))["audit_log"] as? [String: Any]
                let first = (rows?["rows"] as? [[String: Any]])?.last
                #expect(first?["name"] as? String == "create_cars" && first?["checkpoint"] as? String == Self.version)

                // What the checkpoint applied has no duration of its own.
                let durations = try await runConvoy(["runs", "durations"], in: folder)
                #expect(durations.standardOutput.contains("add_plates"), "\(durations.standardOutput)\(durations.standardError)")

                let back = try await runConvoy(
                    ["rollback", "--yes", "--run", try #require(try jsonObject(run)["run"] as? String)],
                    in: folder
                )
                #expect(back.exitCode == 0, "\(back.standardError)")
                let count = try await databases[0].query("SELECT count(*) AS n FROM schema_migrations").onlyRow()
                #expect(try count.int64("n") == 0)
            }
        }
    }

    /// A run is what was reviewed: without the checkpoint it would be another one.
    @Test func aPlanThatHadItIsRefusedWithoutIt() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                try writeCheckpoint(in: folder)
                #expect(try await runConvoy(["plan", "--out", "plan.json"], in: folder).exitCode == 0)
                try FileManager.default.removeItem(atPath: "\(folder)/\(Self.path)")
                let run = try await runConvoy(["migrate", "--yes", "--plan", "plan.json"], in: folder)
                #expect(run.exitCode != 0)
                #expect(
                    run.standardError.contains("instance alice starts without a checkpoint, not from checkpoint \(Self.version)"),
                    "\(run.standardError)"
                )
            }
        }
    }

    /// What could start a database refuses the file before it connects; what only reads or goes back does not need it.
    @Test func anEditedOrStaleOneIsRefused() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                let first = try await runConvoy(["migrate", "--yes"], in: folder)
                #expect(first.exitCode == 0, "\(first.standardError)")
                try writeCheckpoint(in: folder)
                let file = "\(folder)/\(Self.path)"
                let sound = try String(contentsOfFile: file, encoding: .utf8)
                let edited = sound.replacing("plate text", with: "plate integer")
                let stale = sound.replacing("-- migrations: 2 ", with: "-- migrations: 1 ")
                for (text, problem) in [
                    (edited, "\(Self.path):5: error: the checkpoint was edited: the checksum of its statements differs"),
                    (
                        stale,
                        "\(Self.path):3: error: the checkpoint is stale: it was made from 1 migration, and the set has 2 up to \(Self.version)"
                    ),
                ] {
                    try Data(text.utf8).write(to: URL(filePath: file))
                    for command in [["validate"], ["plan"], ["migrate", "--yes"]] {
                        let refused = try await runConvoy(command, in: folder)
                        #expect(refused.exitCode == 78, "\(command)")
                        #expect(refused.standardError.contains(problem), "\(command): \(refused.standardError)")
                        #expect(refused.standardError.contains(Self.hint), "\(command)")
                    }
                    #expect(try await runConvoy(["status"], in: folder).exitCode == 0)
                }
                let back = try await runConvoy(["rollback", "--yes", "--steps", "1"], in: folder)
                #expect(back.exitCode == 0, "\(back.standardError)")
            }
        }
    }
}
