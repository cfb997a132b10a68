import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyDashboard

/// The pages as a browser shows them.
@Suite(.timeLimit(.minutes(3)))
struct BrowserTests {
    private let run = "/runs/\(TestDashboard.run)"

    /// What may be said of a page that is as it should be: nothing.
    private func expectSilence(_ browser: Browser) async throws {
        let messages = try await browser.consoleMessages()
        #expect(messages.isEmpty, "\(messages)")
    }

    @Test func aRunAdvancesWithoutReload() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)\(run)")
                try await browser.wait(for: "document.querySelector('#verdict')?.innerText.includes('running')")
                try await browser.run("window.isSamePage = true")
                #expect(try await browser.value("document.querySelectorAll('#grid .cell').length") == 3)
                try await journal.append(migrating("alice"), to: TestDashboard.run)
                try await browser.wait(for: "document.querySelector('#tiles')?.innerText.includes('migrated')")
                try await browser.wait(for: "document.querySelector('#events')?.innerText.includes('instance finished: alice')")
                try await browser.wait(
                    for: "[...document.querySelectorAll('#grid .cell.good')].some((cell) => cell.title.startsWith('alice'))"
                )
                try await journal.append(failing(TestDashboard.hostile, message: "<b>overflow</b>"), to: TestDashboard.run)
                try await browser.wait(for: "document.querySelector('#failures')?.innerText.includes('<b>overflow</b>')")
                try await journal.append(migrating("bob") + [Event(at: moment(9), .runFinished(status: .failed))], to: TestDashboard.run)
                lock.release()
                try await browser.wait(for: "document.querySelector('#verdict').innerText.includes('failed')")
                #expect(try await browser.value("window.isSamePage") == true)
                #expect(try await browser.value("document.querySelectorAll('button[data-action]').length") == 0)
                #expect(try await browser.value("document.querySelectorAll('img[src=x], b').length") == 0)
                try await expectSilence(browser)
            }
        }
    }

    @Test func theTableSortsAndFiltersAndANameStaysText() async throws {
        try await TestDashboard.with { dashboard in
            let journal = try await dashboard.begin()
            try await journal.append(migrating("alice") + failing(TestDashboard.hostile), to: TestDashboard.run)
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)/")
                try await browser.wait(for: "document.querySelectorAll('#table tbody tr').length === 3")
                let names = "[...document.querySelectorAll('#table tbody th')].map((cell) => cell.innerText)"
                #expect(try await browser.value(names) == [TestDashboard.hostile, "bob", "alice"])
                try await browser.click("#table button[data-column=name]")
                #expect(try await browser.value(names) == [TestDashboard.hostile, "alice", "bob"])
                try await browser.click("#table button[data-column=name]")
                #expect(try await browser.value(names) == ["bob", "alice", TestDashboard.hostile])
                try await browser.type("onerror", into: "#table input[type=search]")
                try await browser.wait(for: "document.querySelectorAll('#table tbody tr').length === 1")
                #expect(try await browser.value(names) == [TestDashboard.hostile])
                #expect(try await browser.value("document.querySelectorAll('img[src=x]').length") == 0)
                // The name leads to its own page, and is text there too.
                try await browser.click("#table tbody th a")
                try await browser.wait(
                    for: "document.querySelector('#name')?.innerText === \(JSONValue.string(TestDashboard.hostile).line)"
                )
                try await browser.wait(for: "document.querySelector('#verdict').innerText.includes('failed')")
                #expect(try await browser.value("document.querySelectorAll('img[src=x]').length") == 0)
                let title: String = try await browser.value("document.title")
                #expect(title.contains(TestDashboard.hostile))
                try await expectSilence(browser)
            }
        }
    }

    @Test func whoLogsInGetsTheButtonsAndCanActOnARun() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            try await Browser.with { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)\(run)")
                try await browser.type(TestDashboard.token, into: "#token")
                try await browser.press(.enter)
                try await browser.wait(for: "location.pathname === '\(run)' && document.querySelector('button[data-action=stop]')")
                #expect(try await browser.value("document.cookie") == "")
                try await browser.run("window.confirm = () => true")
                try await browser.click("button[data-action=stop]")
                try await eventually("the request is in the journal") {
                    try await journal.requests(of: TestDashboard.run, after: 0).map(\.kind) == [.stop]
                }
                // At once only after the reader has confirmed that.
                try await browser.run("window.confirm = (question) => { window.asked = question; return false; }")
                try await browser.click("button[data-action=stop-now]")
                try await browser.wait(for: "window.asked?.startsWith('Cancel the migrations in progress')")
                try await browser.run("window.confirm = () => true")
                #expect(try await journal.requests(of: TestDashboard.run, after: 0).count == 1)
                try await browser.click("button[data-action=stop-now]")
                try await eventually("the requests are in the journal") {
                    try await journal.requests(of: TestDashboard.run, after: 0).map(\.kind) == [.stop, .stop, .stop]
                }
                try await browser.click(".bar form button")
                try await browser.waitForPage("/login")
                try await expectSilence(browser)
            }
        }
    }

    @Test func thePageGoesOnAfterTheServerHasBeenAway() async throws {
        try await withTemporaryFolder { folder in
            try await Browser.with { browser in
                let port = TestDashboard.portToKeep()
                try await TestDashboard.with(port: port, folder: folder) { dashboard in
                    try await dashboard.begin()
                    try await browser.open("http://127.0.0.1:\(port)\(run)")
                    try await browser.wait(for: "document.querySelector('#verdict')?.innerText.includes('cut-off')")
                }
                try await browser.wait(for: "document.querySelector('#link').innerText.includes('Trying again')")
                try await TestDashboard.again(on: port, folder: folder) { dashboard in
                    let journal = try await SQLiteJournal.open(path: dashboard.journal)
                    try await journal.append(migrating("alice"), to: TestDashboard.run)
                    try await browser.wait(for: "document.querySelector('#tiles').innerText.includes('migrated')", within: .seconds(40))
                    try await browser.wait(for: "document.querySelector('#link').innerText === ''")
                }
            }
        }
    }

    @Test(arguments: [1280, 400], [Browser.Scheme.light, .dark])
    func thePagesFitTheWindow(width: Int, scheme: Browser.Scheme) async throws {
        let instances = ["alice", "bob", TestDashboard.hostile] + (0..<60).map { "team-\($0)-with-quite-a-long-name-as-people-give-them" }
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true, instances: instances) { dashboard in
            let journal = try await dashboard.begin(TestDashboard.run, instances)
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            try await journal.append(instances.prefix(30).flatMap { $0 == "bob" ? failing($0) : migrating($0) }, to: TestDashboard.run)
            try await Browser.with(width: width) { browser in
                try await browser.emulate(scheme)
                let origin = "http://127.0.0.1:\(dashboard.port)"
                try await browser.open("\(origin)/login")
                try await browser.keepScreenshot("dashboard-login-\(width)-\(scheme)")
                try await browser.type(TestDashboard.token, into: "#token")
                try await browser.press(.enter)
                try await browser.waitForPage("/")
                for (name, path) in [
                    ("fleet", "/"), ("run", run), ("runs", "/runs"), ("failures", "/failures"), ("instance", "/instances/bob"),
                    ("error", "/nowhere"),
                ] {
                    try await browser.open(origin + path)
                    if name != "error" { try await browser.wait(for: "document.documentElement.dataset.ready === 'true'") }
                    #expect(try await browser.value("document.documentElement.scrollWidth <= innerWidth"), "\(name)")
                    try await browser.keepScreenshot("dashboard-\(name)-\(width)-\(scheme)")
                }
            }
        }
    }
}
