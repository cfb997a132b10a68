import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import HTTPTypes
import TestSupport
import Testing

@testable import ConvoyDashboard

/// The dashboard on a control database: pages, live events and requests are those of a journal file.
@Suite(.timeLimit(.minutes(3)))
struct ControlDashboardTests {
    private static let path = "/api/v1/runs/\(TestDashboard.run)"

    private func with<Value: Sendable>(
        on release: PostgresServer.Release = .system,
        _ body: @Sendable (TestDashboard, ControlJournal) async throws -> Value
    ) async throws -> Value {
        try await PostgresServer.shared(release).withDatabase { database in
            let control = ControlDatabase(database.owner)
            try await control.prepare()
            let journal = ControlJournal(control)
            let value = try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true, database: database.owner) {
                try await body($0, journal)
            }
            await control.close()
            return value
        }
    }

    private func ask(_ dashboard: TestDashboard, _ path: String, method: String = "GET") async throws -> HTTPAnswer {
        try await dashboard.ask(path, method: method, headers: TestDashboard.bearer)
    }

    /// A plan whose instances are on server `eu-1`, with a gate that an operator must approve.
    private var plan: RunPlan {
        let planned = instances("alice@eu-1 bob@eu-1").map(RunPlan.PlannedInstance.init)
        let gate = RunPlan.GateTerms(Gate(approve: true))
        let wave = RunPlan.Wave(name: "all", instances: planned, gate: gate)
        return RunPlan(fleet: "test", generatedAt: moment(), change: .up(to: nil), waves: [wave])
    }

    private func record(in journal: any RunStore, of dashboard: TestDashboard) async throws {
        try await dashboard.begin(in: journal)
        let end = Event(at: moment(9), .runFinished(status: .failed))
        try await journal.append(migrating("alice") + failing("bob") + [end], to: TestDashboard.run)
    }

    /// What a dashboard answers of a run that is over and depends on no clock.
    private func answers(of dashboard: TestDashboard) async throws -> [String] {
        // What it has read is up to a second old.
        try await eventually("the dashboard has the run's failure") {
            try await ask(dashboard, Self.path + "/failures").body.contains("numeric field overflow")
        }
        var answers: [String] = []
        for part in ["/failures", "/migrations", "/events?follow=false&after=0"] {
            let answer = try await ask(dashboard, Self.path + part)
            answers.append("\(part): \(answer.status) \(answer.body)")
        }
        return answers
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aRunIsShownAsFromAFile(_ release: PostgresServer.Release) async throws {
        let fromFile = try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await SQLiteJournal.open(path: dashboard.journal)
            try await record(in: journal, of: dashboard)
            return try await answers(of: dashboard)
        }
        let fromControl = try await with(on: release) { dashboard, journal in
            try await record(in: journal, of: dashboard)
            return try await answers(of: dashboard)
        }
        #expect(fromControl == fromFile)
        #expect(fromFile.first?.contains("numeric field overflow") == true)
    }

    @Test func everyPageIsThere() async throws {
        try await with { dashboard, journal in
            // Before the first run there is nothing, which is not a problem.
            #expect(try await ask(dashboard, "/api/v1/runs").body.contains(#""runs":[]"#))
            #expect(try await ask(dashboard, "/").status == 200)
            try await record(in: journal, of: dashboard)
            try await dashboard.compare(headers: TestDashboard.bearer)
            for route in dashboard.routes where route.method == .get {
                if case .open = route.access { continue }
                let path = TestDashboard.path(of: route)
                let answer = try await ask(dashboard, path + (path.hasSuffix("/events") ? "?follow=false" : ""))
                #expect(answer.status == 200, "\(path): \(answer.body)")
            }
            #expect(try await ask(dashboard, "/api/v1/fleet").body.contains(#""run_status":"failed""#))
        }
    }

    // MARK: Live

    private func numbers(_ connection: HTTPConnection) -> [Int64] {
        let text = connection.received.replacing("\r\n", with: "\n")
        return text.matches(of: #/id: ([0-9]+)\ndata: \{[^\n]*\}\n\n/#).compactMap { Int64($0.1) }
    }

    private func open(_ dashboard: TestDashboard, after number: Int64 = 0) throws -> HTTPConnection {
        let connection = try HTTPConnection(port: dashboard.port)
        try connection.send(
            "GET \(Self.path)/events HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\nAccept: text/event-stream\r\n"
                + "Authorization: Bearer \(TestDashboard.token)\r\nLast-Event-ID: \(number)\r\n\r\n"
        )
        return connection
    }

    /// Another process records the run, and another run beside it.
    @Test func eventsComeWhileTheyAreRecordedElsewhere() async throws {
        try await with { dashboard, journal in
            try await dashboard.begin(in: journal)
            let other = RunID("20261122T100001Z-bbbbbb")
            try await dashboard.begin(other, in: journal)
            let connection = try open(dashboard)
            try await eventually("it follows") { numbers(connection) == [1, 2] }
            for number in 0..<30 {
                try await journal.append([Event(at: moment(), .windowOpened)], to: other)
                let event = Event(at: moment(), .instanceWarned(instance: "alice", message: "warning \(number)"))
                try await journal.append([event], to: TestDashboard.run)
            }
            try await eventually("all of them have come", within: .seconds(30)) { numbers(connection) == Array(1...32) }
            connection.close()
            // Whoever connects again gets the rest.
            let again = try open(dashboard, after: 30)
            try await journal.append([Event(at: moment(9), .runFinished(status: .interrupted))], to: TestDashboard.run)
            try await eventually("the stream ends with the run", within: .seconds(30)) { again.received.hasSuffix("\r\n0\r\n\r\n") }
            #expect(numbers(again) == [31, 32, 33])
            again.close()
        }
    }

    /// A role that may write rows says that a run has far more events than it has.
    @Test func theJournalsCountOfEventsKeepsNoPageFromBeingUpToDate() async throws {
        try await with { dashboard, journal in
            try await dashboard.begin(in: journal)
            let path = Self.path + "/instances/alice"
            #expect(try await ask(dashboard, path).status == 200)
            for count in ["9007199254740991", "2"] {
                _ = try await journal.control.transaction { transaction throws(ControlError) in
                    try await transaction.query("UPDATE convoy_control.runs SET last_event = \(count)")
                }
                // Read anew: what is shown may be a little older.
                try await Task.sleep(for: .milliseconds(300))
                #expect(try await ask(dashboard, path).status == 200)
            }
            let warning = Event(at: moment(3), .instanceWarned(instance: "alice", message: "a warning that is new"))
            try await journal.append([warning], to: TestDashboard.run)
            try await eventually("the event is shown") { try await ask(dashboard, path).body.contains("a warning that is new") }
        }
    }

    // MARK: Requests

    @Test(arguments: PostgresServer.Release.tested)
    func whatIsAskedOfARunReachesItsJournal(_ release: PostgresServer.Release) async throws {
        try await with(on: release) { dashboard, journal in
            let plan = plan
            try await dashboard.begin(plan: plan, in: journal)
            // No process works on it: it was cut off.
            #expect(try await ask(dashboard, Self.path + "/stop", method: "POST").status == 409)
            #expect(try await ask(dashboard, Self.path).body.contains(#""actions":["resume","abandon"]"#))
            let lock = try await journal.lock(TestDashboard.run)
            try await journal.append([Event(at: moment(2), .gateOpened(wave: "all"))], to: TestDashboard.run)
            try await eventually("the gate is shown") {
                try await ask(dashboard, Self.path).body.contains(#""actions":["stop","stop-now","approve","pause"]"#)
            }
            for (action, status) in [("approve", 202), ("pause?server=eu-1", 202), ("pause?server=us-1", 400), ("resume", 409)] {
                let answer = try await ask(dashboard, "\(Self.path)/\(action)", method: "POST")
                #expect(answer.status == status, "\(action): \(answer.body)")
            }
            let paused = Event(at: moment(3), .serverPaused(server: "eu-1", by: "dashboard (ann@host)"))
            try await journal.append([paused], to: TestDashboard.run)
            try await eventually("the pause is shown") {
                try await ask(dashboard, Self.path).body.contains(#""paused_servers":["eu-1"]"#)
            }
            for action in ["unpause?server=eu-1", "stop"] {
                let answer = try await ask(dashboard, "\(Self.path)/\(action)", method: "POST")
                #expect(answer.status == 202, "\(action): \(answer.body)")
            }
            let requests = try await journal.requests(of: TestDashboard.run, after: 0)
            #expect(requests.map(\.kind) == [.approve(wave: "all"), .pause(server: "eu-1"), .unpause(server: "eu-1"), .stop])
            #expect(requests.allSatisfy { $0.by == "dashboard (ann@host)" })
            try await journal.append([Event(at: moment(9), .runFinished(status: .succeeded))], to: TestDashboard.run)
            await lock.release()
            try await eventually("the end is shown") { try await ask(dashboard, Self.path).body.contains(#""status":"succeeded""#) }
            #expect(try await ask(dashboard, Self.path + "/stop", method: "POST").status == 409)
        }
    }
}
