import ConvoyJournal
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import HTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Who may do what, over real sockets.
@Suite(.timeLimit(.minutes(2)))
struct RoleTests {
    private static let people = ["ann": "operator", "bea": "approver", "cleo": "viewer", "dora": "operator,approver"]

    private static func token(_ name: String) -> String { "\(name)-has-a-long-token" }
    private static func bearer(_ name: String) -> [String: String] { ["Authorization": "Bearer \(token(name))"] }
    private static func file(_ names: [String] = people.keys.sorted()) -> String {
        names.map { "\($0) \(people[$0] ?? "viewer") \(token($0))\n" }.joined()
    }

    /// What a browser sends back after it has logged in, and the secret that its pages know.
    private func session(_ name: String, _ dashboard: TestDashboard) async throws -> [String: String] {
        let answer = try await dashboard.ask("/login", method: "POST", body: "next=%2F&token=\(Self.token(name))")
        let set = try #require(answer.header("Set-Cookie"), "\(answer.body)")
        let cookie = ["Cookie": String(set.prefix { $0 != ";" })]
        let page = try await dashboard.ask("/", headers: cookie).body
        let csrf = try #require(page.firstMatch(of: #/<meta name="csrf" content="([0-9a-f]{64})">/#)?.1)
        return cookie.merging(["X-Convoy-CSRF": String(csrf)]) { $1 }
    }

    @Test(arguments: [
        ("ann", true, false), ("bea", false, true), ("cleo", false, false), ("dora", true, true),
    ])
    func aRoleDoesItsOwnAndNothingElse(name: String, operates: Bool, approves: Bool) async throws {
        try await TestDashboard.with(tokens: Self.file(), isAllowedToAct: true) { dashboard in
            try await dashboard.begin()
            try await dashboard.compare(headers: Self.bearer("ann"))
            for headers in [Self.bearer(name), try await session(name, dashboard)] {
                for route in dashboard.routes {
                    let path = TestDashboard.path(of: route)
                    switch route.access {
                    case .open: continue
                    case .reader where route.method == .get:
                        let answer = try await dashboard.ask(path + (path.hasSuffix("/events") ? "?follow=false" : ""), headers: headers)
                        #expect(answer.status == 200, "\(path)")
                    case .reader: continue
                    case .change(let role):
                        let isAllowed = role == .operator ? operates : approves
                        #expect(role == (path.hasSuffix("/approve") ? .approver : .operator), "\(path)")
                        let answer = try await dashboard.ask(path, method: "POST", headers: headers)
                        // The run was cut off, so that what is allowed makes no sense now.
                        #expect(isAllowed ? [202, 303, 409].contains(answer.status) : answer.status == 403, "\(path): \(answer.status)")
                        if !isAllowed {
                            #expect(answer.body.contains("this requires the role \(role.rawValue); your token has: "), "\(answer.body)")
                            let type = route.audience == .people ? "text/html; charset=utf-8" : "application/problem+json"
                            #expect(answer.header("Content-Type") == type)
                        }
                    }
                }
            }
        }
    }

    @Test func aPageShowsWhoItIsAndOnlyWhatTheRoleMayDo() async throws {
        try await TestDashboard.with(tokens: Self.file(), isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            try await journal.append([Event(at: moment(2), .gateOpened(wave: "all"))], to: TestDashboard.run)
            let expected = [
                ("ann", #"["stop","stop-now","pause"]"#, #"["probe"]"#), ("bea", #"["approve"]"#, "[]"), ("cleo", "[]", "[]"),
                ("dora", #"["stop","stop-now","approve","pause"]"#, #"["probe"]"#),
            ]
            for (name, ofRun, ofFleet) in expected {
                let session = try await session(name, dashboard)
                let run = try await dashboard.ask("/api/v1/runs/\(TestDashboard.run)", headers: session).body
                #expect(run.contains("\"actions\":\(ofRun)"), "\(name): \(run)")
                #expect(try await dashboard.ask("/api/v1/fleet", headers: session).body.contains("\"actions\":\(ofFleet)"), "\(name)")
                let roles = try #require(Self.people[name]).replacing(",", with: ", ")
                #expect(try await dashboard.ask("/runs", headers: session).body.contains("<p class=\"who\">\(name) (\(roles))</p>"))
            }
            #expect(try await !dashboard.ask("/login").body.contains("class=\"who\""))
        }
    }

    @Test func theJournalKeepsWhoHasAsked() async throws {
        try await TestDashboard.with(tokens: Self.file(), isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            let path = "/api/v1/runs/\(TestDashboard.run)"
            #expect(try await dashboard.ask("\(path)/stop", method: "POST", headers: Self.bearer("cleo")).status == 403)
            #expect(try await dashboard.ask("\(path)/stop", method: "POST", headers: Self.bearer("ann")).status == 202)
            #expect(
                try await dashboard.ask("\(path)/stop-now", method: "POST", headers: try await session("dora", dashboard)).status == 202
            )
            let requests = try await journal.requests(of: TestDashboard.run, after: 0)
            #expect(requests.map(\.by) == ["ann", "dora", "dora"].map { "\($0) via dashboard (ann@host)" })
            try await journal.append(
                [
                    Event(at: moment(3), .approved(wave: "all", by: "bea via dashboard (ann@host)")),
                    Event(at: moment(4), .serverPaused(server: "eu-1", by: "ann via dashboard (ann@host)")),
                ],
                to: TestDashboard.run
            )
            try await eventually("the page shows who it was") {
                let run = try await dashboard.ask(path, headers: Self.bearer("cleo")).body
                return run.contains(
                    #""paused_by":{"eu-1":"ann via dashboard (ann@host)"},"approved_by":{"all":"bea via dashboard (ann@host)"}"#
                )
            }
        }
    }

    /// However often a viewer logs in, and whatever it shows: there are places for the others.
    @Test func theEventStreamsOfOneNameLeavePlacesForOthers() async throws {
        try await TestDashboard.with(tokens: Self.file()) { dashboard in
            try await dashboard.begin()
            let path = "/api/v1/runs/\(TestDashboard.run)/events"
            var shown: [[String: String]] = [Self.bearer("cleo")]
            for _ in 0..<3 { shown.append(try await session("cleo", dashboard)) }
            var streams: [HTTPConnection] = []
            for number in 0..<FollowerCount.share {
                let stream = try HTTPConnection(port: dashboard.port)
                let headers = shown[number % shown.count].map { "\($0.key): \($0.value)\r\n" }.joined()
                try stream.send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\n\(headers)\r\n")
                streams.append(stream)
            }
            try await eventually("all of them follow") { streams.allSatisfy { $0.received.contains("wave_started") } }
            for headers in shown { #expect(try await dashboard.ask(path + "?follow=false", headers: headers).status == 503) }
            #expect(try await dashboard.ask(path + "?follow=false", headers: Self.bearer("ann")).status == 200)
            for stream in streams { stream.close() }
        }
    }

    @Test func aRoleDoesNotReplaceTheSwitchOfTheServer() async throws {
        try await TestDashboard.with(tokens: Self.file()) { dashboard in
            try await dashboard.begin()
            let path = "/api/v1/runs/\(TestDashboard.run)/stop"
            #expect(try await dashboard.ask(path, method: "POST", headers: Self.bearer("ann")).status == 404)
            #expect(try await dashboard.ask("/api/v1/probe", method: "POST", headers: Self.bearer("ann")).status == 202)
            #expect(try await dashboard.ask("/api/v1/probe", method: "POST", headers: Self.bearer("cleo")).status == 403)
        }
    }

    // MARK: Reading the file again

    /// What a file of tokens says at the moment.
    private final class CurrentFile: Sendable {
        let text = Mutex("")
        var read: @Sendable () throws(ServeProblem) -> TokenList {
            { [self] () throws(ServeProblem) in
                do {
                    return try TokenFile.parse(text.withLock(\.self), file: "tokens")
                } catch {
                    throw ServeProblem("the file is wrong")
                }
            }
        }
    }

    @Test func aSessionEndsWithItsToken() throws {
        var list = try [("ann", Role.operator), ("cleo", .viewer)].map { name, role in try holder(name, role) }
        let access = AccessControl(TokenList(list))
        func status(_ cookie: String) -> String {
            do throws(AccessControl.Refusal) {
                let reader = try access.reader(cookie: cookie, authorization: nil, from: "a", at: moment(1))
                return reader.holder?.title ?? "nobody"
            } catch {
                return "\(error)"
            }
        }
        let sessions = ["ann", "cleo"].compactMap { try? access.logIn(Self.token($0), from: "a", at: moment()) }
        #expect(sessions.map { status($0.id) } == ["ann (operator)", "cleo (viewer)"])
        let reader = try? access.reader(cookie: nil, authorization: "Bearer \(Self.token("cleo"))", from: "a", at: moment(1))
        #expect(reader.map { access.isCurrent($0, at: moment(1)) } == true)
        // Another role holds at once, and without the token there is nothing.
        list = [try holder("ann", .viewer)]
        access.accept(TokenList(list))
        #expect(sessions.map { status($0.id) } == ["ann (viewer)", "notLoggedIn"])
        #expect(reader.map { access.isCurrent($0, at: moment(1)) } == false)
        // One that comes back does not bring the session back.
        access.accept(TokenList(list + [try holder("cleo", .viewer)]))
        #expect(sessions.map { status($0.id) } == ["ann (viewer)", "notLoggedIn"])
        #expect(throws: AccessControl.Refusal.wrongToken) { try access.logIn(Self.token("eve"), from: "a", at: moment()) }
    }

    private func holder(_ name: String, _ role: Role) throws -> TokenHolder {
        TokenHolder(name: name, roles: [role], token: try AccessToken(Self.token(name)))
    }

    @Test func aStreamEndsWithItsToken() async throws {
        let file = CurrentFile()
        try await TestDashboard.with(tokens: Self.file(), readTokens: file.read) { dashboard in
            try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            let stream = try HTTPConnection(port: dashboard.port)
            try stream.send(
                "GET /api/v1/runs/\(TestDashboard.run)/events HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\nConnection: close\r\n"
                    + "Authorization: Bearer \(Self.token("cleo"))\r\n\r\n"
            )
            try await eventually("it follows the run") { stream.received.contains("wave_started") }
            file.text.withLock { $0 = "nonsense\n" }
            await dashboard.reload()
            #expect(try await dashboard.ask("/api/v1/fleet", headers: Self.bearer("cleo")).status == 200)
            file.text.withLock { $0 = Self.file(["ann", "bea"]) }
            await dashboard.reload()
            try await eventually("the stream ends") { stream.isOver }
            #expect(try await dashboard.ask("/api/v1/fleet", headers: Self.bearer("cleo")).status == 401)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: Self.bearer("ann")).status == 200)
        }
    }
}
