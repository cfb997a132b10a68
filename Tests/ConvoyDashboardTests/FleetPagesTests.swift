import ConvoyJournal
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import HTTPTypes
import TestSupport
import Testing

@testable import ConvoyDashboard

/// What pages and programs are told of the fleet and its runs.
@Suite(.timeLimit(.minutes(2)))
struct FleetPagesTests {
    private func json(_ answer: HTTPAnswer) throws -> [String: Any] {
        #expect(answer.status == 200, "\(answer.body)")
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
    }

    private func get(_ path: String, from dashboard: TestDashboard) async throws -> [String: Any] {
        try json(try await dashboard.ask(path))
    }

    private func outcomes(_ dashboard: TestDashboard) async throws -> [String: String] {
        let answer = try await get("/api/v1/instances", from: dashboard)
        let instances = try #require(answer["instances"] as? [[String: Any]])
        return Dictionary(
            uniqueKeysWithValues: instances.compactMap { instance in
                (instance["name"] as? String).flatMap { name in (instance["outcome"] as? String).map { (name, $0) } }
            }
        )
    }

    @Test func withoutAJournalTheFleetIsThereAndNoneIsMade() async throws {
        try await TestDashboard.with { dashboard in
            let fleet = try await get("/api/v1/fleet", from: dashboard)
            #expect(fleet["run"] is NSNull)
            #expect(try await outcomes(dashboard) == ["alice": "pending", "bob": "pending", TestDashboard.hostile: "pending"])
            #expect(try await dashboard.ask("/api/v1/runs").body.contains(#""runs":[]"#))
            #expect(try await dashboard.ask("/api/v1/runs/\(TestDashboard.run)").status == 404)
            #expect(try await dashboard.ask("/healthz").status == 200)
            #expect(try await dashboard.ask("/metrics").status == 200)
            #expect(!FileManager.default.fileExists(atPath: dashboard.journal))
            // One that appears later is picked up.
            try await dashboard.begin()
            #expect(try await get("/api/v1/fleet", from: dashboard)["run"] as? String == TestDashboard.run.description)
        }
    }

    @Test func aRunIsSeenAdvancing() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            let path = "/api/v1/runs/\(TestDashboard.run)"
            #expect(try await get(path, from: dashboard)["status"] as? String == "cut-off")
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            #expect(try await get(path, from: dashboard)["status"] as? String == "running")
            try await journal.append(migrating("alice") + failing(TestDashboard.hostile), to: TestDashboard.run)
            try await eventually("what happened shows") {
                try await outcomes(dashboard) == ["alice": "migrated", "bob": "pending", TestDashboard.hostile: "failed"]
            }
            try await journal.append([Event(at: moment(9), .runFinished(status: .failed))], to: TestDashboard.run)
            lock.release()
            try await eventually("the run's end shows") { try await get(path, from: dashboard)["status"] as? String == "failed" }
        }
    }

    @Test func onlyWhatHasChangedIsSentAgain() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            for path in ["/api/v1/instances", "/api/v1/runs/\(TestDashboard.run)/instances"] {
                let first = try await get(path, from: dashboard)
                #expect(first["complete"] as? Bool == true)
                let revision = try #require(first["revision"] as? String).replacing("/", with: "%2F")
                let last = try #require(first["last_event"] as? Int)
                let query = "?revision=\(revision)&changed_after=\(last)"
                let unchanged = try await get(path + query, from: dashboard)
                #expect((unchanged["instances"] as? [Any])?.isEmpty == true)
                try await journal.append(migrating("bob"), to: TestDashboard.run)
                try await eventually("the change shows") {
                    let changed = try await get(path + query, from: dashboard)
                    let names = (changed["instances"] as? [[String: Any]])?.compactMap { $0["name"] as? String }
                    return changed["complete"] as? Bool == false && names == ["bob"]
                }
                #expect(
                    try json(try await dashboard.ask(path + "?as=columns&changed_after=\(last)&revision=\(revision)"))["columns"] != nil
                )
                // Going on with a run resets what was under way, whoever that was.
                try await journal.append([Event(at: moment(), .runResumed(by: "ann@host"))], to: TestDashboard.run)
                try await eventually("everything is sent") { try await get(path + query, from: dashboard)["complete"] as? Bool == true }
            }
        }
    }

    @Test func instancesThatTheNewestRunLeavesOutKeepWhatEarlierOnesDid() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            try await journal.append(
                migrating("alice") + failing("bob") + [Event(at: moment(9), .runFinished(status: .failed))],
                to: TestDashboard.run
            )
            let later = RunID("20261122T110000Z-bbbbbb")
            try await dashboard.begin(later, ["alice"])
            #expect(try await outcomes(dashboard) == ["alice": "pending", "bob": "failed", TestDashboard.hostile: "pending"])
            let bob = try await get("/api/v1/instances/bob", from: dashboard)
            #expect((bob["history"] as? [[String: Any]])?.compactMap { $0["run"] as? String } == [TestDashboard.run.description])
            #expect(try await dashboard.ask("/api/v1/instances/nobody").status == 404)
        }
    }

    @Test func whatARunDoesCountsThoughSomebodyLookedBeforeItsFirstEvent() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            try await journal.append(failing("alice") + [Event(at: moment(9), .runFinished(status: .failed))], to: TestDashboard.run)
            let later = RunRecord(
                id: RunID("20261122T110000Z-bbbbbb"),
                fleet: "test",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 1,
                startedAt: moment(10),
                startedBy: "ann@host"
            )
            try await journal.begin(later, plan: Data())
            #expect(try await outcomes(dashboard)["alice"] == "failed")
            let started = Event.Kind.runStarted(
                run: later.id.description,
                fleet: "test",
                waves: [PlannedWave(name: "all", instances: ["alice"])]
            )
            try await journal.append([Event(at: moment(10), started)], to: later.id)
            try await eventually("the old end is gone") { try await outcomes(dashboard)["alice"] == "pending" }
        }
    }

    @Test func aLookAtTheInstancesShowsWhatItFound() async throws {
        let status = InstanceStatus(
            name: "alice",
            server: "eu-1",
            database: "tm",
            labels: [:],
            outcome: .upToDate,
            version: newest,
            serverVersion: "17.2",
            warnings: []
        )
        let findings = ProbeFindings(statuses: [status], cohorts: ["alice": "20260808090000-ab"], problems: ["server eu-2 does not answer"])
        try await TestDashboard.with(findings: findings) { dashboard in
            #expect(try await get("/api/v1/probe", from: dashboard)["state"] as? String == "never")
            let asked = try await dashboard.ask("/api/v1/probe", method: "POST", headers: ["X-Convoy-CSRF": "1"])
            #expect(asked.status == 202)
            try await eventually("the look is over") { try await get("/api/v1/probe", from: dashboard)["state"] as? String == "done" }
            #expect(try await get("/api/v1/probe", from: dashboard)["problems"] as? [String] == ["server eu-2 does not answer"])
            let fleet = try await get("/api/v1/fleet", from: dashboard)
            #expect(fleet["looked_at"] is String)
            #expect((fleet["cohorts"] as? [[String: Any]])?.first?["instances"] as? Int == 1)
            #expect(try await outcomes(dashboard)["alice"] == "up-to-date")
        }
    }

    @Test func hostileNamesAreDataEverywhere() async throws {
        let breakers = [
            TestDashboard.hostile, "\"\u{308} onmouseover=alert(1) x=\"", "</script><script>alert(1)</script>", "a\r\n\r\ndata: x",
            "../../etc",
        ]
        try await TestDashboard.with(instances: breakers) { dashboard in
            let journal = try await dashboard.begin(TestDashboard.run, breakers)
            try await journal.append(failing(TestDashboard.hostile, message: "<script>alert(2)</script>"), to: TestDashboard.run)
            try await dashboard.compare()
            for route in dashboard.routes where route.audience == .people && route.method == .get {
                let path = TestDashboard.path(of: route, instance: TestDashboard.hostile.percentEncoded, run: "%3Cscript%3E")
                let page = try await dashboard.ask(path)
                #expect(!page.body.contains("<img src=x") && !page.body.contains("<script>alert("), "\(path)")
            }
            for name in breakers where name != "../../etc" {
                #expect(try await dashboard.ask("/api/v1/instances/\(name.percentEncoded)").status == 200, "\(name)")
            }
            let answer = try await dashboard.ask("/api/v1/runs/\(TestDashboard.run)/events?follow=false")
            // Nothing in a name ends a line, and so an event.
            #expect(answer.body.matches(of: #/\ndata: /#).count == 4)
            let next = try await dashboard.ask("/nowhere%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
            #expect(next.status == 404)
            #expect(!next.body.contains("alert("))
        }
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let login = try await dashboard.ask("/login?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
            #expect(!login.body.contains("<script>alert("))
        }
    }

    @Test func aJournalThatCannotBeReadIsToldWithoutDetailsToStrangers() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            try writeFile(dashboard.journal, "this is no journal")
            let health = try await dashboard.ask("/healthz")
            #expect(health.status == 503)
            #expect(health.body == "the journal cannot be read\n")
            let fleet = try await dashboard.ask("/api/v1/fleet", headers: TestDashboard.bearer)
            #expect(fleet.status == 503)
            #expect(fleet.body.contains("not a journal"))
        }
    }

    @Test func afterARestartOnTheSamePortAPageGoesOn() async throws {
        try await withTemporaryFolder { folder in
            let port = TestDashboard.portToKeep()
            try await TestDashboard.with(port: port, folder: folder) { dashboard in
                _ = try await dashboard.begin()
            }
            try await TestDashboard.again(on: port, folder: folder) { (dashboard: TestDashboard) async throws in
                let headers = ["Last-Event-ID": "1"]
                let path = "/api/v1/runs/\(TestDashboard.run)/events?follow=false&after=0"
                #expect(try await dashboard.ask(path, headers: headers).body.hasPrefix("retry: 1000\n\nid: 2\n"))
            }
        }
    }

    @Test func runsThatWereStartedWithoutGatesAreMarked() async throws {
        let fixture = try VisitFixture(due: 1)
        try await TestDashboard.with { dashboard in
            let waves = [(name: "all", instances: ["alice"])]
            let (gated, unreadable) = (RunID("20261122T110000Z-bbbbbb"), RunID("20261122T120000Z-cccccc"))
            try await dashboard.begin(TestDashboard.run, ["alice"], plan: fixture.plan(waves, isImmediate: true))
            try await dashboard.begin(gated, ["alice"], plan: fixture.plan(waves))
            try await dashboard.begin(unreadable, ["alice"])
            let runs = try #require(try await get("/api/v1/runs", from: dashboard)["runs"] as? [[String: Any]])
            #expect(runs.compactMap { $0["now"] as? Bool == true ? $0["run"] as? String : nil } == [TestDashboard.run.description])
            #expect(runs.count == 3 && runs.filter { $0["now"] == nil }.count == 2)
            for (run, isImmediate) in [(TestDashboard.run, true), (gated, false), (unreadable, false)] {
                #expect(try await get("/api/v1/runs/\(run)", from: dashboard)["now"] as? Bool == isImmediate)
            }
            let report = try #require(try await get("/api/v1/runs/\(TestDashboard.run)/report", from: dashboard)["run"] as? [String: Any])
            #expect(report["now"] as? Bool == true && report["started_by"] as? String == "ann@host")
        }
    }

    @Test func templatesCanBeRead() {
        #expect(Pages.areValid)
    }
}
