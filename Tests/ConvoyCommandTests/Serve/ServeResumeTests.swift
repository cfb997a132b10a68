import Foundation
import TestSupport
import Testing

/// What the dashboard answers when the process that it starts does not resume a run.
@Suite(.timeLimit(.minutes(3)))
struct ServeResumeTests {
    @Test func theReasonIsThatOfThisAttempt() async throws {
        try await GatedFleet.with { folder, _ in
            let first = try ConvoyProcess(["migrate", "--yes"], in: folder)
            first.closeInput()
            let server = try await ServedDashboard.start(
                ["--listen", "127.0.0.1:0", "--allow-actions"],
                environment: ["CONVOY_TOKEN": ServedDashboard.token],
                in: folder
            )
            let bearer = ["Authorization": "Bearer \(ServedDashboard.token)"]
            func ask(_ path: String, method: String = "GET") async throws -> HTTPAnswer {
                try await askHTTP(path, port: server.port, method: method, headers: bearer)
            }
            try await eventually("the run waits at its gate", within: .seconds(60)) {
                try await ask("/api/v1/runs").body.contains("the gate of wave first is waiting for")
            }
            let runs = try await ask("/api/v1/runs").body
            let run = String(try #require(runs.firstMatch(of: #/"run":"([^"]+)"/#)?.1))
            first.kill()
            _ = try? await first.result()
            try await eventually("it is cut off") {
                try await ask("/api/v1/runs/\(run)").body.contains(#""actions":["resume","abandon"]"#)
            }

            // Another attempt has left its words, and the migrations are not those of the plan any more.
            let log = "\(folder)/.convoy/journal.sqlite.\(run).log"
            try writeFile(log, "error: a problem of last week\n", mode: 0o600)
            try writeFile("\(folder)/Migrations/1_cars.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n")
            let refused = try await ask("/api/v1/runs/\(run)/resume", method: "POST")
            #expect(refused.status == 409 && refused.body.contains("could not resume the run: "), "\(refused.body)")
            #expect(!refused.body.contains("last week"), "\(refused.body)")
            let text = try String(contentsOfFile: log, encoding: .utf8)
            #expect(text.hasPrefix("error: a problem of last week\n") && text.count > 40, "\(text)")
            #expect(try await server.end().exitCode == 0)
        }
    }
}
