import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// What a worker does whose run, control database or predecessor is not what it was.
@Suite(.timeLimit(.minutes(5)))
struct WorkerHandOverTests {
    /// The run is handed over anew, with other files, between the worker's last round and its decision.
    @Test(arguments: PostgresServer.Release.tested)
    func aWorkerDecidesNothingByFilesFromBeforeAHandOver(_ release: PostgresServer.Release) async throws {
        let rollout = ["waves: [{name: all}]", "hooks:", "  before_run: [sh, -c, \"while ! [ -e FOLDER/go ]; do sleep 0.1; done\"]"]
        try await withWorkerBench(1, on: release, rollout: rollout) { bench in
            let worker = BenchWorker(bench, id: "w1")
            let run = try await bench.submit()
            try await eventually("it works", within: .seconds(30)) {
                try await bench.count("assignments WHERE kind = 'before_run' AND state = 'claimed'") == 1
            }
            let events = try await bench.count("events")
            let other = try await bench.control.connect()
            defer { other.close() }
            try await other.query("BEGIN")
            try await other.query("SELECT FROM convoy_control.runs FOR UPDATE")
            #expect(FileManager.default.createFile(atPath: "\(bench.folder)/go", contents: nil))
            try await eventually("the decision waits for the run", within: .seconds(30)) {
                try await bench.control.query(
                    """
                    SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                        AND query LIKE '%open_decision%'
                    """
                ).onlyRow().int64("n") == 1
            }
            try await other.query("UPDATE convoy_control.assignments SET state = 'withdrawn', ended_at = clock_timestamp()")
            try await other.query(
                "UPDATE convoy_control.runs SET hand_over = 'new', fleet_checksum = 'other', resumed_by = 'ann@here', served_request = last_request"
            )
            try await other.query("COMMIT")
            try await eventually("it has read its files again (\(worker.lines.value))", within: .seconds(30)) {
                worker.lines.value.contains { $0.contains("takes no part in run \(run): its fleet file is not the same") }
            }
            #expect(try await bench.count("events") == events)
            #expect(try await bench.count("runs WHERE resumed_by = 'ann@here'") == 1)
            await worker.end()
        }
    }

    /// The answer to the COMMIT of a decision was lost, and the run is handed over anew before the worker finds out whether it took place: what it has
    /// recorded is notified all the same.
    @Test func aLostAnswerAndAHandOverLoseNoNotification() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        let responder = try HTTPResponder { _ in .status(200) }
        let webhook = "notifications: [{url: \"http://127.0.0.1:\(responder.port)/hook\", on: gate-waiting}]"
        try await withWorkerBench(2, rollout: rollout, more: [webhook]) { bench in
            // The decision takes a while to commit, and the worker is gone meanwhile.
            try await bench.control.execute([
                "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(2); RETURN NULL; END$$",
                """
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON convoy_control.events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                WHEN (NEW.type = 'gate_waiting') EXECUTE FUNCTION public.slow()
                """,
            ])
            let proxy = try FaultProxy(to: .port(bench.control.server.port))
            let worker = BenchWorker(bench, id: "w1", through: bench.control.ownerOverTCP(port: proxy.port))
            _ = try await bench.submit()
            try await eventually("the decision commits", within: .seconds(30)) {
                try await bench.control.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
                ).onlyRow().int64("n") == 1
            }
            proxy.set(mode: .refuse)
            proxy.cutAll()
            try await eventually("it is committed", within: .seconds(30)) {
                try await bench.count("events WHERE type = 'gate_waiting'") == 1
            }
            try await bench.control.execute([
                "UPDATE convoy_control.assignments SET state = 'withdrawn', ended_at = clock_timestamp() WHERE state IN ('waiting', 'claimed')",
                "UPDATE convoy_control.runs SET hand_over = 'new', fleet_checksum = 'other', resumed_by = 'ann@here'",
            ])
            #expect(responder.requests.isEmpty)
            proxy.set(mode: .forward)
            try await eventually("the notification has arrived (\(worker.lines.value))", within: .seconds(30)) {
                !responder.requests.isEmpty
            }
            try await eventually("it has read its files again", within: .seconds(30)) {
                worker.lines.value.contains { $0.contains("its fleet file is not the same") }
            }
            #expect(responder.requests.count == 1)
            await worker.end()
        }
    }

    /// As if a standby that had not got the last event had taken over, and another worker had made the decision a moment later.
    private func replaceLastEvent(in bench: WorkerBench) async throws {
        let changed = try await bench.control.query(
            """
            UPDATE convoy_control.events
            SET json = regexp_replace(json, '[.][0-9]{3}Z', CASE WHEN json LIKE '%.999Z%' THEN '.000Z' ELSE '.999Z' END)
            WHERE number = (SELECT last_event FROM convoy_control.runs) RETURNING json
            """
        )
        #expect(changed.rows.count == 1)
    }

    @Test func aWorkerThatClaimsReadsARunAgainWhoseRecordIsAnotherOne() async throws {
        try await withWorkerBench(1) { bench in
            let decider = BenchWorker(bench, id: "w1", limits: WorkerLimits(servers: []))
            let run = try await bench.submit()
            try await bench.giveChangeAway()
            let worker = BenchWorker(bench, id: "w2")
            try await eventually("it takes part", within: .seconds(30)) { worker.lines.value.contains { $0.contains("takes part in run") } }
            try await replaceLastEvent(in: bench)
            try await bench.control.execute(["UPDATE convoy_control.assignments SET lease_until = clock_timestamp() WHERE worker = 'w3'"])
            #expect(try await bench.status(of: run) == "succeeded")
            let said = worker.lines.value
            #expect(said.contains { $0.contains("has lost events that this worker knows") }, "\(said)")
            await worker.end()
            await decider.end()
        }
    }

    @Test func aWorkerReadsARunAgainWhoseRecordIsAnotherOne() async throws {
        let rollout = ["waves: [{name: all}]", "hooks:", "  before_run: [sh, -c, \"while ! [ -e FOLDER/go ]; do sleep 0.1; done\"]"]
        try await withWorkerBench(1, rollout: rollout) { bench in
            let worker = BenchWorker(bench, id: "w1")
            let run = try await bench.submit()
            try await eventually("it works", within: .seconds(30)) {
                try await bench.count("assignments WHERE kind = 'before_run' AND state = 'claimed'") == 1
            }
            try await replaceLastEvent(in: bench)
            #expect(FileManager.default.createFile(atPath: "\(bench.folder)/go", contents: nil))
            #expect(try await bench.status(of: run) == "succeeded")
            let said = worker.lines.value
            #expect(said.contains { $0.contains("has lost events that this worker knows") }, "\(said)")
            #expect(worker.loads.value == 2)
            await worker.end()
        }
    }

    /// As long as the control database is not back for a while, a worker that had lost it takes nothing over: others could not renew their leases either.
    @Test func aWorkerThatLostTheControlDatabaseLeavesExpiredLeases() async throws {
        try await withWorkerBench(1) { bench in
            let decider = BenchWorker(bench, id: "w1", limits: WorkerLimits(servers: []))
            _ = try await bench.submit()
            try await bench.giveChangeAway()
            let proxy = try FaultProxy(to: .port(bench.control.server.port))
            let worker = BenchWorker(bench, id: "w2", through: bench.control.ownerOverTCP(port: proxy.port))
            try await eventually("it takes part", within: .seconds(30)) { worker.lines.value.contains { $0.contains("takes part in run") } }
            #expect(worker.control.lastLoss == nil)
            proxy.set(mode: .refuse)
            proxy.cutAll()
            try await eventually("it notices", within: .seconds(30)) { worker.control.lastLoss != nil }
            proxy.set(mode: .forward)
            let lost = try #require(worker.control.lastLoss)
            try await bench.control.execute([
                "UPDATE convoy_control.assignments SET lease_until = clock_timestamp() - interval '1 s' WHERE worker = 'w3'"
            ])
            try await eventually("it takes over", within: .seconds(30)) {
                try await bench.count("assignments WHERE kind = 'change' AND worker = 'w2'") == 1
            }
            // A lease of these workers is eight seconds.
            #expect(ContinuousClock.now - lost > .seconds(7))
            await worker.end()
            await decider.end()
        }
    }

    /// A worker was killed in the middle of an instance, and the run is cancelled: what is said of the instance is what it says itself, or that it was not
    /// asked.
    @Test(arguments: [true, false])
    func whatAKilledWorkerHasDoneIsSaidWhereItIsCancelled(_ isReached: Bool) async throws {
        try await withWorkerBench(1) { bench in
            let decider = BenchWorker(bench, id: "w1", limits: WorkerLimits(servers: []))
            let run = try await bench.submit()
            try await bench.giveChangeAway()
            // The killed one has applied a migration and has not reported it.
            let instance = try #require(bench.client.fleet.instances.first)
            let done = await bench.client.runner.migrate(InstanceJob(instance, .up(to: MigrationVersion(1)), run: run.description)) { _ in }
            #expect(done.applied.map(\.version) == [MigrationVersion(1)])
            for _ in 0..<2 { try await bench.ask(.stop, of: run) }
            try await eventually("it is cancelled", within: .seconds(30)) {
                try await bench.count("assignments WHERE kind = 'change' AND is_cancelled") == 1
            }
            var other: BenchWorker?
            if isReached {
                await decider.end()
                other = BenchWorker(bench, id: "w2")
            }
            try await bench.control.execute(["UPDATE convoy_control.assignments SET lease_until = clock_timestamp() WHERE worker = 'w3'"])
            #expect(try await bench.status(of: run) == "interrupted")
            let ending = try await bench.control.query("SELECT json FROM convoy_control.events WHERE type = 'instance_finished'").onlyRow()
                .text("json")
            let expected =
                isReached
                ? "cancelled before it was continued; 1 migration had been completed before; the newest version in the ledger is 1"
                : "cancelled before it was continued; no migration was reported before, but some may have been completed: this worker does not connect"
            #expect(ending.contains(expected), "\(ending)")
            if isReached { await other?.end() } else { await decider.end() }
        }
    }
}
