import ConvoyJournal
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyDashboard

/// The pages of a fleet with releases, of a run and of an instance of it, in the sizes and schemes in which they are read.
@Suite(.timeLimit(.minutes(3)))
struct DrillDownScreenTests {
    private static let names = ["alice", "bob", "carol"] + (0..<40).map { "team-\($0)-with-quite-a-long-name-as-people-give-them" }

    /// Instances at several releases, and what their probe found.
    private func findings(_ set: MigrationSet) -> ProbeFindings {
        let statuses = Self.names.enumerated().map { index, name in
            let left = [0, 0, 1, 4, 12][index % 5]
            let version = set.migrations.dropLast(left).last?.version
            return InstanceStatus(
                name: name,
                server: index % 2 == 0 ? "eu-1" : "eu-2",
                database: "teslamate",
                labels: ["ring": index == 0 ? "canary" : "rest"],
                outcome: left == 0 ? .upToDate : .pending,
                version: version,
                pending: set.migrations.suffix(left).map(\.version),
                serverVersion: "17.2",
                lastMigratedAt: moment(-86_400)
            )
        }
        let cohorts = Dictionary(uniqueKeysWithValues: statuses.map { ($0.name, "\($0.version?.description ?? "none")-0a1b2c3d") })
        return ProbeFindings(statuses: statuses, cohorts: cohorts)
    }

    private func events(_ fixture: VisitFixture) -> [Event] {
        let failed = failing(
            "carol",
            message: "numeric field overflow in a message that is long enough to need more than one line of a telephone"
        )
        let building = Event.Kind.instanceProgress(
            instance: "team-3-with-quite-a-long-name-as-people-give-them",
            activity: ServerActivity(
                command: "CREATE INDEX CONCURRENTLY",
                relation: "positions",
                phase: "building index: scanning table",
                done: 430_000,
                total: 1_000_000
            )
        )
        let warning = "TeslaMate is connected: the migration waits for its transactions"
        var events: [Event] = fixture.beginning("alice", wave: "canary")
        events += fixture.ending("alice")
        events += [Event(at: moment(8), .waveFinished(wave: "canary")), Event(at: moment(8), .waveStarted(wave: "rest"))]
        events += fixture.beginning("bob", wave: "rest")
        events.append(fixture.waiting("bob"))
        events += failed
        events.append(Event(at: moment(5), .instanceWarned(instance: "bob", message: warning)))
        for name in Self.names.dropFirst(3).prefix(20) { events += fixture.beginning(name, wave: "rest") }
        events.append(Event(at: moment(9), building))
        return events
    }

    @Test(arguments: [1280, 400], [Browser.Scheme.light, .dark])
    func thePagesFitTheWindowAndCanBeRead(width: Int, scheme: Browser.Scheme) async throws {
        let fixture = try VisitFixture()
        let schedule = try #require(ProbeSchedule(every: .seconds(300), chance: 0))
        try await TestDashboard.with(
            token: TestDashboard.token,
            isAllowedToAct: true,
            instances: Self.names,
            findings: findings(fixture.set),
            schedule: schedule,
            set: fixture.set
        ) { dashboard in
            let waves = [(name: "canary", instances: ["alice"]), (name: "rest", instances: Array(Self.names.dropFirst()))]
            let journal = try await dashboard.begin(TestDashboard.run, [], plan: fixture.plan(waves, isImmediate: true))
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            let planned = waves.map { PlannedWave(name: $0.name, instances: $0.instances) }
            try await journal.append(
                [Event(at: moment(), .runStarted(run: TestDashboard.run.description, fleet: "test", waves: planned))] + events(fixture),
                to: TestDashboard.run
            )
            try await Browser.with(width: width) { browser in
                try await browser.emulate(scheme)
                let origin = "http://127.0.0.1:\(dashboard.port)"
                try await browser.open("\(origin)/login")
                try await browser.type(TestDashboard.token, into: "#token")
                try await browser.press(.enter)
                try await browser.wait(for: "document.querySelector('#probe-state')?.innerText.startsWith('Probed')")
                let pages: [(String, String, String)] = [
                    ("releases", "/", "document.querySelector('#facts').innerText.includes('every 5 min')"),
                    ("run-now", VisitFixture.path, "document.querySelector('#facts').innerText.includes('--now')"),
                    ("visit-waiting", "\(VisitFixture.path)/instances/bob", "document.querySelector('#wait').innerText.includes('4711')"),
                    (
                        "visit-failed", "\(VisitFixture.path)/instances/carol",
                        "document.querySelector('#failure').innerText.includes('22003')"
                    ),
                    (
                        "visit-building", "\(VisitFixture.path)/instances/team-3-with-quite-a-long-name-as-people-give-them",
                        "document.querySelector('#current').innerText.includes('43 %')"
                    ),
                    ("visit-done", "\(VisitFixture.path)/instances/alice", "document.querySelectorAll('#steps .badge.good').length === 4"),
                    (
                        "visit-to-come", "\(VisitFixture.path)/instances/\(Self.names[30])",
                        "document.querySelector('#steps').innerText.includes('to come')"
                    ),
                ]
                for (name, path, shown) in pages {
                    try await browser.open(origin + path)
                    try await browser.wait(for: "document.documentElement.dataset.ready === 'true' && \(shown)")
                    #expect(try await browser.value("document.documentElement.scrollWidth <= innerWidth"), "\(name)")
                    try await browser.keepScreenshot("drill-down-\(name)-\(width)-\(scheme)")
                }
                let messages = try await browser.consoleMessages()
                #expect(messages.isEmpty, "\(messages)")
            }
        }
    }
}
