import ConvoyJournal
import ConvoyMigrations
import ConvoyRun
import ConvoyText
import Foundation
import TestSupport
import Testing

@testable import ConvoyDashboard

/// What a run does to one instance: for programs, and as a page that keeps itself up to date.
@Suite(.timeLimit(.minutes(3)))
struct VisitPageTests {
    private func visit(_ name: String, from dashboard: TestDashboard) async throws -> [String: Any] {
        let answer = try await dashboard.ask("/api/v1\(VisitFixture.path)/instances/\(name.percentEncoded)")
        #expect(answer.status == 200, "\(answer.body)")
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
    }

    private func states(_ visit: [String: Any]) -> [String?] {
        (visit["migrations"] as? [[String: Any]])?.map { $0["state"] as? String } ?? []
    }

    @Test func theStepsOfAnInstanceAreReportedWhileItIsInProgress() async throws {
        let fixture = try VisitFixture()
        try await TestDashboard.with(set: fixture.set) { dashboard in
            let names = ["alice", "bob"]
            let journal = try await dashboard.begin(TestDashboard.run, names, plan: fixture.plan([("all", names)], isImmediate: true))
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            // Before its turn, what the plan knows.
            let before = try await visit("bob", from: dashboard)
            #expect(states(before) == ["to-come", "to-come", "to-come", "to-come"])
            #expect(before["now"] as? Bool == true)
            #expect((before["instance"] as? [String: Any])?["from"] as? String == fixture.before.description)
            #expect(before["current"] is NSNull && before["wait"] is NSNull)

            try await journal.append(fixture.beginning("bob") + [fixture.waiting("bob")], to: TestDashboard.run)
            try await eventually("its wait shows") { try await !(visit("bob", from: dashboard)["wait"] is NSNull) }
            let during = try await visit("bob", from: dashboard)
            #expect(states(during) == ["done", "in-progress", "to-come", "to-come"])
            let wait = try #require(during["wait"] as? [String: Any])
            #expect(wait["since"] as? String == moment(4).rfc3339)
            let blocker = try #require((wait["blockers"] as? [[String: Any]])?.first)
            #expect(blocker["pid"] as? Int == 4711 && blocker["application"] as? String == "psql <i>")
            let current = try #require(during["current"] as? [String: Any])
            #expect(current["version"] as? String == fixture.due[1].description)
            #expect(current["file"] as? String == fixture.set[fixture.due[1]]?.file)
            #expect(
                (current["statement"] as? [String: Any])?["text"] as? String
                    == "ALTER TABLE charges\n  ALTER COLUMN charger_power TYPE numeric(8,2)"
            )
            #expect((during["events"] as? [Any])?.count == 4)
            #expect(states(try await visit("alice", from: dashboard)) == ["to-come", "to-come", "to-come", "to-come"])

            try await journal.append(fixture.ending("bob"), to: TestDashboard.run)
            try await eventually("its end shows") { try await states(visit("bob", from: dashboard)) == ["done", "done", "done", "done"] }
            let after = try await visit("bob", from: dashboard)
            #expect(after["wait"] is NSNull && after["current"] is NSNull)
            let steps = try #require(after["migrations"] as? [[String: Any]])
            #expect(steps.allSatisfy { $0["duration"] as? Double == 1.25 && $0["finished_at"] is String && $0["name"] is String })
        }
    }

    /// A file that was edited since the run began would be shown as what the run does.
    @Test func statementsAreOnlyShownOfTheFilesThatTheRunWorksWith() async throws {
        let fixture = try VisitFixture()
        for isSame in [true, false] {
            try await TestDashboard.with(set: fixture.set) { dashboard in
                var plan = fixture.plan([("all", ["bob"])])
                if !isSame { for index in plan.migrations.indices { plan.migrations[index].checksum = "other" } }
                let journal = try await dashboard.begin(TestDashboard.run, ["bob"], plan: plan)
                let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
                defer { lock.release() }
                try await journal.append(fixture.beginning("bob"), to: TestDashboard.run)
                try await eventually("it is in progress") { try await visit("bob", from: dashboard)["current"] is [String: Any] }
                let current = try #require(try await visit("bob", from: dashboard)["current"] as? [String: Any])
                #expect((current["statements"] as? [Any])?.isEmpty == !isSame)
                #expect(current["statement_count"] is NSNull == !isSame)
                #expect(current["file"] is NSNull == !isSame)
            }
        }
    }

    @Test func whatARunThatWasCutOffHasBegunIsNotInProgress() async throws {
        let fixture = try VisitFixture()
        try await TestDashboard.with(set: fixture.set) { dashboard in
            let journal = try await dashboard.begin(TestDashboard.run, ["bob"])
            try await journal.append(fixture.beginning("bob") + [fixture.waiting("bob")], to: TestDashboard.run)
            try await eventually("it shows") {
                try await states(visit("bob", from: dashboard)) == ["done", "cut-off", "not-run", "not-run"]
            }
            let after = try await visit("bob", from: dashboard)
            #expect(after["run_status"] as? String == "cut-off")
            #expect((after["migrations"] as? [[String: Any]])?.first?["usual_duration"] as? Double == 1.25)
            #expect(after["wait"] is NSNull && after["current"] is NSNull)
        }
    }

    @Test func whatIsNotThereIsNotFoundAndNothingIsChanged() async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.begin()
            let run = "/api/v1\(VisitFixture.path)"
            for path in [
                "\(run)/instances/nobody", "\(run)/instances/alice%00", "\(run)/instances/ALICE", "\(run)/instances/%20",
                "\(run)/instances/" + String(repeating: "x", count: 5000), "/api/v1/runs/nowhere/instances/alice",
                "/api/v1/runs/\(TestDashboard.run.description.prefix(8))/instances/alice", "/api/v1/runs/latest/instances/alice",
                "\(run)/instances/alice/more",
            ] {
                let answer = try await dashboard.ask(path)
                #expect(answer.status == 404, "\(path.prefix(80)): \(answer.status)")
                #expect(answer.header("Content-Type") == "application/problem+json")
            }
            #expect(try await dashboard.ask("\(run)/instances/%FF").status == 400)
            for path in ["\(run)/instances/alice", "\(VisitFixture.path)/instances/alice"] {
                for method in ["POST", "PUT", "DELETE"] {
                    let answer = try await dashboard.ask(path, method: method, headers: ["X-Convoy-CSRF": "1"])
                    #expect(answer.status == 405 && answer.header("Allow") == "GET, HEAD", "\(method) \(path)")
                }
            }
        }
    }

    @Test(arguments: [
        TestDashboard.hostile, "a/b", "a b?c=d&e#f", "%41", "100%", "ü\u{308}😀", "\u{202E}evil", "a\r\nb", "'\"\\", "instances", "…",
        ".hidden", "-",
    ])
    func anInstanceIsFoundWhateverItsName(name: String) async throws {
        try await TestDashboard.with(instances: [name]) { dashboard in
            let journal = try await dashboard.begin(TestDashboard.run, [name, "other"])
            try await journal.append(migrating(name), to: TestDashboard.run)
            try await eventually("it is migrated") { try await states(visit(name, from: dashboard)) == ["done"] }
            let found = try await visit(name, from: dashboard)
            #expect((found["instance"] as? [String: Any])?["name"] as? String == name)
            let page = try await dashboard.ask("\(VisitFixture.path)/instances/\(name.percentEncoded)")
            #expect(page.status == 200 && !page.body.contains("onerror"))
        }
    }

    // MARK: In a browser

    @Test func thePageFollowsAnInstanceAndEverythingStaysText() async throws {
        let fixture = try VisitFixture()
        let name = TestDashboard.hostile
        try await TestDashboard.with(set: fixture.set) { dashboard in
            let journal = try await dashboard.begin(TestDashboard.run, [name, "bob"], plan: fixture.plan([("all", [name, "bob"])]))
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)\(VisitFixture.path)/instances/\(name.percentEncoded)")
                try await browser.wait(for: "document.querySelector('#verdict')?.innerText.includes('not begun')")
                #expect(try await browser.text("#name") == name)
                try await browser.run("window.isSamePage = true")
                try await journal.append(fixture.beginning(name) + [fixture.waiting(name)], to: TestDashboard.run)
                try await browser.wait(for: "document.querySelector('#wait')?.innerText.includes('4711')")
                #expect(try await browser.text("#wait").contains("psql <i>"))
                #expect(try await browser.text("#wait").contains(#"ann\u{202E}"#))
                #expect(try await browser.text("#current pre").contains("ALTER COLUMN charger_power"))
                #expect(try await browser.text("#steps").contains("in progress"))
                try await journal.append(
                    [Event(at: moment(5), .instanceWarned(instance: name, message: "<b>careful</b>"))] + fixture.ending(name),
                    to: TestDashboard.run
                )
                try await browser.wait(for: "document.querySelector('#verdict').innerText.includes('migrated')")
                #expect(
                    try await browser.value(
                        "document.querySelector('#wait-section').hidden && document.querySelector('#current-section').hidden"
                    )
                )
                #expect(try await browser.text("#remarks").contains("<b>careful</b>"))
                #expect(try await browser.value("document.querySelectorAll('#steps .badge.good').length") == 4)
                #expect(try await browser.value("window.isSamePage") == true)
                #expect(try await browser.value("document.querySelectorAll('img[src=x], main i, main b').length") == 0)
                // Back to the run, and from its table to the instance again.
                try await browser.click("#run-link")
                try await browser.wait(
                    for: "location.pathname === '\(VisitFixture.path)' && document.querySelectorAll('#table tbody tr').length === 2"
                )
                try await browser.type("onerror", into: "#table input[type=search]")
                try await browser.wait(for: "document.querySelectorAll('#table tbody tr').length === 1")
                try await browser.click("#table tbody th a")
                try await browser.wait(for: "document.querySelector('#name')?.innerText === \(JSONValue.string(name).line)")
                // The link moves until the facts above it are there.
                try await browser.wait(for: "document.querySelectorAll('#steps .badge.good').length === 4")
                try await browser.click("#instance-link")
                try await browser.wait(for: "location.pathname.startsWith('/instances/') && document.querySelector('#history a')")
                #expect(
                    try await browser.value("document.querySelector('#history a').getAttribute('href')")
                        == "\(VisitFixture.path)/instances/\(name.percentEncoded)".replacing("%28", with: "(").replacing("%29", with: ")")
                )
                let messages = try await browser.consoleMessages()
                #expect(messages.isEmpty, "\(messages)")
            }
            lock.release()
        }
    }

    @Test func anUnknownInstanceIsSaidToBeUnknown() async throws {
        try await TestDashboard.with { dashboard in
            try await dashboard.begin()
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)\(VisitFixture.path)/instances/nobody")
                try await browser.wait(for: "document.querySelector('#link').innerText.includes('the run has no instance with that name')")
            }
        }
    }

    @Test func theTableOfARunIsFilteredByWave() async throws {
        let fixture = try VisitFixture()
        try await TestDashboard.with(instances: ["alice", "bob", "carol"]) { dashboard in
            let journal = try await dashboard.begin(TestDashboard.run, [])
            let waves = [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "<rest>", instances: ["bob", "carol"])]
            try await journal.append(
                [Event(at: moment(), .runStarted(run: TestDashboard.run.description, fleet: "test", waves: waves))]
                    + fixture.beginning("alice", wave: "canary"),
                to: TestDashboard.run
            )
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)\(VisitFixture.path)")
                try await browser.wait(for: "document.querySelectorAll('#table tbody tr').length === 3")
                try await browser.click("#waves tbody tr:nth-child(2) a")
                try await browser.wait(for: "document.querySelectorAll('#table tbody tr').length === 2")
                let names = "[...document.querySelectorAll('#table tbody th')].map((cell) => cell.innerText)"
                #expect(try await browser.value(names) == ["bob", "carol"])
                #expect(try await browser.text("#table .hits") == "2 of 3 instances")
                try await browser.run(
                    "const field = document.querySelector('#table select[id$=wave]'); field.value = ''; field.dispatchEvent(new Event('change'))"
                )
                try await browser.wait(for: "document.querySelectorAll('#table tbody tr').length === 3")
                #expect(try await browser.value("location.pathname") == VisitFixture.path)
            }
        }
    }
}
