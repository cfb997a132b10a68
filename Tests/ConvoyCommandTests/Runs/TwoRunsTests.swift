import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// A second run of the same fleet while the first goes on.
@Suite(.timeLimit(.minutes(2)))
struct TwoRunsTests {
    @Test func theSecondIsRefusedUnlessItsInstancesAreOthersAndItSaysSo() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            let waves = [
                "{name: canary, select: ring=r0, gate: {approve: true, every: 1s}}", "{name: middle, select: ring=r1}", "{name: rest}",
            ]
            try await withFleet(databases, waves: waves) { folder in
                let first = try ConvoyProcess(["migrate", "--yes", "--select", "ring in (r0, r1)"], in: folder)
                await first.wait { $0.standardError.contains("waiting for") }
                let words = first.snapshot.standardError.split { $0.isWhitespace }
                let run = String(words[try #require(words.firstIndex(of: "run")) + 1])

                // It would overtake the gate of the first.
                for arguments in [["--wave", "middle"], ["--wave", "middle", "--beside", run], []] {
                    let second = try await runConvoy(["migrate", "--yes"] + arguments, in: folder)
                    #expect(second.exitCode == 64)
                    #expect(second.standardError.contains("run \(run)"), "\(second.standardError)")
                    #expect(second.standardError.contains("bob"))
                }
                let others = try await runConvoy(["migrate", "--yes", "--select", "name=carol"], in: folder)
                #expect(others.exitCode == 64)
                #expect(others.standardError.contains("--beside \(run)"))
                #expect(try await databases[2].query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
                let beside = try await runConvoy(["migrate", "--yes", "--select", "name=carol", "--beside", run], in: folder)
                #expect(beside.exitCode == 0, "\(beside.standardError)")

                #expect(try await runConvoy(["approve", run], in: folder).exitCode == 0)
                #expect(try await first.result().exitCode == 0)
                // Nothing is in the way any more, and nothing is due: no run is made for that.
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                let runs = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))
                #expect((runs["runs"] as? [Any])?.count == 2)
            }
        }
    }

    @Test func whatHasNothingDueRunsNoHookAndIsNotWrittenDown() async throws {
        try await withDatabase { database in
            let waves = ["{name: canary, select: ring=r0, gate: {approve: true}}", "{name: rest}"]
            try await withFleet([database], waves: waves) { folder in
                let path = "\(folder)/fleet.yaml"
                let hooks =
                    "  hooks:\n" + ["before_run", "before_wave", "after_wave", "after_run"].map { "    \($0): [touch, \($0)]\n" }.joined()
                try (String(contentsOfFile: path, encoding: .utf8) + hooks).write(toFile: path, atomically: true, encoding: .utf8)
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                for point in ["before_run", "before_wave", "after_wave", "after_run"] {
                    try FileManager.default.removeItem(atPath: "\(folder)/\(point)")
                }
                for command in [["migrate", "--yes"], ["rollback", "--yes", "--to", "20200102000000"]] {
                    let result = try await runConvoy(command + ["--output", "json"], in: folder)
                    #expect(result.exitCode == 0)
                    let run = try jsonObject(result)
                    #expect(run["run"] as? String == "")
                    #expect(run["status"] as? String == "succeeded")
                    #expect((run["summary"] as? [String: Any])?["outcomes"] as? [String: Int] == ["up-to-date": 1])
                    let table = try await runConvoy(command, in: folder)
                    #expect(table.standardOutput.hasSuffix("test: nothing is pending, so no run was started: 1 up-to-date\n"))
                }
                for point in ["before_run", "before_wave", "after_wave", "after_run"] {
                    #expect(!FileManager.default.fileExists(atPath: "\(folder)/\(point)"))
                }
                let runs = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))
                #expect((runs["runs"] as? [Any])?.count == 1)
            }
        }
    }

    @Test func theQuestionBeforeARollbackSaysWhatIsLost() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                _ = try await database.query("INSERT INTO cars (id) SELECT generate_series(1, 30)")
                _ = try await database.query("ANALYZE cars")
                let asked = try await onTerminal(["rollback", "--steps", "2"], in: folder, typing: "n\n", after: "[y/N]")
                #expect(
                    asked.screen.contains("this permanently deletes: column cars.plate (about 30 rows), table cars (about 30 rows)"),
                    "\(asked.screen)"
                )
                #expect(asked.screen.contains("stop TeslaMate on these instances first"), "\(asked.screen)")
                #expect(asked.screen.contains("Revert 2 migrations on 1 of 1 instance? [y/N]"))
                #expect(try await database.query("SELECT 1 FROM schema_migrations").rows.count == 2)
            }
        }
    }
}
