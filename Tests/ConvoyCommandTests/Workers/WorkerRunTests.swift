import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Runs that workers carry out, as an operator sees them.
@Suite(.timeLimit(.minutes(5)))
struct WorkerRunTests {
    @Test(arguments: PostgresServer.Release.tested)
    func twoWorkersCarryOutARunThatIsFollowed(_ release: PostgresServer.Release) async throws {
        try await withWorkerFleet(6, on: release, migrations: SlowSet.files(pause: 0.3)) { fleet in
            let workers = [try await fleet.worker(["--total", "2"]), try await fleet.worker(["--total", "2"])]
            let followed = try await runConvoy(["migrate", "--yes", "--output", "json"], in: fleet.folder)
            #expect(followed.exitCode == 0, "\(followed.standardError)")
            let report = try jsonObject(followed)
            #expect((report["summary"] as? [String: Any])?["outcomes"] as? [String: Int] == ["migrated": 6])
            try await fleet.expectAppliedOnce(SlowSet.versions)
            // Both had a share, and nothing is left.
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND state = 'done'") == 6)
            #expect(try await fleet.count("assignments WHERE state IN ('waiting', 'claimed')") == 0)
            let shares = try await fleet.control.query("SELECT DISTINCT worker FROM convoy_control.assignments WHERE kind = 'change'").rows
                .count
            #expect(shares == 2)
            // The run is there for every command, and a second one has nothing to do.
            let runs = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: fleet.folder))
            #expect((runs["runs"] as? [[String: Any]])?.first?["status"] as? String == "succeeded")
            #expect(try await runConvoy(["migrate", "--yes"], in: fleet.folder).exitCode == 0)
            for worker in workers {
                let end = try await worker.drained()
                #expect(end.exitCode == 0, "\(end.standardError)")
            }
            #expect(try await fleet.count("workers") == 0)
        }
    }

    @Test func aRunWaitsForWorkersAndSaysSo() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let told = try await runConvoy(["migrate", "--yes", "--detach"], in: fleet.folder)
            #expect(told.exitCode == 0)
            #expect(told.standardError.contains("no worker") && told.standardError.contains("`convoy worker`"), "\(told.standardError)")
            let run = told.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
            let listed = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: fleet.folder))
            #expect((listed["runs"] as? [[String: Any]])?.first?["status"] as? String == "running")
            let worker = try await fleet.worker()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            _ = try await worker.drained()
        }
    }

    @Test func gatesHooksPausesAndApprovalsAreThoseOfOneMachine() async throws {
        let rollout = [
            "waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]", "hooks:",
            "  before_run: [sh, -c, \"echo before_run >> hooks\"]", "  before_wave: [sh, -c, \"echo before_wave {wave} >> hooks\"]",
            "  after_wave: [sh, -c, \"echo after_wave {wave} >> hooks\"]", "  after_run: [sh, -c, \"echo after_run >> hooks\"]",
            "  before_instance: [sh, -c, \"echo before {name} >> hooks\"]",
        ]
        try await withWorkerFleet(4, migrations: SlowSet.files(pause: 0.05), rollout: rollout) { fleet in
            var workers: [ConvoyProcess] = []
            for _ in 0..<3 { workers.append(try await fleet.worker(["--total", "2"])) }
            let run = try await fleet.submit()
            let gate = try await runConvoy(["wait", run, "--for", "gate", "--timeout", "60s"], in: fleet.folder)
            #expect(gate.exitCode == 0, "\(gate.standardError)")
            #expect(try await runConvoy(["pause", "--server", "local", run], in: fleet.folder).exitCode == 0)
            #expect(try await runConvoy(["approve", run], in: fleet.folder).exitCode == 0)
            try await eventually("the next wave has begun", within: .seconds(30)) {
                try await fleet.events(of: run, where: "type = 'wave_started'").count == 2
            }
            #expect(try await fleet.events(of: run, where: "type = 'instance_started'").count == 1)
            #expect(try await runConvoy(["unpause", "--server", "local", run], in: fleet.folder).exitCode == 0)
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            let hooks = try String(contentsOfFile: "\(fleet.folder)/hooks", encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(
                hooks.sorted() == [
                    "after_run", "after_wave canary", "after_wave rest", "before i1", "before i2", "before i3", "before i4", "before_run",
                    "before_wave canary", "before_wave rest",
                ]
            )
            #expect(hooks.first == "before_run" && hooks.last == "after_run")
            for worker in workers { _ = try await worker.drained() }
        }
    }

    /// The workers send each notification once, whether a process follows the run or not.
    @Test(arguments: [false, true]) func workersNotifyOfARun(_ isFollowed: Bool) async throws {
        let responder = try HTTPResponder { _ in .status(200) }
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, soak: 1s}}, {name: rest}]"]
        let webhook = "notifications: [{url: \"http://127.0.0.1:\(responder.port)/hook\"}]"
        try await withWorkerFleet(3, migrations: SlowSet.files(pause: 0), rollout: rollout, more: [webhook]) { fleet in
            let workers = [try await fleet.worker(), try await fleet.worker()]
            var follower: ConvoyProcess?
            if isFollowed {
                follower = try ConvoyProcess(["migrate", "--yes", "--progress", "none"], in: fleet.folder)
            } else {
                _ = try await fleet.submit()
            }
            try await eventually("it waits for an approval", within: .seconds(30)) {
                try await fleet.count("events WHERE type = 'gate_waiting'") == 2
            }
            #expect(try await runConvoy(["approve"], in: fleet.folder).exitCode == 0)
            #expect(try await fleet.wait(for: "latest").exitCode == 0)
            if let follower {
                let end = try await follower.result()
                #expect(end.exitCode == 0, "\(end.standardError)")
            }
            // A worker that ends has sent what it had to.
            for worker in workers {
                let end = try await worker.drained()
                #expect(end.exitCode == 0 && !end.standardError.contains("warning"), "\(end.standardError)")
            }
            let bodies = responder.requests.compactMap { $0.components(separatedBy: "\r\n\r\n").dropFirst().first }
            let messages = try bodies.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
            #expect(messages.compactMap { $0["event"] as? String }.sorted() == ["gate-waiting", "run-finished", "run-started"])
            let last = messages.first { $0["event"] as? String == "run-finished" }
            #expect(last?["status"] as? String == "succeeded")
            #expect((last?["summary"] as? [String: Any])?["outcomes"] as? [String: Int] == ["migrated": 3])
        }
    }

    /// Together the workers send one trace, whether a process follows the run or not.
    @Test(arguments: [false, true]) func workersTraceARun(_ isFollowed: Bool) async throws {
        let collector = try TraceCollector()
        func environment(_ name: String) -> [String: String] {
            ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_SERVICE_NAME": name]
        }
        let rollout = [
            "waves: [{name: canary, names: [i1]}, {name: rest}]", "hooks:",
            "  before_instance: [sh, -c, \"echo $TRACEPARENT >> hooks\"]",
        ]
        try await withWorkerFleet(5, migrations: SlowSet.files(pause: 0.05), rollout: rollout) { fleet in
            var workers: [ConvoyProcess] = []
            for _ in 0..<2 { workers.append(try await fleet.worker(["--total", "2"], environment: environment("worker"))) }
            let command = ["migrate", "--yes"] + (isFollowed ? [] : ["--detach"])
            let submitted = try await runConvoy(command, environment: environment("follower"), in: fleet.folder)
            #expect(submitted.exitCode == 0, "\(submitted.standardError)")
            #expect(try await fleet.wait(for: "latest").exitCode == 0)
            // A worker that ends has sent what it had to.
            for worker in workers {
                let end = try await worker.drained()
                #expect(end.exitCode == 0 && !end.standardError.contains("warning"), "\(end.standardError)")
            }
            // One that joins late sends the newest spans again, in case that their worker was lost.
            let spans = Set(try collector.spans())
            #expect(Set(spans.map(\.id)).count == spans.count)
            #expect(Set(spans.map(\.trace)).count == 1)
            #expect(spans.allSatisfy { $0.resource["service.name"] == "worker" })
            let ids = Set(spans.map(\.id))
            let roots = spans.filter { !ids.contains($0.parent ?? "") }
            #expect(roots.map(\.name) == ["convoy migrate"])
            #expect(spans.count { $0.name == "wave" } == 2)
            #expect(spans.count { $0.name.hasPrefix("apply ") } == 5 * SlowSet.versions.count)
            let hooks = try String(contentsOfFile: "\(fleet.folder)/hooks", encoding: .utf8).split(separator: "\n")
            #expect(hooks.count == 5)
            #expect(hooks.allSatisfy { line in ids.contains(String(line.split(separator: "-").dropFirst(2).first ?? "")) }, "\(hooks)")
        }
    }

    @Test func aRunIsStoppedFromAnywhereAndResumed() async throws {
        try await withWorkerFleet(8, migrations: SlowSet.files(pause: 0.2), rollout: ["waves: [{name: all, max_parallel: 2}]"]) { fleet in
            let workers = [try await fleet.worker(), try await fleet.worker()]
            let follower = try ConvoyProcess(["migrate", "--yes", "--progress", "plain"], in: fleet.folder)
            try await eventually("one is done", within: .seconds(60)) {
                try await fleet.count("events WHERE type = 'instance_finished'") > 0
            }
            // Ctrl-C asks the run to stop, as on one machine.
            follower.interrupt()
            let stopped = try await follower.result()
            #expect(stopped.exitCode == 130, "\(stopped.standardError)")
            #expect(stopped.standardError.contains("convoy resume"), "\(stopped.standardError)")
            #expect(try await fleet.count("assignments WHERE state IN ('waiting', 'claimed')") == 0)
            let left = 8 - (try await fleet.count("events WHERE type = 'instance_finished'"))
            #expect(left > 0)
            let resumed = try await runConvoy(["resume", "--yes"], in: fleet.folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            for worker in workers { _ = try await worker.drained() }
        }
    }

    @Test func aStopRuleHaltsAllWorkers() async throws {
        var files = SlowSet.files(pause: 0.1)
        files["Migrations/5_fails.sql"] = "-- migrate:up\nSELECT 1 / 0;\n-- migrate:down\nSELECT 1;\n"
        let rollout = ["waves: [{name: all, max_parallel: 3, stop: {same_failure: 3}}]"]
        try await withWorkerFleet(12, migrations: files, rollout: rollout) { fleet in
            var workers: [ConvoyProcess] = []
            for _ in 0..<3 { workers.append(try await fleet.worker()) }
            let result = try await runConvoy(["migrate", "--yes"], in: fleet.folder)
            #expect(result.exitCode == 2, "\(result.standardError)")
            let begun = try await fleet.count("assignments WHERE kind = 'change'")
            // Three at a time: when the third fails, at most two others are under way.
            #expect((3...5).contains(begun), "\(begun)")
            #expect(try await fleet.count("events WHERE type = 'halted'") == 1)
            for worker in workers { _ = try await worker.drained() }
        }
    }

    @Test func workersOfTwoHalvesTakeTheirOwn() async throws {
        try await withWorkerFleet(6, migrations: SlowSet.files(pause: 0.05)) { fleet in
            let first = try await fleet.worker(["--select", "half=h0"])
            let run = try await fleet.submit()
            try await eventually("its half is done", within: .seconds(60)) {
                try await fleet.count("assignments WHERE kind = 'change' AND state = 'done'") == 3
            }
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND state = 'waiting'") == 3)
            let second = try await fleet.worker(["--select", "half=h1"])
            #expect(try await fleet.wait(for: run).exitCode == 0)
            let rows = try await fleet.control.query(
                "SELECT worker, string_agg(subject, ' ' ORDER BY subject) AS names FROM convoy_control.assignments WHERE kind = 'change' GROUP BY worker"
            ).rows
            #expect(Set(try rows.map { try $0.text("names") }) == ["i1 i3 i5", "i2 i4 i6"])
            for worker in [first, second] { _ = try await worker.drained() }
        }
    }

    @Test func twoFleetsAndTwoRunsDoNotDisturbEachOther() async throws {
        let waves = ["waves: [{name: all, max_parallel: 2}]"]
        // The first run is under way until the test lets it go on.
        let held = waves + ["hooks:", "  before_run: [sh, -c, \"while ! [ -e go ]; do sleep 0.1; done\"]"]
        try await withWorkerFleet(4, migrations: SlowSet.files(pause: 0.1), rollout: held) { first in
            try await withWorkerFleet(3, name: "other", migrations: SlowSet.files(pause: 0.1), rollout: waves) { second in
                // The second fleet uses the first one's control database.
                let path = "\(second.folder)/fleet.yaml"
                let text = try String(contentsOfFile: path, encoding: .utf8).replacingOccurrences(
                    of: second.control.name,
                    with: first.control.name
                )
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                let workers = [try await first.worker(), try await first.worker(), try await second.worker(sharing: first)]
                let run = try await first.submit(["migrate", "--select", "half=h0"])
                let overlapping = try await runConvoy(["migrate", "--yes", "--detach"], in: first.folder)
                #expect(overlapping.exitCode == 64, "\(overlapping.standardError)")
                #expect(FileManager.default.createFile(atPath: "\(first.folder)/go", contents: nil))
                let beside = try await first.submit(["migrate", "--select", "half=h1", "--beside", run])
                let other = try await second.submit()
                for (fleet, run) in [(first, run), (first, beside), (second, other)] {
                    let end = try await fleet.wait(for: run)
                    #expect(end.exitCode == 0, "\(end.standardError)")
                }
                try await first.expectAppliedOnce(SlowSet.versions)
                try await second.expectAppliedOnce(SlowSet.versions)
                for worker in workers { _ = try await worker.drained() }
            }
        }
    }
}
