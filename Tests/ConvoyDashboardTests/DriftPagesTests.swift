import ConvoyReporting
import ConvoyRun
import Foundation
import HTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Drift in the dashboard: what pages and programs are told, and who may ask the databases.
@Suite(.timeLimit(.minutes(2)))
struct DriftPagesTests {
    private func json(_ path: String, from dashboard: TestDashboard) async throws -> [String: Any] {
        let answer = try await dashboard.ask(path)
        #expect(answer.status == 200, "\(path): \(answer.body)")
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
    }

    private let cohortPath = "/drift/" + DriftSamples.drifted.replacing(" ", with: "/")

    /// Counts the comparisons that were made, and fails those that it is told to.
    private final class Comparisons: Sendable {
        let count = Mutex(0)
        let mustFail = Mutex(false)

        @Sendable func compare() async throws(ProbeError) -> DriftFindings {
            count.withLock { $0 += 1 }
            if mustFail.withLock(\.self) { throw ProbeError("Migrations/catalogue: the migration set has no <catalogue>") }
            return DriftFindings(DriftSamples.report)
        }
    }

    @Test func aViewAsksNoDatabase() async throws {
        let comparisons = Comparisons()
        try await TestDashboard.with(drift: comparisons.compare) { dashboard in
            let page = try await dashboard.ask("/drift")
            #expect(page.status == 200 && page.body.contains("No comparison yet"))
            #expect(try await dashboard.ask("/api/v1/drift").status == 404)
            #expect(try await dashboard.ask(cohortPath).status == 404)
            let state = try await json("/api/v1/drift/state", from: dashboard)
            #expect(state["state"] as? String == "never" && state["summary"] is NSNull)
            let metrics = try await dashboard.ask("/metrics").body
            #expect(metrics.contains("convoy_drift_failed{fleet=\"test\"} 0\n") && !metrics.contains("convoy_drift_instances"))
            #expect(try await json("/api/v1/instances/alice", from: dashboard)["drift"] is NSNull)
            try await dashboard.compare()
            for _ in 0..<3 {
                for path in ["/drift", cohortPath, "/api/v1/drift", "/api/v1/fleet", "/metrics"] {
                    #expect(try await dashboard.ask(path).status == 200, "\(path)")
                }
            }
            #expect(comparisons.count.withLock(\.self) == 1)
        }
    }

    @Test func whatACohortHasIsShownSideBySide() async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.compare()
            let page = try await dashboard.ask("/drift").body
            #expect(page.contains("test: 3 instances in 2 cohorts, 2 drifted, 1 could not be read"))
            #expect(page.contains("<a href=\"\(cohortPath)\">\(DriftSamples.drifted)</a>"))
            #expect(page.contains("2 differences") && page.contains("unreachable: &lt;b&gt;refused&lt;/b&gt;"))
            #expect(page.contains("cannot list the databases of server eu-2: &lt;i&gt;refused&lt;/i&gt;"))
            let cohort = try await dashboard.ask(cohortPath).body
            #expect(cohort.contains("character varying(<mark>8</mark>)") && cohort.contains("character varying(<mark>255</mark>)"))
            #expect(cohort.contains("<pre tabindex=\"0\">SELECT &#39;public.cars&#39;</pre>"))
            #expect(cohort.contains("<a href=\"/instances/alice\"><bdi>alice</bdi></a>"))
            // Lines of a definition stay lines; what a name holds is written out.
            #expect(cohort.contains("SELECT 1\n&lt;script&gt;"))
            #expect(cohort.contains("onerror=alert(1)&gt;\\n.\\u{202E}"))
            #expect(!cohort.contains("<img src=x") && !cohort.contains("<script>alert") && !cohort.contains("\u{202E}"))
            let silent = try await dashboard.ask("/drift/" + DriftSamples.silent.replacing(" ", with: "/")).body
            #expect(silent.contains("no drift") && !silent.contains("<table"))
            for unknown in ["/drift/1/2", "/drift/none/%00", "/drift/%3Cscript%3E/x"] {
                #expect(try await dashboard.ask(unknown).status == 404, "\(unknown)")
            }
        }
    }

    @Test func programsGetTheSame() async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.compare()
            let document = try await json("/api/v1/drift", from: dashboard)
            #expect(try JSONSchema(named: "drift").problems(in: document) == [])
            let summary = try await json("/api/v1/fleet", from: dashboard)["drift"] as? [String: Any]
            #expect((summary?["summary"] as? [String: Int])?["drifted"] == 2)
            let alice = try await json("/api/v1/instances/alice", from: dashboard)["drift"] as? [String: Any]
            #expect(alice?["differences"] as? Int == 2 && alice?["path"] as? String == cohortPath)
            let metrics = try await dashboard.ask("/metrics").body
            #expect(metrics.contains("convoy_drift_instances{fleet=\"test\",drift=\"drifted\"} 2\n"))
            #expect(metrics.contains("convoy_drift_kind_instances{fleet=\"test\",kind=\"column\"} 2\n"))
            #expect(metrics.contains("convoy_drift_failed{fleet=\"test\"} 0\n"))
            #expect(metrics.hasSuffix("# EOF\n") && metrics.components(separatedBy: "# EOF").count == 2)
        }
    }

    @Test func aComparisonThatFailsLeavesWhatTheLastOneFound() async throws {
        let comparisons = Comparisons()
        try await TestDashboard.with(drift: comparisons.compare) { dashboard in
            try await dashboard.compare()
            comparisons.mustFail.withLock { $0 = true }
            try await dashboard.compare()
            let page = try await dashboard.ask("/drift").body
            #expect(page.contains("failed: Migrations/catalogue: the migration set has no &lt;catalogue&gt;"))
            #expect(page.contains(cohortPath))
            #expect(try await dashboard.ask("/api/v1/drift").status == 200)
            #expect(try await dashboard.ask("/metrics").body.contains("convoy_drift_failed{fleet=\"test\"} 1\n"))
        }
    }

    // MARK: Who may compare

    private func secret(on page: String) throws -> String {
        String(try #require(page.firstMatch(of: #/<input type="hidden" name="csrf" value="([0-9a-f]{64})">/#)?.1))
    }

    /// A form can be sent by a foreign page too, but that page does not know the secret.
    @Test func theFormTakesTheSecretOfThePage() async throws {
        let comparisons = Comparisons()
        try await TestDashboard.with(drift: comparisons.compare) { dashboard in
            let secret = try secret(on: try await dashboard.ask("/drift").body)
            func post(_ body: String, _ headers: [String: String] = [:]) async throws -> Int {
                try await dashboard.ask("/drift", method: "POST", headers: headers, body: body).status
            }
            for body in ["", "csrf=", "csrf=none", "csrf=1", "csrf=\(secret)0", "other=\(secret)"] {
                #expect(try await post(body) == 403, "\(body)")
            }
            #expect(try await post("csrf=\(secret)", ["Origin": "https://evil.example"]) == 403)
            #expect(try await post("csrf=\(secret)", ["Sec-Fetch-Site": "cross-site"]) == 403)
            #expect(try await post("csrf=" + String(repeating: "0", count: 5000)) == 413)
            #expect(comparisons.count.withLock(\.self) == 0)
            // What a page sends as a form is no request of the interface for programs.
            #expect(try await dashboard.ask("/api/v1/drift", method: "POST", body: "csrf=\(secret)").status == 403)
            let answer = try await dashboard.ask("/drift", method: "POST", body: "csrf=\(secret)")
            #expect(answer.status == 303 && answer.header("Location") == "/drift")
            try await eventually("it is done") { comparisons.count.withLock(\.self) == 1 }
        }
    }

    @Test func onlyAnOperatorCompares() async throws {
        let tokens = "ann operator ann-has-a-long-token\ncleo viewer cleo-has-a-long-token\n"
        try await TestDashboard.with(tokens: tokens) { dashboard in
            func session(_ name: String) async throws -> [String: String] {
                let answer = try await dashboard.ask("/login", method: "POST", body: "next=%2Fdrift&token=\(name)-has-a-long-token")
                return ["Cookie": String(try #require(answer.header("Set-Cookie")).prefix { $0 != ";" })]
            }
            let (ann, cleo) = (try await session("ann"), try await session("cleo"))
            let page = try await dashboard.ask("/drift", headers: ann).body
            let secret = try secret(on: page)
            #expect(page.contains("Compare all instances"))
            let readers = try await dashboard.ask("/drift", headers: cleo).body
            #expect(readers.contains("<h1>Drift</h1>") && !readers.contains("Compare all instances"))
            let own = try #require(readers.firstMatch(of: #/<meta name="csrf" content="([0-9a-f]{64})">/#)?.1)
            #expect(try await dashboard.ask("/drift", method: "POST", headers: cleo, body: "csrf=\(own)").status == 403)
            // The secret of another session is not that of this one.
            #expect(try await dashboard.ask("/drift", method: "POST", headers: ann, body: "csrf=\(own)").status == 403)
            #expect(try await dashboard.ask("/drift", method: "POST", headers: ann, body: "csrf=\(secret)").status == 303)
            #expect(try await dashboard.ask("/drift", method: "POST", body: "csrf=\(secret)").header("Location") == "/login")
        }
    }

    @Test func templatesCanBeRead() {
        #expect(DriftRoutes.areValid)
    }
}
