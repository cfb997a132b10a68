import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Workers that die, sleep or cannot reach the control database: the run goes on, and nothing is done twice.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct WorkerLossTests {
    /// One worker after the other is killed and replaced, until the run is over.
    @Test(arguments: PostgresServer.Release.tested)
    func workersThatAreKilledLoseNothing(_ release: PostgresServer.Release) async throws {
        try await withWorkerFleet(10, on: release, migrations: SlowSet.files(pause: 0.4)) { fleet in
            var workers: [ConvoyProcess] = []
            for _ in 0..<3 { workers.append(try await fleet.worker(["--total", "2"])) }
            let run = try await fleet.submit()
            for round in 0..<3 {
                let done = try await fleet.count("assignments WHERE kind = 'change' AND state = 'done'")
                try await eventually("it goes on", within: .seconds(60)) {
                    let now = try await fleet.count("assignments WHERE kind = 'change' AND state = 'done'")
                    return now > done || now == 10
                }
                workers[round].kill()
                _ = try await workers[round].result()
                workers[round] = try await fleet.worker(["--total", "2"])
            }
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.events(of: run, where: "type = 'instance_finished'").count == 10)
            #expect(try await fleet.events(of: run, where: "type = 'instance_finished' AND outcome <> 'migrated'").isEmpty)
            // The whole of what each instance got is in the report, whoever applied it.
            let report = try jsonObject(try await runConvoy(["runs", "show", run, "--output", "json"], in: fleet.folder))
            let instances = report["instances"] as? [[String: Any]] ?? []
            #expect(instances.count == 10)
            #expect(instances.allSatisfy { ($0["applied"] as? [Any])?.count == SlowSet.versions.count }, "\(instances)")
            for worker in workers { _ = try await worker.drained() }
        }
    }

    @Test func theWorkOfADeadWorkerIsTakenOver() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 2)) { fleet in
            let first = try await fleet.worker()
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            let second = try await fleet.worker()
            first.kill()
            try await eventually("the other one has it", within: .seconds(60)) {
                try await fleet.count("assignments WHERE kind = 'change' AND attempt = 2") == 1
            }
            #expect(try await fleet.wait(for: run).exitCode == 0)
            try await fleet.expectAppliedOnce(SlowSet.versions)
            let end = try await second.drained()
            #expect(end.standardError.contains("takes over the change of i1 (attempt 2)"), "\(end.standardError)")
            #expect(try await fleet.events(of: run, where: "type = 'instance_warned'").count == 1)
        }
    }

    /// A worker that sleeps past its lease finds that another one has its work, and touches nothing more.
    @Test func aWorkerThatSleptReportsNothing() async throws {
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 1.5)) { fleet in
            let sleeper = try await fleet.worker(["--total", "2"])
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") >= 2 }
            sleeper.halt()
            let other = try await fleet.worker()
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            let recorded = try await fleet.events(of: run)
            sleeper.proceed()
            await sleeper.wait {
                $0.standardError.contains("stops") || $0.standardError.contains("could not be renewed") || $0.status != nil
            }
            let last = try await sleeper.drained()
            #expect(last.exitCode == 0, "\(last.standardError)")
            #expect(try await fleet.events(of: run) == recorded)
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND attempt = 2 AND state = 'done'") == 2)
            _ = try await other.drained()
        }
    }

    /// The report of a worker is under way when the worker is stopped, and arrives when another one has its work: it is refused there, and both
    /// workers say what happened.
    @Test func aLateReportIsRefused() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 1)) { fleet in
            let late = try await fleet.worker(["--lease", "1m"])
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            let other = try await fleet.worker()
            await other.wait { $0.standardError.contains("takes part") || $0.status != nil }

            // Decisions on the run wait for this session. When all is applied, the next one has the report on the end.
            let holder = try await fleet.control.connect()
            defer { holder.close() }
            try await holder.query("BEGIN")
            try await holder.query("SELECT FROM convoy_control.runs FOR UPDATE")
            try await eventually("all is applied", within: .seconds(30)) {
                try await fleet.databases[0].query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n") == 4
            }
            // A statement that waits is ended after five seconds and sent again, with all that is to be reported then: one that has just begun is caught.
            let applied = try await fleet.control.query("SELECT clock_timestamp()::text AS t").onlyRow().text("t")
            try await eventually("the report waits for the run", within: .seconds(30)) {
                try await fleet.control.query(
                    """
                    SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                        AND query LIKE '%open_decision%' AND query_start >= $1::timestamptz + interval '2 s'
                    """,
                    [applied]
                ).onlyRow().int64("n") == 1
            }
            late.halt()
            try await fleet.control.execute([
                "UPDATE convoy_control.assignments SET lease_until = clock_timestamp() - interval '1 s' WHERE kind = 'change'"
            ])
            try await eventually("the other one has it", within: .seconds(4)) {
                try await fleet.count("assignments WHERE kind = 'change' AND attempt = 2") == 1
            }
            // The statement of the stopped worker is the first that gets the run.
            try await holder.query("COMMIT")
            late.proceed()
            let refused = await late.wait {
                $0.standardError.contains("is refused") || $0.standardError.contains("stops here") || $0.status != nil
            }
            #expect(
                refused.standardError.contains("the report on the change of i1 (attempt 1) is refused: another worker has it now"),
                "\(refused.standardError)"
            )
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.events(of: run, where: "type = 'instance_finished'").count == 1)
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND attempt = 2 AND state = 'done'") == 1)
            #expect(try await late.drained().exitCode == 0)
            let told = try await other.drained().standardError
            #expect(told.contains("takes over the change of i1 (attempt 2): worker "), "\(told)")
        }
    }

    /// The app of an instance that another worker changes now must not be started by the worker that had it before.
    @Test func aWorkerThatSleptRunsNoHook() async throws {
        let rollout = [
            "waves: [{name: all}]", "hooks:", "  before_instance: [sh, -c, \"echo before >> hooks\"]",
            "  after_instance: [sh, -c, \"echo after >> hooks\"]",
        ]
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 1.5), rollout: rollout) { fleet in
            let sleeper = try await fleet.worker()
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            sleeper.halt()
            let other = try await fleet.worker()
            try await eventually("the other one has it", within: .seconds(60)) {
                try await fleet.count("assignments WHERE kind = 'change' AND attempt = 2") == 1
            }
            // In the middle of the other one's work.
            sleeper.proceed()
            await sleeper.wait { $0.standardError.contains("stops") || $0.status != nil }
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            let last = try await sleeper.drained()
            #expect(last.exitCode == 0, "\(last.standardError)")
            _ = try await other.drained()
            let hooks = try String(contentsOfFile: "\(fleet.folder)/hooks", encoding: .utf8)
            #expect(hooks == "before\nbefore\nafter\n")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.events(of: run, where: "type = 'instance_finished'").count == 1)
        }
    }

    /// A hook in progress ends with the lease, also one that is not cancelled otherwise; another attempt does it again.
    @Test func aHookEndsBeforeTheLeaseIsOver() async throws {
        let server = try await PostgresServer.start()
        let hook = "echo begin >> hooks; if [ $(wc -l < hooks) -eq 1 ]; then sleep 120; fi; echo end >> hooks"
        let rollout = ["waves: [{name: all}]", "hooks:", "  after_instance: [sh, -c, \"\(hook)\"]"]
        try await withWorkerFleet(1, control: server, migrations: SlowSet.files(pause: 0), rollout: rollout) { fleet in
            let worker = try await fleet.worker()
            let run = try await fleet.submit()
            try await eventually("the hook runs", within: .seconds(30)) { FileManager.default.fileExists(atPath: "\(fleet.folder)/hooks") }
            try await server.stop(.immediate)
            await worker.wait { $0.standardError.contains("could not be renewed") || $0.status != nil }
            try await server.start()
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            let hooks = try String(contentsOfFile: "\(fleet.folder)/hooks", encoding: .utf8)
            #expect(hooks == "begin\nbegin\nend\n")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.events(of: run, where: "type = 'instance_finished' AND outcome = 'migrated'").count == 1)
            let last = try await worker.drained()
            #expect(last.exitCode == 0, "\(last.standardError)")
        }
    }

    /// The control database goes away twice in the middle of a run: workers wait, and go on.
    @Test func workersWaitForTheControlDatabase() async throws {
        let server = try await PostgresServer.start()
        try await withWorkerFleet(6, control: server, migrations: SlowSet.files(pause: 0.4)) { fleet in
            let workers = [try await fleet.worker(["--total", "2"]), try await fleet.worker(["--total", "2"])]
            let follower = try ConvoyProcess(["migrate", "--yes", "--progress", "plain"], in: fleet.folder)
            for count in 1...2 {
                try await eventually("it goes on", within: .seconds(60)) {
                    (try? await fleet.count("assignments WHERE kind = 'change' AND state = 'done'") >= Int64(count)) ?? false
                }
                try await server.stop(.immediate)
                await workers[0].wait { $0.standardError.contains("trying again") || $0.status != nil }
                try await server.start()
            }
            let end = try await follower.result()
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            for worker in workers {
                let last = try await worker.drained()
                #expect(last.exitCode == 0)
                #expect(last.standardError.contains("answers again"), "\(last.standardError)")
            }
        }
    }

    /// A hook and a gate are each done by one worker, also when that one is killed.
    @Test func aGateGoesOnWithAnotherWorker() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        let responder = try HTTPResponder { _ in .status(200) }
        let webhook = "notifications: [{url: \"http://127.0.0.1:\(responder.port)/hook\", on: gate-waiting}]"
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 0), rollout: rollout, more: [webhook]) { fleet in
            let first = try await fleet.worker()
            let run = try await fleet.submit()
            try await eventually("the gate is open", within: .seconds(30)) {
                try await fleet.count("events WHERE type = 'gate_waiting'") > 0
            }
            try await eventually("its notification has arrived", within: .seconds(30)) { responder.requests.count == 1 }
            first.kill()
            let second = try await fleet.worker()
            try await eventually("the other one has it", within: .seconds(60)) {
                try await fleet.count("assignments WHERE kind = 'gate' AND state = 'claimed' AND attempt = 2") == 1
            }
            #expect(try await runConvoy(["approve", run], in: fleet.folder).exitCode == 0)
            #expect(try await fleet.wait(for: run).exitCode == 0)
            #expect(try await fleet.events(of: run, where: "type = 'gate_opened'").count == 1)
            #expect(try await fleet.events(of: run, where: "type = 'gate_passed'").count == 1)
            _ = try await second.drained()
            // The other worker waits at the same gate, which is no news.
            #expect(responder.requests.count == 1)
        }
    }

    /// SIGTERM: what runs is finished, what waits goes to the others.
    @Test func aWorkerThatDrainsFinishesWhatItDoes() async throws {
        try await withWorkerFleet(4, migrations: SlowSet.files(pause: 0.5), rollout: ["waves: [{name: all, max_parallel: 2}]"]) { fleet in
            let first = try await fleet.worker(["--total", "2"])
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            let drained = try await first.drained()
            #expect(drained.exitCode == 0, "\(drained.standardError)")
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND state = 'done'") == 2)
            #expect(try await fleet.count("assignments WHERE state = 'claimed'") == 0)
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND attempt > 1") == 0)
            let second = try await fleet.worker()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            try await fleet.expectAppliedOnce(SlowSet.versions)
            _ = try await second.drained()
        }
    }

    /// A second SIGTERM: what runs is rolled back, and done by another worker.
    @Test func aWorkerThatIsAskedTwiceGivesItsWorkBack() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 5)) { fleet in
            let first = try await fleet.worker()
            let run = try await fleet.submit()
            try await eventually("it works", within: .seconds(30)) { try await fleet.count("events WHERE type = 'migration_applied'") > 0 }
            first.terminate()
            await first.wait { $0.standardError.contains("draining") || $0.status != nil }
            let begun = ContinuousClock.now
            let end = try await first.drained()
            #expect(end.exitCode == 0, "\(end.standardError)")
            #expect(ContinuousClock.now - begun < .seconds(12))
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND state = 'waiting'") == 1)
            let second = try await fleet.worker()
            #expect(try await fleet.wait(for: run).exitCode == 0)
            try await fleet.expectAppliedOnce(SlowSet.versions)
            _ = try await second.drained()
        }
    }
}
