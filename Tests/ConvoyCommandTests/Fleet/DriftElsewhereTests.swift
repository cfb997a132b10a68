import Foundation
import TestSupport
import Testing

/// What differs, as the dashboard and the reports show it: the same as `convoy drift`.
@Suite(.timeLimit(.minutes(3)))
struct DriftElsewhereTests {
    private static let bearer = ["Authorization": "Bearer \(ServedDashboard.token)"]

    /// The cohorts of a document, without the time.
    private func cohorts(_ json: [String: Any]) throws -> String {
        let known = json.filter { ["fleet", "summary", "cohorts", "unread"].contains($0.key) }
        return String(decoding: try JSONSerialization.data(withJSONObject: known, options: [.sortedKeys]), as: UTF8.self)
    }

    @Test func theDashboardComparesOnRequest() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withCataloguedFleet(databases) { folder in
                try await databases[1].execute(["ALTER TABLE cars ALTER plate TYPE varchar(9)"])
                let environment = ["CONVOY_TOKEN": ServedDashboard.token]
                let server = try await ServedDashboard.start(["--listen", "127.0.0.1:0"], environment: environment, in: folder)
                func ask(_ path: String, _ method: String = "GET") async throws -> HTTPAnswer {
                    try await askHTTP(path, port: server.port, method: method, headers: Self.bearer)
                }
                func compare() async throws {
                    #expect(try await ask("/api/v1/drift", "POST").status == 202)
                    try await eventually("the comparison is over", within: .seconds(60)) {
                        try await !ask("/api/v1/drift/state").body.contains(#""state":"running""#)
                    }
                }
                try await compare()
                let answer = try await ask("/api/v1/drift")
                let served = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
                #expect(try JSONSchema(named: "drift").problems(in: served) == [])
                let printed = try jsonObject(try await runConvoy(["drift", "--output", "json"], in: folder))
                #expect(try cohorts(served) == cohorts(printed))
                #expect(try await ask("/drift").body.contains("3 instances in 2 cohorts, 1 drifted"))
                #expect(try await ask("/metrics").body.contains("convoy_drift_instances{fleet=\"test\",drift=\"drifted\"} 1\n"))

                // The files are read anew each time: what is wrong with them is shown, together with what was found before.
                try FileManager.default.removeItem(atPath: "\(folder)/Migrations/catalogue")
                try await compare()
                #expect(try await ask("/api/v1/drift/state").body.contains("the migration set has no catalogue of its versions"))
                #expect(try await ask("/drift").body.contains("1 drifted"))
                let end = try await server.end()
                #expect(end.exitCode == 0 && end.standardError == "", "\(end.standardError)")
            }
        }
    }

    @Test func itComparesByItself() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withCataloguedFleet(databases) { folder in
                let arguments = ["--listen", "127.0.0.1:0", "--drift-every", "10s"]
                let environment = ["CONVOY_TOKEN": ServedDashboard.token]
                let server = try await ServedDashboard.start(arguments, environment: environment, in: folder)
                try await eventually("it has compared", within: .seconds(60)) {
                    try await askHTTP("/api/v1/drift", port: server.port, headers: Self.bearer).status == 200
                }
                let metrics = try await askHTTP("/metrics", port: server.port, headers: Self.bearer).body
                #expect(metrics.contains("convoy_drift_interval_seconds{fleet=\"test\"} 10"))
                _ = try await server.end()
            }
        }
    }

    @Test func aReportWithCohortsShowsWhatDiffers() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withCataloguedFleet(databases) { folder in
                try await databases[2].execute(["ALTER TABLE cars ADD \"<b>\" text"])
                for command in ["report", "status"] {
                    let page = try await runConvoy([command, "--cohorts", "--output", "html"], in: folder)
                    #expect(page.exitCode == 0 && page.standardError == "", "\(page.standardError)")
                    #expect(page.standardOutput.contains("<h2 id=\"cohorts\">Cohorts</h2>"))
                    #expect(page.standardOutput.contains("<bdi dir=\"ltr\">public.cars.&quot;&lt;b&gt;&quot;</bdi>"), "\(command)")
                }
                #expect(try await !runConvoy(["report", "--output", "html"], in: folder).standardOutput.contains("id=\"cohorts\""))
                // Without the catalogue there are still cohorts.
                try FileManager.default.removeItem(atPath: "\(folder)/Migrations/catalogue")
                let plain = try await runConvoy(["report", "--cohorts", "--output", "html"], in: folder)
                #expect(plain.exitCode == 0)
                #expect(plain.standardError.contains("warning: the cohorts are not compared with their versions: "))
                #expect(
                    plain.standardOutput.contains("Instances with one version and one schema")
                        && !plain.standardOutput.contains("&lt;b&gt;")
                )
            }
        }
    }
}
