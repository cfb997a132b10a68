import ConvoyJournal
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import HTTPTypes
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Who gets what, over real sockets.
@Suite(.timeLimit(.minutes(2)))
struct AccessTests {
    /// With events, a stream would not end.
    private func address(of route: Route) -> String {
        TestDashboard.path(of: route) + (route.path.hasSuffix("/events") ? "?follow=false" : "")
    }

    @Test func everyAnswerCarriesTheHeadersThatKeepItHarmless() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            try await dashboard.begin()
            var answers: [(String, HTTPAnswer)] = []
            for route in dashboard.routes {
                for headers in [[:], TestDashboard.bearer] {
                    answers.append(
                        (route.path, try await dashboard.ask(address(of: route), method: route.method.rawValue, headers: headers))
                    )
                }
            }
            answers.append(("nowhere", try await dashboard.ask("/nowhere")))
            answers.append(("another method", try await dashboard.ask("/", method: "DELETE")))
            answers.append(("another host", try await dashboard.ask("/", headers: ["Host": "evil.example"])))
            #expect(answers.count > 50)
            for (path, answer) in answers {
                let policy = answer.header("Content-Security-Policy") ?? ""
                #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "\(path)")
                #expect(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"), "\(path)")
                #expect(answer.header("X-Content-Type-Options") == "nosniff", "\(path)")
                #expect(answer.header("X-Frame-Options") == "DENY", "\(path)")
                #expect(answer.header("Referrer-Policy") == "same-origin", "\(path)")
                #expect(answer.header("Cross-Origin-Opener-Policy") == "same-origin", "\(path)")
                #expect(answer.header("Cross-Origin-Resource-Policy") == "same-origin", "\(path)")
                #expect(answer.header("Access-Control-Allow-Origin") == nil, "\(path)")
                #expect(answer.header("Cache-Control")?.contains(path.hasPrefix("/assets/") ? "immutable" : "no-store") == true, "\(path)")
                #expect(!answer.body.contains("a secret of the fleet file"), "\(path)")
            }
        }
    }

    @Test func withoutTheTokenOnlyWhatTellsNothingIsAnswered() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            try await dashboard.begin()
            for route in dashboard.routes where route.access != .open {
                for headers in [
                    [:], ["Authorization": "Bearer wrong"], ["Cookie": "convoy_session_\(dashboard.port)=wrong"],
                    ["Authorization": "Basic \(TestDashboard.token)"],
                ] {
                    let answer = try await dashboard.ask(address(of: route), method: route.method.rawValue, headers: headers)
                    #expect([401, 303, 429].contains(answer.status), "\(route.path) \(headers)")
                    #expect(!answer.body.contains("alice"), "\(route.path)")
                    if answer.status == 303 {
                        // Nobody is sent to what only takes another method.
                        let location = route.method == .get ? "/login?next=" + address(of: route).percentEncoded : "/login"
                        #expect(answer.header("Location") == location, "\(route.path)")
                    }
                }
            }
            // The fleet's name is not told either.
            #expect(try await !dashboard.ask("/login").body.contains("test"))
        }
    }

    @Test func withTheTokenEverythingIsAnswered() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            try await dashboard.begin()
            try await dashboard.compare(headers: TestDashboard.bearer)
            for route in dashboard.routes where route.method == .get {
                let answer = try await dashboard.ask(address(of: route), headers: TestDashboard.bearer)
                #expect(answer.status == 200, "\(route.path): \(answer.body.prefix(200))")
                let head = try await dashboard.ask(address(of: route), method: "HEAD", headers: TestDashboard.bearer)
                #expect(head.status == 200 && head.body.isEmpty, "\(route.path)")
            }
        }
    }

    @Test func methodsThatAPathDoesNotHaveAreNamed() async throws {
        try await TestDashboard.with { dashboard in
            let answer = try await dashboard.ask("/api/v1/fleet", method: "DELETE")
            #expect(answer.status == 405)
            #expect(answer.header("Allow") == "GET, HEAD")
            #expect(answer.header("Content-Type") == "application/problem+json")
            #expect(try await dashboard.ask("/login", method: "PUT").header("Allow") == "GET, HEAD, POST")
        }
    }

    @Test func aForeignNameIsRefusedWhateverItAsks() async throws {
        try await TestDashboard.with(token: TestDashboard.token, allowedHosts: ["convoy.example.org"]) {
            (dashboard: TestDashboard) async throws in
            for host in ["evil.example", "evil.example:\(dashboard.port)", "127.0.0.1:1"] {
                #expect(try await dashboard.ask("/api/v1/fleet", headers: ["Host": host]).status == 421)
                let page = try await dashboard.ask("/", headers: ["Host": host])
                #expect(page.status == 421)
                #expect(!page.body.contains("test"))
            }
            for host in ["localhost:\(dashboard.port)", "[::1]:\(dashboard.port)", "convoy.example.org"] {
                let headers = TestDashboard.bearer.merging(["Host": host]) { $1 }
                #expect(try await dashboard.ask("/api/v1/fleet", headers: headers).status == 200)
            }
        }
    }

    // MARK: Browsers

    private func logIn(_ dashboard: TestDashboard, _ token: String, _ headers: [String: String] = [:]) async throws -> HTTPAnswer {
        try await dashboard.ask("/login", method: "POST", headers: headers, body: "next=%2Fruns&token=\(token)")
    }

    /// What the browser sends back, and the secret that its pages know.
    private func session(_ dashboard: TestDashboard) async throws -> (cookie: [String: String], csrf: String) {
        let set = try #require(try await logIn(dashboard, TestDashboard.token).header("Set-Cookie"))
        let cookie = ["Cookie": String(set.prefix { $0 != ";" })]
        let page = try await dashboard.ask("/", headers: cookie).body
        let csrf = try #require(page.firstMatch(of: #/<meta name="csrf" content="([0-9a-f]{64})">/#)?.1)
        return (cookie, String(csrf))
    }

    @Test func aBrowserLogsInAndOut() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let wrong = try await logIn(dashboard, "wrong-wrong-wrong-wrong")
            #expect(wrong.status == 401)
            #expect(wrong.header("Set-Cookie") == nil)
            #expect(wrong.body.contains("invalid token"))
            let right = try await logIn(dashboard, TestDashboard.token)
            #expect(right.status == 303)
            #expect(right.header("Location") == "/runs")
            let cookie = try #require(right.header("Set-Cookie"))
            #expect(
                cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict") && cookie.contains("; Path=/")
                    && !cookie.contains("Secure")
            )
            #expect(!cookie.contains(TestDashboard.token))
            let forwarded = try await logIn(dashboard, TestDashboard.token, ["X-Forwarded-Proto": "https"])
            #expect(forwarded.header("Set-Cookie")?.contains("; Secure") == true)

            let (session, csrf) = try await session(dashboard)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: session).status == 200)
            #expect(try await dashboard.ask("/logout", method: "POST", headers: session, body: "csrf=wrong").status == 403)
            #expect(try await dashboard.ask("/logout", method: "POST", headers: session, body: "csrf=\(csrf)").status == 303)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: session).status == 401)
        }
    }

    @Test func afterTooManyWrongTokensOnlyTheRightOneNeedsNotWait() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let (session, _) = try await session(dashboard)
            for _ in 0..<AttemptLimit.failures { #expect(try await logIn(dashboard, "wrong-wrong-wrong-wrong").status == 401) }
            let shutOut = try await logIn(dashboard, "wrong-wrong-wrong-wrong")
            #expect(shutOut.status == 429)
            #expect(shutOut.header("Retry-After") != nil)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: ["Authorization": "Bearer wrong"]).status == 429)
            // Behind a proxy, everybody comes from the address of those who try.
            #expect(try await dashboard.ask("/api/v1/fleet", headers: session).status == 200)
            #expect(try await dashboard.ask("/api/v1/fleet", headers: TestDashboard.bearer).status == 200)
            #expect(try await logIn(dashboard, TestDashboard.token).status == 303)
        }
    }

    @Test func thePasswordOfAProxyInFrontIsNotTakenForTheToken() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let (session, _) = try await session(dashboard)
            let proxy = ["Authorization": "Basic YW5uOnNlY3JldA=="]
            for _ in 0...AttemptLimit.failures {
                #expect(try await dashboard.ask("/api/v1/fleet", headers: session.merging(proxy) { $1 }).status == 200)
                #expect(try await dashboard.ask("/", headers: proxy).status == 303)
            }
            #expect(try await logIn(dashboard, "wrong-wrong-wrong-wrong", proxy).status == 401)
        }
    }

    @Test func aForeignPageCannotChangeAnythingWithAReadersSession() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let (session, csrf) = try await session(dashboard)
            func post(_ headers: [String: String]) async throws -> Int {
                try await dashboard.ask("/api/v1/probe", method: "POST", headers: session.merging(headers) { $1 }).status
            }
            let ours = "http://127.0.0.1:\(dashboard.port)"
            #expect(try await post([:]) == 403)
            #expect(try await post(["X-Convoy-CSRF": "wrong"]) == 403)
            #expect(try await post(["X-Convoy-CSRF": csrf, "Origin": "https://evil.example"]) == 403)
            #expect(try await post(["X-Convoy-CSRF": csrf, "Origin": "null"]) == 403)
            #expect(try await post(["X-Convoy-CSRF": csrf, "Sec-Fetch-Site": "cross-site"]) == 403)
            #expect(try await post(["X-Convoy-CSRF": csrf, "Origin": ours, "Sec-Fetch-Site": "same-origin"]) == 202)
            // A page cannot make a browser send the token itself, so programs need no more than that.
            #expect(try await dashboard.ask("/api/v1/probe", method: "POST", headers: TestDashboard.bearer).status == 202)
            #expect(try await logIn(dashboard, TestDashboard.token, ["Origin": "https://evil.example"]).status == 403)
        }
    }

    @Test func withoutATokenAForeignPageCannotChangeAnythingEither() async throws {
        try await TestDashboard.with { (dashboard: TestDashboard) async throws in
            func post(_ headers: [String: String]) async throws -> Int {
                try await dashboard.ask("/api/v1/probe", method: "POST", headers: headers).status
            }
            // What a form or a script of a foreign page sends without being asked about first.
            #expect(try await post([:]) == 403)
            #expect(try await post(["Content-Type": "text/plain"]) == 403)
            #expect(try await post(["X-Convoy-CSRF": "1", "Origin": "https://evil.example"]) == 403)
            #expect(try await dashboard.ask("/api/v1/probe", method: "OPTIONS", headers: ["Origin": "https://evil.example"]).status == 405)
            #expect(try await post(["X-Convoy-CSRF": "1"]) == 202)
        }
    }

    @Test func aTooLongFormAndTooManyHeadersAreRefused() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            let answer = try await dashboard.ask("/login", method: "POST", body: "token=" + String(repeating: "x", count: 5000))
            #expect(answer.status == 413)
            let many = Dictionary(uniqueKeysWithValues: (0..<150).map { ("X-\($0)", "x") })
            #expect(try await dashboard.ask("/login", headers: many).status == 400)
        }
    }

    @Test func nothingOutsideTheProgramIsServed() async throws {
        try await TestDashboard.with { (dashboard: TestDashboard) async throws in
            for path in [
                "/assets/../Package.swift", "/assets/..%2F..%2Fetc%2Fpasswd", "/assets/%2e%2e/x", "/assets/", "/assets", "//etc/passwd",
                "/assets/page.js",
            ] {
                #expect(try await dashboard.ask(path).status == 404, "\(path)")
            }
        }
    }

    // MARK: Actions

    @Test func nobodyActsUnlessThatIsAllowed() async throws {
        try await TestDashboard.with(token: TestDashboard.token) { dashboard in
            try await dashboard.begin()
            for action in RunControl.Action.allCases {
                let path = "/api/v1/runs/\(TestDashboard.run)/\(action.name)"
                #expect(try await dashboard.ask(path, method: "POST", headers: TestDashboard.bearer).status == 404, "\(action)")
            }
            let run = try await dashboard.ask("/api/v1/runs/\(TestDashboard.run)", headers: TestDashboard.bearer)
            #expect(run.body.contains(#""actions":[]"#))
        }
    }

    @Test func aRunThatWasHaltedForGoodIsNotResumed() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let (run, other) = (TestDashboard.run, RunID("20261122T110000Z-bbbbbb"))
            let journal = try await dashboard.begin()
            try await journal.append(
                [Event(at: moment(8), .halted(.nothingReached(wave: "all"))), Event(at: moment(9), .runFinished(status: .halted))],
                to: run
            )
            #expect(try await dashboard.ask("/api/v1/runs/\(run)", headers: TestDashboard.bearer).body.contains(#""actions":["abandon"]"#))
            let answer = try await dashboard.ask("/api/v1/runs/\(run)/resume", method: "POST", headers: TestDashboard.bearer)
            #expect(answer.status == 409)
            #expect(answer.body.contains("cannot be resumed"), "\(answer.body)")
            // What can be mended is tried again.
            try await dashboard.begin(other)
            let gate = HaltReason.gateFailed(wave: "all", reason: "a check")
            try await journal.append([Event(at: moment(8), .halted(gate)), Event(at: moment(9), .runFinished(status: .halted))], to: other)
            let again = try await dashboard.ask("/api/v1/runs/\(other)", headers: TestDashboard.bearer)
            #expect(again.body.contains(#""actions":["resume","abandon"]"#), "\(again.body)")
        }
    }

    @Test func whatIsAskedOfARunIsLeftInTheJournal() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let path = "/api/v1/runs/\(TestDashboard.run)"
            func post(_ action: String) async throws -> Int {
                try await dashboard.ask("\(path)/\(action)", method: "POST", headers: TestDashboard.bearer).status
            }
            // Nobody works on it: it was cut off.
            #expect(try await post("stop") == 409)
            #expect(try await post("resume") == 409)
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            #expect(try await post("stop") == 202)
            #expect(try await post("approve") == 409)
            #expect(try await post("resume") == 409)
            #expect(try await post("erase") == 404)
            #expect(try await dashboard.ask("\(path)/stop", headers: TestDashboard.bearer).status == 405)
            let requests = try await journal.requests(of: TestDashboard.run, after: 0)
            #expect(requests.map(\.kind) == [.stop])
            #expect(requests.map(\.by) == ["dashboard (ann@host)"])
        }
    }

    @Test func aRunIsStoppedAtOnceAsByASecondRequest() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let path = "/api/v1/runs/\(TestDashboard.run)"
            func post(_ action: String, _ headers: [String: String] = TestDashboard.bearer) async throws -> HTTPAnswer {
                try await dashboard.ask("\(path)/\(action)", method: "POST", headers: headers)
            }
            // Nothing works on the run: it was cut off.
            #expect(try await post("stop-now").status == 409)
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            #expect(try await post("stop-now", [:]).status == 401)
            #expect(try await post("stop-now", ["Authorization": "Bearer wrong"]).status == 401)
            #expect(try await journal.requests(of: TestDashboard.run, after: 0).isEmpty)
            #expect(try await post("stop-now").status == 202)
            let requests = try await journal.requests(of: TestDashboard.run, after: 0)
            #expect(requests.map(\.kind) == [.stop, .stop])
            #expect(requests.allSatisfy { $0.by == "dashboard (ann@host)" })
            // What is being cancelled cannot be stopped any sooner.
            try await journal.append([Event(at: moment(5), .stopRequested), Event(at: moment(5), .cancelRequested)], to: TestDashboard.run)
            try await eventually("the run is being cancelled") {
                try await dashboard.ask(path, headers: TestDashboard.bearer).body.contains(#""cancelling":true,"actions":["pause"]"#)
            }
            let again = try await post("stop-now")
            #expect(again.status == 409 && again.body.contains("being cancelled"), "\(again.body)")
        }
    }

    @Test func aPageStopsARunOnlyWithItsOwnSecret() async throws {
        try await TestDashboard.with(token: TestDashboard.token, isAllowedToAct: true) { dashboard in
            let journal = try await dashboard.begin()
            let lock = try await FileLock.acquire(TestDashboard.run, journal: dashboard.journal)
            defer { lock.release() }
            let session = try await session(dashboard)
            func post(_ headers: [String: String]) async throws -> Int {
                try await dashboard.ask(
                    "/api/v1/runs/\(TestDashboard.run)/stop-now",
                    method: "POST",
                    headers: session.cookie.merging(headers) { $1 }
                ).status
            }
            #expect(try await post([:]) == 403)
            #expect(try await post(["X-Convoy-CSRF": "0"]) == 403)
            #expect(try await post(["X-Convoy-CSRF": session.csrf, "Origin": "https://evil.example"]) == 403)
            #expect(try await journal.requests(of: TestDashboard.run, after: 0).isEmpty)
            #expect(try await post(["X-Convoy-CSRF": session.csrf]) == 202)
        }
    }
}
