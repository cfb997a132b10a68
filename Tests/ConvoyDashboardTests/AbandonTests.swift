import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import HTTPTypes
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Runs that no process works on, and what the dashboard offers for them: what `convoy abandon` and `convoy resume` accept.
@Suite(.timeLimit(.minutes(2)))
struct AbandonTests {
    private static let path = "/api/v1/runs/\(TestDashboard.run)"

    @Test func aRunIsAbandonedOnlyWhileNoProcessWorksOnIt() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            func post(_ action: String, _ headers: [String: String] = TestDashboard.bearer) async throws -> HTTPAnswer {
                try await dashboard.ask("\(Self.path)/\(action)", method: "POST", headers: headers)
            }
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            let early = try await post("abandon")
            #expect(early.status == 409 && early.body.contains("the run is running; stop it first"), "\(early.body)")
            let hook = HookResult(point: .beforeInstance, wave: nil, instance: "alice", duration: .zero, problem: nil, output: "")
            try await journal.append([Event(at: moment(3), .hookFinished(hook))], to: TestDashboard.run)
            lock.release()
            #expect(try await post("abandon", [:]).status == 401)
            let abandoned = try await post("abandon")
            #expect(abandoned.status == 202, "\(abandoned.body)")
            // What a hook has stopped is started by hand now.
            #expect(abandoned.body.contains("before_instance ran for alice and after_instance did not"), "\(abandoned.body)")
            let run = try #require(try await journal.runs(named: TestDashboard.run.description).first)
            #expect(run.status == .abandoned && run.abandonedBy == "dashboard (ann@host)")
            let shown = try await dashboard.ask(Self.path, headers: TestDashboard.bearer).body
            #expect(shown.contains(#""status":"abandoned""#) && shown.contains(#""actions":[]"#), "\(shown)")
            for action in ["abandon", "resume"] {
                let again = try await post(action)
                #expect(again.status == 409 && again.body.contains("the run is abandoned"), "\(again.body)")
            }
        }
    }

    @Test func aRunThatNoWorkerTakesSaysSoAndIsAbandoned() async throws {
        try await PostgresServer.shared().withDatabase { database in
            let control = ControlDatabase(database.owner)
            try await control.prepare()
            let journal = ControlJournal(control)
            try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true, database: database.owner) { dashboard in
                func ask(_ path: String, method: String = "GET") async throws -> HTTPAnswer {
                    try await dashboard.ask(path, method: method, headers: TestDashboard.bearer)
                }
                func shows(_ text: String) async throws {
                    try await eventually("the page shows \(text)") { try await ask(Self.path).body.contains(text) }
                }
                try await dashboard.begin(in: journal)
                try await database.execute(["UPDATE convoy_control.runs SET for_workers = true"])

                // A worker that lives may take it.
                let worker = WorkerRecord(id: "w1", fleet: "test", capacity: 4)
                _ = try await control.renew(worker, for: .seconds(15))
                try await shows(#""worker_shortage":null"#)
                let listed = try await ask("/api/v1/runs").body
                #expect(listed.contains(#""status":"running""#) && !listed.contains("worker_shortage"), "\(listed)")
                try await shows(#""actions":["stop","stop-now","pause"]"#)
                for action in ["abandon", "resume"] {
                    let answer = try await ask("\(Self.path)/\(action)", method: "POST")
                    #expect(answer.status == 409 && answer.body.contains("the run is running; stop it first"), "\(answer.body)")
                }

                // It does not.
                _ = try await control.renew(worker, for: .seconds(15))
                let refusal = RunStaff.Refusal(worker: "w1", reason: "its fleet file is not the same", hint: "bring the files")
                try await control.note(refusal, of: TestDashboard.run, by: "w1")
                try await shows("no worker takes part in it: worker w1: its fleet file is not the same (bring the files)")
                try await shows(#""actions":["stop","stop-now","pause","resume","abandon"]"#)
                try await control.signOff("w1")
                // Its lease is still valid; a stop would wait for a worker.
                try await database.execute([
                    """
                    INSERT INTO convoy_control.assignments (run, number, kind, subject, state, worker, lease_until)
                    VALUES ('\(TestDashboard.run)', 1, 'change', 'alice', 'claimed', 'w1', clock_timestamp() + interval '1 h')
                    """
                ])
                try await shows(#""actions":["stop","stop-now","pause"]"#)
                for action in ["abandon", "resume"] {
                    let answer = try await ask("\(Self.path)/\(action)", method: "POST")
                    let words =
                        "the run is running; no worker of its fleet is alive (start one with `convoy worker`); worker w1 still has a lease"
                    #expect(answer.status == 409 && answer.body.contains(words), "\(answer.body)")
                    #expect(!answer.body.contains("stop it first"), "\(answer.body)")
                }
                try await database.execute(["DELETE FROM convoy_control.assignments"])
                try await shows(#""worker_shortage":"no worker of its fleet is alive"#)
                let list = try await ask("/api/v1/runs").body
                #expect(list.contains(#""worker_shortage":"no worker of its fleet is alive (start one with `convoy worker`)""#), "\(list)")
                try await Browser.with { browser in
                    try await browser.open("http://127.0.0.1:\(dashboard.port)/runs")
                    try await browser.type(TestDashboard.token, into: "#token")
                    try await browser.press(.enter)
                    let words = "Run \(TestDashboard.run) waits: no worker of its fleet is alive"
                    try await browser.wait(for: "document.querySelector('#runs')?.innerText.includes('\(words)')")
                    // The words of the fleet file are no HTML.
                    #expect(try await browser.value("document.querySelectorAll('#runs p.hint a').length") == 1)
                    // Other files may count now than those that it was submitted with.
                    try await browser.open("http://127.0.0.1:\(dashboard.port)/runs/\(TestDashboard.run)")
                    try await browser.wait(for: "document.querySelector('button[data-action=resume]')")
                    try await browser.run("window.confirm = (question) => { window.asked = question; return false; }")
                    try await browser.click("button[data-action=resume]")
                    try await browser.wait(for: "window.asked?.startsWith('Submit this run again, with the fleet file')")
                }

                let abandoned = try await ask("\(Self.path)/abandon", method: "POST")
                #expect(abandoned.status == 202 && abandoned.body.contains(#""advice":null"#), "\(abandoned.body)")
                try await shows(#""status":"abandoned""#)
                let record = try await journal.runs(named: TestDashboard.run.description).first
                #expect(record?.abandonedBy == "dashboard (ann@host)")
            }
            await control.close()
        }
    }

    /// What the page says and offers, as its reader sees it.
    @Test func aReaderAbandonsARunOnlyAfterConfirming() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let hook = HookResult(point: .beforeInstance, wave: nil, instance: "alice", duration: .zero, problem: nil, output: "")
            try await journal.append([Event(at: moment(3), .hookFinished(hook))], to: TestDashboard.run)
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)/runs/\(TestDashboard.run)")
                try await browser.type(TestDashboard.token, into: "#token")
                try await browser.press(.enter)
                try await browser.wait(for: "document.querySelector('button[data-action=abandon]')")
                try await browser.run("window.confirm = (question) => { window.asked = question; return false; }")
                try await browser.click("button[data-action=abandon]")
                try await browser.wait(for: "window.asked?.startsWith('Give this run up for good?')")
                let unchanged = try await journal.runs(named: TestDashboard.run.description).first
                #expect(unchanged?.status == nil)
                try await browser.run("window.confirm = () => true")
                try await browser.click("button[data-action=abandon]")
                try await browser.wait(for: "document.querySelector('#notice').innerText.includes('after_instance did not')")
                try await browser.wait(for: "document.querySelector('#verdict').innerText.includes('abandoned')")
                try await browser.wait(for: "document.querySelectorAll('button[data-action]').length === 0")
            }
        }
    }
}
