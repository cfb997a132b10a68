import ConvoyFleet
import ConvoyJournal
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// Somebody must be able to press stop, on a machine without the fleet's secrets and with a fleet file that is being edited.
@Suite(.timeLimit(.minutes(2)))
struct EmergencyCommandTests {
    private static let fleet = """
        version: 1
        fleet: test
        migrations: Migrations
        defaults: {user: nobody, password: "${env:NOT_HERE}", connect_timeout: 2s}
        instances:
          - {name: alice, host: 127.0.0.1, port: 1, database: a}
        rollout:
          waves:
            - {name: all, gate: {approve: true}}
            - {name: rest}
        """

    /// A run that goes on: its lock is held, and it waits at a gate.
    private func withRun(
        _ fleet: String,
        _ body: (_ folder: String, _ journal: SQLiteJournal, _ run: RunID, _ lock: FileLock) async throws -> Void
    )
        async throws
    {
        try await withTemporaryFolder(files: Files.fleet(Self.fleet)) { folder in
            let path = "\(folder)/.convoy/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            let run = RunID("20260101T000000Z-aaaaaa")
            let record = RunRecord(
                id: run,
                fleet: "test",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 1,
                startedAt: Date(),
                startedBy: "ann@host"
            )
            let wave =
                "{\"name\":\"all\",\"instances\":[{\"name\":\"alice\",\"server\":\"s\",\"database\":\"a\"}],\"stop\":{},"
                + "\"on_failure\":\"continue\",\"gate\":{\"soak\":0,\"every\":30,\"approve\":true,\"checks\":[]}}"
            let plan =
                "{\"schema\":\"convoy.pinned-plan/1\",\"fleet\":\"test\",\"generated_at\":\"2026-01-01T00:00:00Z\","
                + "\"change\":{\"direction\":\"up\"},\"migrations\":[],\"waves\":[\(wave)]}"
            try await journal.begin(record, plan: Data(plan.utf8))
            let waves = [PlannedWave(name: "all", instances: ["alice"])]
            try await journal.append(
                [
                    Event(at: Date(), .runStarted(run: run.description, fleet: "test", waves: waves)),
                    Event(at: Date(), .gateOpened(wave: "all")),
                    Event(at: Date(), .gateWaiting(wave: "all", reason: "an approval (convoy approve)")),
                ],
                to: run
            )
            let lock = try await FileLock.acquire(run, journal: path)
            defer { lock.release() }
            try writeFile("\(folder)/fleet.yaml", fleet)
            try await body(folder, journal, run, lock)
        }
    }

    @Test(arguments: [fleet, fleet + "\nnonsense: [", fleet + "\nlimits: {total: none}\n"])
    func requestsNeedTheJournalOnly(_ fleet: String) async throws {
        try await withRun(fleet) { folder, journal, run, _ in
            for command in [["stop"], ["approve"], ["pause", "--server", "s"], ["unpause", "--server", "s"]] {
                let result = try await runConvoy(command, in: folder)
                #expect(result.exitCode == 0, "\(command): \(result.standardError)")
            }
            #expect(try await journal.requests(of: run, after: 0).count == 4)
            let runs = try await runConvoy(["runs"], in: folder)
            #expect(runs.exitCode == 0)
            #expect(runs.standardOutput.contains("ann@host"))
            #expect(runs.standardOutput.contains("run \(run) waits: the gate of wave all is waiting for an approval (convoy approve)"))
            let show = try await runConvoy(["runs", "show"], in: folder)
            #expect(show.standardOutput.contains("waiting: the gate of wave all is waiting for an approval"))
            #expect(show.standardOutput.contains("by ann@host"))
            let json = try jsonObject(try await runConvoy(["runs", "show", "--output", "json"], in: folder))
            #expect(json["waiting_for"] as? [String] == ["the gate of wave all is waiting for an approval (convoy approve)"])
            #expect(json["started_by"] as? String == "ann@host")
            let report = try await runConvoy(["report", "--no-probe", "--output", "json"], in: folder)
            #expect((try jsonObject(report)["run"] as? [String: Any])?["started_by"] as? String == "ann@host", "\(report.standardError)")
            #expect(try await runConvoy(["new", "add_colour"], in: folder).exitCode == 0)
        }
    }

    @Test(arguments: [true, false])
    func abandonSpeaksOfHooksOnlyWhereTheyStoppedSomething(_ hasStopped: Bool) async throws {
        try await withRun(Self.fleet) { folder, journal, run, lock in
            let points: [HookPoint] = hasStopped ? [.beforeInstance] : [.beforeInstance, .afterInstance]
            let events = points.map { point in
                let hook = HookResult(point: point, wave: nil, instance: "alice", duration: .zero, problem: nil, output: "")
                return Event(at: Date(), .hookFinished(hook))
            }
            try await journal.append(events + [Event(at: Date(), .runFinished(status: .interrupted))], to: run)
            lock.release()
            let result = try await runConvoy(["abandon", run.description], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(result.standardError.contains("alice") == hasStopped)
            #expect(result.standardError.contains("before_instance") == hasStopped)
        }
    }

    @Test func theDashboardComesUpWithoutSecrets() async throws {
        try await withRun(Self.fleet) { folder, _, _, _ in
            let process = try ConvoyProcess(["serve", "--listen", "127.0.0.1:0"], in: folder)
            await process.wait { $0.standardOutput.contains("listening on") }
            #expect(process.snapshot.standardOutput.contains("listening on"), "\(process.snapshot.standardError)")
            process.interrupt()
            _ = try await process.result()
        }
    }
}
