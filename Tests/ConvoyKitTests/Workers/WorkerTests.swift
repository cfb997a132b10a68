import ConvoyFleet
import ConvoyKit
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// Workers at moments that an operator cannot bring about.
@Suite(.timeLimit(.minutes(5)))
struct WorkerTests {
    /// Reading the files of a run may take longer than a lease: the work on another run goes on.
    @Test func aRunThatIsReadForLongDelaysNoRenewal() async throws {
        let rollout = ["waves: [{name: all}]", "hooks:", "  before_run: [sh, -c, \"while ! [ -e FOLDER/go ]; do sleep 0.1; done\"]"]
        try await withWorkerBench(2, rollout: rollout) { bench in
            let worker = BenchWorker(bench, id: "w1")
            let first = try await bench.submit(select: "half=h0")
            try await eventually("it works", within: .seconds(30)) {
                try await bench.count("assignments WHERE kind = 'before_run' AND state = 'claimed'") == 1
            }
            worker.isReadable.change { $0 = false }
            let second = try await bench.submit(select: "half=h1", beside: [first])
            try await eventually("it reads the second run", within: .seconds(30)) { worker.loads.value == 2 }
            let end = try await bench.control.query(
                "SELECT max(lease_until)::text AS t FROM convoy_control.assignments WHERE state = 'claimed'"
            ).onlyRow().text("t")
            try await eventually("the lease was renewed for longer than it is", within: .seconds(30)) {
                try await bench.count(
                    "assignments WHERE kind = 'before_run' AND state = 'claimed' AND lease_until > '\(end)'::timestamptz + interval '15 s'"
                ) == 1
            }
            #expect(worker.loads.value == 2)
            worker.isReadable.change { $0 = true }
            #expect(FileManager.default.createFile(atPath: "\(bench.folder)/go", contents: nil))
            #expect(try await bench.status(of: first) == "succeeded")
            #expect(try await bench.status(of: second) == "succeeded")
            #expect(try await bench.count("assignments WHERE attempt > 1") == 0)
            #expect(!worker.lines.value.contains { $0.contains("could not be renewed") }, "\(worker.lines.value)")
            await worker.end()
        }
    }

    /// A worker reads a run that is to be resumed while another one resumes it: it follows that, and decides as the other would.
    @Test func aWorkerThatReadsARunDuringItsResumptionDecides() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        try await withWorkerBench(2, rollout: rollout) { bench in
            let first = BenchWorker(bench, id: "w1")
            let run = try await bench.submit()
            try await eventually("the gate is open", within: .seconds(30)) {
                try await bench.count("events WHERE type = 'gate_waiting'") == 1
            }
            try await bench.ask(.stop, of: run)
            #expect(try await bench.status(of: run) == "interrupted")

            let second = BenchWorker(bench, id: "w2")
            for worker in [first, second] {
                worker.isReadable.change { $0 = false }
                worker.loads.change { $0 = 0 }
            }
            try await bench.resume(run)
            try await eventually("both read it", within: .seconds(30)) { first.loads.value == 1 && second.loads.value == 1 }
            first.isReadable.change { $0 = true }
            try await eventually("the first has resumed it", within: .seconds(30)) {
                try await bench.count("events WHERE type = 'gate_waiting'") == 2
            }
            await first.end()
            #expect(try await bench.count("assignments WHERE kind = 'gate' AND state = 'waiting'") == 1)

            second.isReadable.change { $0 = true }
            try await eventually("the second takes the gate", within: .seconds(30)) {
                try await bench.count("assignments WHERE kind = 'gate' AND state = 'claimed' AND worker = 'w2'") == 1
            }
            try await bench.ask(.approve(wave: nil), of: run)
            #expect(try await bench.status(of: run) == "succeeded")
            #expect(try await bench.count("events WHERE type = 'run_resumed'") == 1)
            #expect(try await bench.count("assignments WHERE kind = 'gate' AND attempt > 2") == 0)
            await second.end()
        }
    }

    /// A second request to stop ends the run, also where no worker would take what waits; and nothing of that is begun.
    @Test func whatIsCancelledIsEndedByAnyWorker() async throws {
        try await withWorkerBench(5, pause: 60) { bench in
            let worker = BenchWorker(bench, id: "w1", limits: WorkerLimits(total: 1, selector: try Selector(parsing: "half=h0")))
            let run = try await bench.submit()
            try await eventually("it works", within: .seconds(30)) { try await bench.count("events WHERE type = 'migration_applied'") == 1 }
            #expect(try await bench.count("assignments WHERE kind = 'change' AND state = 'waiting'") == 4)
            for _ in 0..<2 { try await bench.ask(.stop, of: run) }
            #expect(try await bench.status(of: run) == "interrupted")
            #expect(try await bench.count("assignments WHERE kind = 'change' AND state = 'done'") == 5)
            #expect(try await bench.count("events WHERE type = 'migration_applied'") == 1)
            var touched = 0
            for database in bench.databases {
                let found = try await database.query("SELECT count(*) AS n FROM pg_class WHERE relname IN ('cars', 'schema_migrations')")
                    .onlyRow().int64("n")
                if found > 0 { touched += 1 }
            }
            #expect(touched == 1)
            await worker.end()
        }
    }

    /// However much waits that is for others, a worker finds what it can take, also where only the selector tells them apart.
    @Test func whatWaitsForOthersHidesNothing() async throws {
        try await withWorkerBench(2) { bench in
            let run = try await bench.submit()
            // They come first, and no worker takes them.
            try await bench.control.execute([
                """
                INSERT INTO convoy_control.assignments (run, number, kind, subject, server)
                SELECT '\(run)', -n, 'change', 'x' || n, NULL FROM generate_series(1, 600) AS n
                """
            ])
            // What this one begins is for the other one to find.
            let decider = BenchWorker(bench, id: "w2", limits: WorkerLimits(servers: []))
            try await eventually("the run has begun", within: .seconds(30)) {
                try await bench.count("events WHERE type = 'run_started'") == 1
            }
            let worker = BenchWorker(bench, id: "w1", limits: WorkerLimits(selector: try Selector(parsing: "name=i2")))
            try await eventually("it has ended its own", within: .seconds(30)) {
                try await bench.count("assignments WHERE state = 'done' AND subject = 'i2' AND worker = 'w1'") == 1
            }
            #expect(try await bench.count("assignments WHERE state = 'done' AND subject = 'i1'") == 0)
            await worker.end()
            await decider.end()
        }
    }
}
