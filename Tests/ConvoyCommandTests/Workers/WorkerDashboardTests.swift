import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy serve` on a control database: what an operator does there reaches the workers, wherever they are.
@Suite(.timeLimit(.minutes(5)))
struct WorkerDashboardTests {
    private let bearer = ["Authorization": "Bearer \(ServedDashboard.token)"]

    private func serve(_ fleet: WorkerFleet) async throws -> ServedDashboard {
        try await ServedDashboard.start(
            ["--listen", "127.0.0.1:0", "--allow-actions"],
            environment: ["CONVOY_TOKEN": ServedDashboard.token],
            in: fleet.folder
        )
    }

    private func ask(_ server: ServedDashboard, _ path: String, method: String = "GET") async throws -> HTTPAnswer {
        try await askHTTP(path, port: server.port, method: method, headers: bearer)
    }

    private func post(_ server: ServedDashboard, _ path: String) async throws {
        let answer = try await ask(server, path, method: "POST")
        #expect(answer.status == 202, "\(path): \(answer.body)")
    }

    @Test func aRunOfWorkersIsFollowedPausedApprovedStoppedAndResumed() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest, max_parallel: 1}]"]
        try await withWorkerFleet(5, migrations: SlowSet.files(pause: 0.3), rollout: rollout) { fleet in
            let worker = try await fleet.worker()
            let server = try await serve(fleet)
            #expect(try await ask(server, "/api/v1/fleet").status == 200)
            let run = try await fleet.submit()
            let path = "/api/v1/runs/\(run)"
            func shows(_ text: String) async throws {
                try await eventually("the run shows \(text)", within: .seconds(60)) { try await ask(server, path).body.contains(text) }
            }
            try await shows(#""actions":["stop","stop-now","approve","pause"]"#)
            let live = try HTTPConnection(port: server.port)
            try live.send(
                "GET \(path)/events?after=0 HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nAccept: text/event-stream\r\n"
                    + "Authorization: Bearer \(ServedDashboard.token)\r\n\r\n"
            )
            try await eventually("the stream begins") { live.received.contains(#""type":"run_started""#) }
            try await post(server, "\(path)/pause?server=local")
            try await shows(#""paused_servers":["local"]"#)
            try await post(server, "\(path)/approve")
            try await eventually("the next wave has begun", within: .seconds(60)) {
                try await fleet.events(of: run, where: "type = 'wave_started'").count == 2
            }
            #expect(try await fleet.events(of: run, where: "type = 'instance_started'").count == 1)
            try await post(server, "\(path)/unpause?server=local")
            try await eventually("the second wave works", within: .seconds(60)) {
                try await fleet.events(of: run, where: "type = 'instance_finished'").count >= 2
            }
            try await post(server, "\(path)/stop")
            try await shows(#""status":"interrupted""#)
            try await eventually("the stream ends with the run", within: .seconds(30)) {
                live.received.contains(#""type":"run_finished""#) && live.received.contains(#""type":"server_resumed""#)
            }
            live.close()
            #expect(try await ask(server, "\(path)/approve", method: "POST").status == 409)
            #expect(try await fleet.count("assignments WHERE state IN ('waiting', 'claimed')") == 0)

            // The dashboard hands it to the workers again, and they carry it out without the dashboard.
            try await post(server, "\(path)/resume")
            #expect(try await fleet.count("runs WHERE for_workers") == 1)
            #expect(try await server.end().exitCode == 0)
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            let asked = try await fleet.control.query("SELECT DISTINCT requested_by FROM convoy_control.requests").rows
            let people = try asked.map { try $0.text("requested_by") }
            #expect(people.count == 1 && people.allSatisfy { $0.hasPrefix("dashboard (") }, "\(people)")
            #expect(try await fleet.count("assignments WHERE kind = 'change' AND state = 'done' AND worker IS NULL") == 0)
            _ = try await worker.drained()
        }
    }

    /// The processes whose command lines have the word.
    private func processes(naming word: String) -> [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { entry in
            guard Int(entry) != nil, let line = try? String(contentsOfFile: "/proc/\(entry)/cmdline", encoding: .utf8) else { return nil }
            let words = line.split(separator: "\0").map(String.init)
            return words.contains(word) ? words.joined(separator: " ") : nil
        }
    }

    /// Where workers are alive, the process that the dashboard starts submits the run and ends: the end of one that followed it would stop the run.
    @Test func theProcessThatResumesARunOfWorkersDoesNotFollowIt() async throws {
        let rollout = ["waves: [{name: canary, names: [i1], gate: {approve: true, every: 1s}}, {name: rest}]"]
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 0), rollout: rollout) { fleet in
            let worker = try await fleet.worker()
            let server = try await serve(fleet)
            let run = try await fleet.submit()
            let path = "/api/v1/runs/\(run)"
            func waitsAtGate(_ times: Int64) async throws {
                try await eventually("the run waits at its gate", within: .seconds(60)) {
                    try await fleet.count("events WHERE type = 'gate_waiting'") == times
                }
            }
            try await waitsAtGate(1)
            try await post(server, "\(path)/stop")
            try await eventually("it is interrupted", within: .seconds(60)) {
                try await ask(server, path).body.contains(#""status":"interrupted""#)
            }
            try await post(server, "\(path)/resume")
            try await waitsAtGate(2)
            try await eventually("the process has ended") { processes(naming: run).isEmpty }
            try await eventually("the gate is shown") { try await ask(server, path).body.contains(#""approve""#) }
            #expect(try await fleet.count("runs WHERE status IS NULL AND for_workers") == 1)
            // Nothing was asked of it but to stop before.
            #expect(try await fleet.count("requests") == 1)
            try await post(server, "\(path)/approve")
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await server.end().exitCode == 0)
            _ = try await worker.drained()
        }
    }

    /// Without a worker the dashboard's own process carries out what was submitted.
    @Test func aRunThatNoWorkerTakesIsResumed() async throws {
        try await withWorkerFleet(1, migrations: SlowSet.files(pause: 0)) { fleet in
            let run = try await fleet.submit()
            let server = try await serve(fleet)
            let path = "/api/v1/runs/\(run)"
            let waiting = try await ask(server, path).body
            #expect(waiting.contains(#""worker_shortage":"no worker of its fleet is alive"#), "\(waiting)")
            #expect(waiting.contains(#""actions":["stop","stop-now","pause","resume","abandon"]"#), "\(waiting)")
            try await post(server, "\(path)/resume")
            let end = try await fleet.wait(for: run)
            #expect(end.exitCode == 0, "\(end.standardError)")
            try await fleet.expectAppliedOnce(SlowSet.versions)
            #expect(try await fleet.count("runs WHERE for_workers") == 0)
            let ended = try await ask(server, path).body
            #expect(ended.contains(#""worker_shortage":null"#) && ended.contains(#""actions":[]"#), "\(ended)")
            #expect(try await server.end().exitCode == 0)
        }
    }

    /// The pages wait for the control database, and say so meanwhile.
    @Test func aControlDatabaseThatIsAwayIsReportedAndComesBack() async throws {
        let server = try await PostgresServer.start()
        try await withWorkerFleet(1, control: server, migrations: SlowSet.files(pause: 0)) { fleet in
            let migrated = try await runConvoy(["migrate", "--yes"], in: fleet.folder)
            #expect(migrated.exitCode == 0, "\(migrated.standardError)")
            let dashboard = try await serve(fleet)
            #expect(try await ask(dashboard, "/api/v1/runs").body.contains(#""status":"succeeded""#))
            try await server.stop(.immediate)
            try await eventually("it says so", within: .seconds(60)) {
                let answer = try await ask(dashboard, "/api/v1/runs")
                return answer.status == 503 && answer.body.contains("cannot be reached")
            }
            try await server.start()
            try await eventually("it is back", within: .seconds(60)) {
                try await ask(dashboard, "/api/v1/runs").body.contains(#""status":"succeeded""#)
            }
            #expect(try await dashboard.end().exitCode == 0)
        }
    }
}
