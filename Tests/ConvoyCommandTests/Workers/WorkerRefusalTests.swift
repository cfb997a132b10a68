import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Workers that take no part in a run, and what its operator does about it.
@Suite(.timeLimit(.minutes(5)))
struct WorkerRefusalTests {
    /// A copy of the fleet's files with another text of the fleet file.
    private func withOtherFiles(_ fleet: WorkerFleet, _ body: (_ folder: String, _ text: String) async throws -> Void) async throws {
        try await withTemporaryFolder(files: [:]) { folder in
            for path in ["fleet.yaml", "Migrations"] {
                try FileManager.default.copyItem(atPath: "\(fleet.folder)/\(path)", toPath: "\(folder)/\(path)")
            }
            let text = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            try (text + "# another text\n").write(toFile: "\(folder)/fleet.yaml", atomically: true, encoding: .utf8)
            try await body(folder, text)
        }
    }

    private static let gate = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]

    /// A run that waits at its gate, and whose worker is gone; the only worker that is left has other files.
    private func withRunThatNobodyTakes(
        _ body: (_ fleet: WorkerFleet, _ folder: String, _ run: String) async throws -> Void
    ) async throws {
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 0), rollout: Self.gate) { fleet in
            try await withOtherFiles(fleet) { folder, _ in
                let first = try await fleet.worker()
                let run = try await fleet.submit()
                try await eventually("the gate is open", within: .seconds(30)) {
                    try await fleet.count("events WHERE type = 'gate_waiting'") > 0
                }
                let other = try await fleet.worker(in: folder)
                // While a worker has it, it is not given up.
                let early = try await runConvoy(["abandon", run], in: fleet.folder)
                #expect(
                    early.exitCode == 64 && early.standardError.contains("it is running, and workers carry it out"),
                    "\(early.standardError)"
                )
                #expect(early.standardError.contains("convoy stop"), "\(early.standardError)")
                #expect(try await first.drained().exitCode == 0)
                #expect(try await fleet.count("assignments WHERE state IN ('waiting', 'claimed')") > 0)
                try await eventually("the refusal is known", within: .seconds(30)) { try await fleet.count("refusals") == 1 }
                try await body(fleet, folder, run)
                _ = try await other.drained()
                #expect(try await fleet.count("refusals") == 0)
            }
        }
    }

    @Test func aRunThatNobodyTakesIsExplainedAndAbandoned() async throws {
        try await withRunThatNobodyTakes { fleet, _, run in
            let listed = try await runConvoy(["runs"], in: fleet.folder)
            #expect(listed.standardOutput.contains("run \(run) waits: no worker takes part in it: worker "), "\(listed.standardOutput)")
            #expect(listed.standardOutput.contains("its fleet file is not the same"), "\(listed.standardOutput)")
            #expect(listed.standardOutput.contains("`convoy abandon \(run)`"), "\(listed.standardOutput)")
            let shown = try await runConvoy(["runs", "show", run], in: fleet.folder)
            #expect(shown.standardOutput.contains("waiting: no worker takes part in it: worker "), "\(shown.standardOutput)")
            try await Tmux.with("top \(run)", width: 160, in: fleet.folder) { terminal in
                try await terminal.wait(for: "waits: no worker takes part in it: worker ")
                try await terminal.press("q")
                try await terminal.wait(for: "ended with 0")
            }
            // Who waits is told once.
            let waited = try await runConvoy(["wait", run, "--timeout", "17s"], in: fleet.folder)
            let notes = waited.standardError.components(separatedBy: "note: run \(run) waits: no worker takes part in it").count - 1
            #expect(notes == 1, "\(waited.standardError)")
            let abandoned = try await runConvoy(["abandon", run], in: fleet.folder)
            #expect(abandoned.exitCode == 0, "\(abandoned.standardError)")
            #expect(try await fleet.count("assignments WHERE state IN ('waiting', 'claimed')") == 0)
            // Nothing is in the way of the next one.
            #expect(try await fleet.submit() != run)
        }
    }

    @Test func aRunThatNobodyTakesIsResumedWithOtherFiles() async throws {
        try await withRunThatNobodyTakes { fleet, folder, run in
            let resumed = try await runConvoy(["resume", run, "--yes", "--detach"], in: folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            try await eventually("the gate is open again", within: .seconds(60)) {
                try await fleet.events(of: run, where: "type = 'gate_waiting'").count == 2
            }
            #expect(try await fleet.events(of: run, where: "type = 'run_resumed'").count == 1)
            #expect(try await runConvoy(["approve", run], in: folder).exitCode == 0)
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.count("assignments WHERE state = 'withdrawn'") > 0)
        }
    }

    @Test func aFollowerEndsWithARunThatIsAbandoned() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            try await withOtherFiles(fleet) { folder, _ in
                let other = try await fleet.worker(in: folder)
                let follower = try ConvoyProcess(["migrate", "--yes", "--progress", "plain"], in: fleet.folder)
                let waiting = await follower.wait { $0.standardError.contains("no worker takes part in it") || $0.status != nil }
                #expect(waiting.status == nil, "\(waiting.standardError)")
                let run = try await fleet.control.query("SELECT id FROM convoy_control.runs").onlyRow().text("id")
                let abandoned = try await runConvoy(["abandon", run], in: fleet.folder)
                #expect(abandoned.exitCode == 0, "\(abandoned.standardError)")
                let end = try await follower.result()
                #expect(end.standardError.contains("run \(run) was abandoned"), "\(end.standardError)")
                _ = try await other.drained()
            }
        }
    }

    /// Whoever follows the run is told why it waits, once.
    @Test func theFollowerIsTold() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            try await withOtherFiles(fleet) { folder, _ in
                let other = try await fleet.worker(in: folder)
                let follower = try ConvoyProcess(["migrate", "--yes", "--progress", "plain"], in: fleet.folder)
                let told = await follower.wait { $0.standardError.contains("no worker takes part in it") || $0.status != nil }
                #expect(told.standardError.contains("its fleet file is not the same as that of this worker"), "\(told.standardError)")
                #expect(told.standardError.contains("convoy abandon"), "\(told.standardError)")
                let right = try await fleet.worker()
                let end = try await follower.result()
                #expect(end.exitCode == 0, "\(end.standardError)")
                #expect(end.standardError.components(separatedBy: "no worker takes part in it").count == 2, "\(end.standardError)")
                for worker in [other, right] { _ = try await worker.drained() }
            }
        }
    }

    /// A role that has no rights on the table of refusals, as after an update without new grants, says so once; and so does its worker.
    @Test func missingRightsOnRefusalsAreSaidOnce() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let role = "\(fleet.control.name)_follower"
            try await fleet.control.server.execute("CREATE ROLE \(role) LOGIN")
            let prepared = try await runConvoy(["control", "prepare", "--grant-to", role], in: fleet.folder)
            #expect(prepared.exitCode == 0, "\(prepared.standardError)")
            let path = "\(fleet.folder)/fleet.yaml"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let asRole = text.replacingOccurrences(of: "//\(fleet.control.ownerName)@", with: "//\(role)@")
            try #require(asRole != text)
            try asRole.write(toFile: path, atomically: true, encoding: .utf8)
            try await withOtherFiles(fleet) { folder, _ in
                let other = try await fleet.worker(in: folder)
                let follower = try ConvoyProcess(["migrate", "--yes", "--progress", "plain"], in: fleet.folder)
                await follower.wait { $0.standardError.contains("no worker takes part in it") || $0.status != nil }
                try await fleet.control.execute(["REVOKE ALL ON convoy_control.refusals FROM \(role)"])
                let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON convoy_control.refusals TO \(role)"
                let told = await follower.wait { $0.standardError.contains(grant) || $0.status != nil }
                #expect(told.status == nil, "\(told.standardError)")
                // Refused again with another reason, which cannot be recorded.
                try "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n"
                    .write(toFile: "\(folder)/Migrations/9_new.sql", atomically: true, encoding: .utf8)
                let worker = await other.wait { $0.standardError.contains(grant) || $0.status != nil }
                #expect(worker.status == nil, "\(worker.standardError)")
                // Long enough for another look of both.
                let noted = ContinuousClock.now
                try await eventually("the worker has refused again", within: .seconds(60)) { .now - noted > .seconds(12) }
                let listed = try await runConvoy(["runs"], in: fleet.folder)
                #expect(listed.exitCode == 0, "\(listed.standardError)")
                for words in [follower.snapshot.standardError, other.snapshot.standardError] {
                    #expect(words.components(separatedBy: grant).count == 2, "\(words)")
                    #expect(!words.contains("answers again"), "\(words)")
                }
                try await fleet.control.execute([grant])
                let right = try await fleet.worker()
                let end = try await follower.result()
                #expect(end.exitCode == 0, "\(end.standardError)")
                for worker in [other, right] { _ = try await worker.drained() }
            }
            try await fleet.control.execute(["DROP OWNED BY \(role)"], as: "postgres")
            try await fleet.control.server.execute("DROP ROLE \(role)")
        }
    }

    @Test func aWorkerWithOtherFilesTakesNoPart() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            try await withOtherFiles(fleet) { folder, text in
                let other = try await fleet.worker(in: folder)
                let run = try await fleet.submit()
                let refused = await other.wait { $0.standardError.contains("takes no part") || $0.status != nil }
                #expect(refused.standardError.contains("run \(run): its fleet file is not the same"), "\(refused.standardError)")
                #expect(try await fleet.count("assignments") == 0)

                try "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n"
                    .write(toFile: "\(folder)/Migrations/9_new.sql", atomically: true, encoding: .utf8)
                let migrations = await other.wait { $0.standardError.contains("migration 9 was added") || $0.status != nil }
                #expect(migrations.status == nil, "\(migrations.standardError)")

                // With the same files it takes part, without being started again.
                try FileManager.default.removeItem(atPath: "\(folder)/Migrations/9_new.sql")
                try text.write(toFile: "\(folder)/fleet.yaml", atomically: true, encoding: .utf8)
                #expect(try await fleet.wait(for: run).exitCode == 0)
                _ = try await other.drained()
            }
        }
    }
}
