import ConvoyFleet
import ConvoyJournal
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import Foundation
import Glibc
import TestSupport
import Testing

/// `convoy serve` as its user runs it.
@Suite(.timeLimit(.minutes(5)))
struct ServeCommandTests {
    private static let token = "correct-horse-battery-staple"

    @Test(
        arguments: [
            (["--listen", "0.0.0.0:0"], [:], "a token is required"),
            (["--allow-actions"], [:], "--allow-actions requires a token"),
            (["--allow-host", "convoy.example.org"], [:], "--allow-host requires a token"),
            (["--listen", "7080"], [:], "is not HOST:PORT"),
            (["--probe-every", "0"], [:], "--probe-every: “0” is not an interval from 10s to 30d"),
            (["--probe-every", "-1"], [:], "“-1” is not an interval from 10s to 30d"),
            (["--probe-every", "1x"], [:], "for example 30s, 5m or 1h"),
            (["--probe-every", "1ms"], [:], "“1ms” is not an interval"),
            (["--probe-every", "9s"], [:], "“9s” is not an interval"),
            (["--probe-every", "31d"], [:], "“31d” is not an interval"),
            (["--probe-every", ""], [:], "“” is not an interval"),
            (["--probe-every", "5 m"], [:], "“5 m” is not an interval"),
            (["--drift-every", "9s"], [:], "--drift-every: “9s” is not an interval from 10s to 30d"),
            (["--drift-every", "-1"], [:], "“-1” is not an interval from 10s to 30d"),
            (["--token-file", "missing"], [:], "missing: the file does not exist"),
            ([], ["CONVOY_TOKEN": "short"], "the token in CONVOY_TOKEN is shorter than 16 characters"),
            (["--token-file", "fleet.yaml"], ["CONVOY_TOKEN": token], "the token in fleet.yaml holds a line break"),
        ] as [([String], [String: String], String)]
    )
    func whatWouldLetStrangersInIsRefused(arguments: [String], environment: [String: String], words: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["serve"] + arguments, environment: environment, in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(words), "\(result.standardError)")
            #expect(!result.standardError.contains("short\n"))
            #expect(result.standardOutput == "")
        }
    }

    private struct Server: Sendable {
        var process: ConvoyProcess
        var port: Int

        func ask(_ path: String, method: String = "GET") async throws -> HTTPAnswer {
            try await askHTTP(path, port: port, method: method, headers: ["Authorization": "Bearer \(ServeCommandTests.token)"])
        }

        /// As a service manager ends it.
        func end() async throws -> ConvoyResult {
            process.terminate()
            return try await process.result()
        }
    }

    private func serve(
        _ arguments: [String] = [],
        token: String? = token,
        environment: [String: String] = [:],
        in folder: String
    ) async throws -> Server {
        var environment = environment
        environment["CONVOY_TOKEN"] = token
        let process = try ConvoyProcess(["serve", "--listen", "127.0.0.1:0"] + arguments, environment: environment, in: folder)
        process.closeInput()
        let said = await process.wait { $0.standardOutput.contains("\n") }.standardOutput
        let port = try #require(
            said.firstMatch(of: #/^listening on http://127\.0\.0\.1:([0-9]+)\n$/#)?.1,
            "\(process.snapshot.standardError)"
        )
        return Server(process: process, port: try #require(Int(port)))
    }

    @Test func itServesUntilItIsAskedToEnd() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let server = try await serve(in: folder)
            #expect(try await askHTTP("/healthz", port: server.port).status == 200)
            #expect(try await askHTTP("/api/v1/fleet", port: server.port).status == 401)
            #expect(try await server.ask("/api/v1/fleet").status == 200)
            let taken = try await runConvoy(["serve", "--listen", "127.0.0.1:\(server.port)"], in: folder)
            #expect(taken.exitCode == 1)
            #expect(taken.standardError.contains("cannot listen on 127.0.0.1:\(server.port)"))
            let end = try await server.end()
            #expect(end.exitCode == 0, "\(end.standardError)")
            #expect(end.standardError == "")
            // It only reads: there is still no journal.
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/.convoy"))
        }
    }

    @Test func whatOthersCanReachIsToldToLackTLS() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            try writeFile("\(folder)/token", Self.token + "\n", mode: 0o644)
            let process = try ConvoyProcess(["serve", "--listen", "0.0.0.0:0", "--token-file", "token"], in: folder)
            process.closeInput()
            _ = await process.wait { $0.standardOutput.contains("listening on") }
            process.terminate()
            let result = try await process.result()
            #expect(result.exitCode == 0)
            #expect(result.standardError.contains("warning: without TLS the token"))
            #expect(result.standardError.contains("warning: token can be read by other users"))
            #expect(!result.standardError.contains(Self.token))
        }
    }

    /// As Kubernetes and systemd hand it over: a file of root that the group of the service can read. That it is too short ends the command.
    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"), arguments: [(mode_t(0o640), false), (0o644, true)])
    func aTokenOfRootForTheOwnGroupIsNotExposed(_ mode: mode_t, _ isExposed: Bool) async throws {
        try await withTemporaryFolder(files: ["token": "short\n"]) { folder in
            let nobody = try #require(getpwnam("nobody")).pointee
            try #require(chown("\(folder)/token", 0, nobody.pw_gid) == 0 && chmod("\(folder)/token", mode) == 0)
            let result = try await runConvoyUnprivileged(["serve", "--token-file", "token"], in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains("the token in token is shorter"), "\(result.standardError)")
            #expect(result.standardError.contains("can be read by other users") == isExposed, "\(result.standardError)")
        }
    }

    @Test func aRunThatWasCutOffIsResumedAndApprovedAndOutlivesTheServer() async throws {
        try await GatedFleet.with { folder, last in
            let first = try ConvoyProcess(["migrate", "--yes"], in: folder)
            first.closeInput()
            let journal = "\(folder)/.convoy/journal.sqlite"
            func waitForGate(_ server: Server, _ run: String) async throws {
                try await eventually("the run waits at its gate", within: .seconds(60)) {
                    try await server.ask("/api/v1/runs/\(run)").body.contains(#""actions":["stop","stop-now","approve","pause"]"#)
                }
            }
            // A run that the dashboard resumes is traced as the dashboard's environment says.
            let collector = try TraceCollector()
            let server = try await serve(["--allow-actions"], environment: ["CONVOY_OTLP_ENDPOINT": collector.endpoint], in: folder)
            try await eventually("the run is in the journal", within: .seconds(60)) {
                try await server.ask("/api/v1/fleet").body.contains(#""run_status":"running""#)
            }
            let runs = try await server.ask("/api/v1/runs").body
            let run = String(try #require(runs.firstMatch(of: #/"run":"([^"]+)"/#)?.1))
            try await waitForGate(server, run)
            first.kill()
            _ = try? await first.result()
            try await eventually("it is cut off") {
                try await server.ask("/api/v1/runs/\(run)").body.contains(#""actions":["resume","abandon"]"#)
            }
            #expect(try await server.ask("/api/v1/runs/\(run)/approve", method: "POST").status == 409)

            let resumed = try await server.ask("/api/v1/runs/\(run)/resume", method: "POST")
            #expect(resumed.status == 202, "\(resumed.body)")
            try await waitForGate(server, run)
            let again = try await server.ask("/api/v1/runs/\(run)/resume", method: "POST")
            #expect(again.status == 409)
            // The run is no child that ends with the server.
            #expect(try await server.end().exitCode == 0)
            #expect(try FileLock.holder(of: RunID(run), journal: journal) != nil)

            // Nor does it keep the server's port.
            let other = try await serve(["--allow-actions", "--listen", "127.0.0.1:\(server.port)"], in: folder)
            #expect(try await other.ask("/api/v1/runs/\(run)/approve", method: "POST").status == 202)
            try await eventually("the run succeeds", within: .seconds(60)) {
                try await other.ask("/api/v1/runs/\(run)").body.contains(#""status":"succeeded""#)
            }
            #expect(try await last.query("SELECT count(*) AS rows FROM schema_migrations").onlyRow().int64("rows") == 1)
            // The events that are shown may be a moment older than the run's status.
            try await eventually("the approval shows") {
                try await other.ask("/api/v1/runs/\(run)/events?follow=false").body
                    .contains(#""type":"approved","wave":"first","by":"dashboard ("#)
            }
            #expect(try await other.end().exitCode == 0)
            let log = try String(contentsOfFile: "\(journal).\(run).log", encoding: .utf8)
            #expect(!log.isEmpty && !log.contains(Self.token))
            try await eventually("the trace arrives", within: .seconds(30)) {
                try collector.spans().contains { $0.name == "convoy migrate" && $0.attributes["convoy.run.id"] == run && !$0.isError }
            }
        }
    }

    @Test func theFleetIsProbedWithoutARequest() async throws {
        try await GatedFleet.with { folder, _ in
            let fleet = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            let server = try await serve(["--probe-every", "10s"], in: folder)
            func metric(_ name: String) async throws -> Double? {
                let metrics = try await server.ask("/metrics").body
                let line = metrics.split(separator: "\n").first { $0.hasPrefix("\(name){") }
                return line?.split(separator: " ").last.flatMap { Double($0) }
            }
            try await eventually("the first round is over", within: .seconds(30)) {
                try await server.ask("/api/v1/probe").body.contains(#""state":"done""#)
            }
            let instances = try await server.ask("/api/v1/instances").body
            #expect(
                instances.matches(of: #/"outcome":"pending"/#).count == 2 && instances.contains(#""server_version":"1"#),
                "\(instances)"
            )
            #expect(try await metric("convoy_probe_interval_seconds") == 10)
            #expect(try await metric("convoy_probe_failed") == 0)
            let first = try #require(try await metric("convoy_probe_timestamp_seconds"))
            // A broken fleet file is reported as by a probe that was asked for, and what was found stays.
            try writeFile("\(folder)/fleet.yaml", fleet + "nonsense: true\n")
            try await eventually("a round fails", within: .seconds(30)) {
                try await server.ask("/api/v1/probe").body.contains(#""state":"failed""#)
            }
            let failed = try await server.ask("/api/v1/probe").body
            #expect(failed.contains("nonsense") && failed.contains(#""every":10"#), "\(failed)")
            #expect(try await metric("convoy_probe_failed") == 1)
            #expect(try await metric("convoy_probe_timestamp_seconds") == first)
            try writeFile("\(folder)/fleet.yaml", fleet)
            try await eventually("the next round finds it correct", within: .seconds(30)) {
                try await (metric("convoy_probe_timestamp_seconds") ?? 0) > first
            }
            #expect(try await metric("convoy_probe_failed") == 0)
            #expect(try await server.end().exitCode == 0)
        }
    }

    /// A real wait for a lock, from the run through the journal to the page.
    @Test func whoHoldsTheLockOfAnInstanceIsReported() async throws {
        try await PostgresServer.shared().withDatabase { database in
            let migrations = [
                "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint);\n-- migrate:down\nDROP TABLE cars;\n",
                "Migrations/2_plates.sql":
                    "-- migrate:up\nSELECT 1;\nALTER TABLE cars\n  ADD COLUMN plate text;\n-- migrate:down\nALTER TABLE cars DROP COLUMN plate;\n",
            ]
            let fleet = """
                version: 1
                fleet: test
                defaults: {lock_timeout: 300ms, lock_wait: 120s}
                instances:
                  - {name: alice, host: \(database.server.socketFolder), port: \(database.server.port), user: \(database.ownerName), database: \(database.name)}

                """
            try await withTemporaryFolder(files: migrations.merging(["fleet.yaml": fleet]) { $1 }) { folder in
                #expect(try await runConvoy(["migrate", "--yes", "--to", "1"], in: folder).exitCode == 0)
                let holder = try await database.connect(applicationName: "a report")
                _ = try await holder.query("BEGIN")
                _ = try await holder.query("SELECT * FROM cars")
                let run = try ConvoyProcess(["migrate", "--yes"], in: folder)
                run.closeInput()
                let server = try await serve(in: folder)
                var page = ""
                try await eventually("the holder of the lock is reported", within: .seconds(60)) {
                    guard let id = try await server.ask("/api/v1/runs").body.firstMatch(of: #/"run":"([^"]+)"/#)?.1 else { return false }
                    page = try await server.ask("/api/v1/runs/\(id)/instances/alice").body
                    return page.contains(#""blockers":[{"pid":\#(holder.backendPID),"#)
                }
                let visit = try #require(try JSONSerialization.jsonObject(with: Data(page.utf8)) as? [String: Any])
                let blockers = (visit["wait"] as? [String: Any])?["blockers"] as? [[String: Any]]
                #expect(blockers?.first?["application"] as? String == "a report")
                #expect(blockers?.first?["role"] is String)
                let current = try #require(visit["current"] as? [String: Any])
                #expect(current["version"] as? String == "2" && current["statement_count"] as? Int == 2)
                let statement = try #require(current["statement"] as? [String: Any], "\(page)")
                #expect(statement["text"] as? String == "ALTER TABLE cars\n  ADD COLUMN plate text")
                #expect(statement["line"] as? Int == 3)
                holder.close()
                #expect(try await run.result().exitCode == 0)
                _ = try await server.end()
            }
        }
    }

    @Test func aResumeThatCannotBeginSaysWhy() async throws {
        try await GatedFleet.with { folder, _ in
            let first = try ConvoyProcess(["migrate", "--yes"], in: folder)
            first.closeInput()
            let server = try await serve(["--allow-actions"], in: folder)
            try await eventually("the run waits at its gate", within: .seconds(60)) {
                try await server.ask("/api/v1/fleet").body.contains(#""run_status":"running""#)
            }
            first.kill()
            _ = try? await first.result()
            let runs = try await server.ask("/api/v1/runs").body
            let run = String(try #require(runs.firstMatch(of: #/"run":"([^"]+)"/#)?.1))
            try writeFile("\(folder)/Migrations/1_cars.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n")
            let resumed = try await server.ask("/api/v1/runs/\(run)/resume", method: "POST")
            #expect(resumed.status == 409)
            #expect(resumed.body.contains("its plan no longer matches"), "\(resumed.body)")
            #expect(try await server.end().exitCode == 0)
        }
    }
}
