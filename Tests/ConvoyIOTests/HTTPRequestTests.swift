import Foundation
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyRollout

/// Whatever a server does, a request ends in time and the process lives.
@Suite(.timeLimit(.minutes(2))) struct HTTPRequestTests {
    private func answer(
        _ place: String,
        _ redirects: HTTPRequest.Redirects = .followed(limit: 5),
        timeout: Duration = .seconds(30)
    ) async throws -> HTTPRequest.Answer? {
        await HTTPRequest(url: try #require(URL(string: place)), redirects: redirects, timeout: timeout).answer()
    }

    /// What was seen to end the process with another client: a redirect, in the middle of other requests.
    @Test func aThousandTriesOfEverythingThatServersDo() async throws {
        let responder = try HTTPResponder { path in
            switch path {
            case "/ok": .status(200)
            case "/moved": .redirect("/ok")
            case "/loop": .redirect("/loop")
            case "/away": .redirect("https://127.0.0.1:1/")
            case "/endless": .endless
            case "/nonsense": .raw("nonsense\r\n\r\n")
            case "/twice": .raw("HTTP/1.1 301 Moved\r\nLocation: /ok\r\nLocation: /loop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            case "/short": .raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            default: .hangUp
            }
        }
        let refused = try RefusedPort()
        let base = "http://127.0.0.1:\(responder.port)"
        let expected: [(String, @Sendable (HTTPRequest.Answer?) -> Bool)] = [
            ("\(base)/ok", { $0 == .status(200) }), ("\(base)/moved", { $0 == .status(200, redirects: 1) }),
            ("\(base)/loop", { $0 == .status(302, redirects: 5) }), ("\(base)/away", { $0 == .failed("connection refused") }),
            ("\(base)/endless", { $0 == .status(200) }),
            ("\(base)/nonsense", { $0 == .failed("its answer is not valid HTTP") }),
            ("\(base)/twice", { $0 == .status(200, redirects: 1) }), ("\(base)/short", { $0 == .status(200) }),
            ("\(base)/gone", { $0 == .failed("the connection was closed before an answer") || $0 == .failed("the connection was lost") }),
            ("http://127.0.0.1:\(refused.port)/", { $0 == .failed("connection refused") }),
            // It speaks no TLS.
            ("https://127.0.0.1:\(responder.port)/", { if case .failed = $0 { true } else { false } }),
        ]
        var wrong: [String] = []
        try await withThrowingTaskGroup(of: (Int, HTTPRequest.Answer?).self) { group in
            func note(_ done: (index: Int, answer: HTTPRequest.Answer?)) {
                let (place, isRight) = expected[done.index % expected.count]
                if !isRight(done.answer) { wrong.append("\(place): \(String(describing: done.answer))") }
            }
            for index in 0..<1000 {
                if index >= 16, let done = try await group.next() { note(done) }
                let place = expected[index % expected.count].0
                group.addTask { (index, try await self.answer(place)) }
            }
            for try await done in group { note(done) }
        }
        #expect(wrong == [])
    }

    /// Many are given up while they are under way.
    @Test func cancellingEndsARequest() async throws {
        let silent = try HTTPResponder { _ in .silence }
        let place = "http://127.0.0.1:\(silent.port)/"
        let tasks = (0..<50).map { _ in Task { try await answer(place, timeout: .seconds(600)) } }
        try await eventually("the requests have arrived") { silent.requests.count > 10 }
        for task in tasks { task.cancel() }
        for task in tasks { #expect(try await task.value == nil) }
    }

    @Test func noCertificateIsTakenOnTrust() async throws {
        try await HTTPSServer.run { port in
            for place in ["https://127.0.0.1:\(port)/", "https://localhost:\(port)/"] {
                let answer = try await self.answer(place)
                #expect(answer == .failed("its certificate is not trusted"))
            }
        }
    }

    @Test(arguments: [
        HTTPResponder.Answer.forever(head: "HTTP/1.1 200 OK\r\nX: ", piece: "x"),
        .forever(head: "HTTP/1.1 200 OK\r\n", piece: "X: y\r\n"),
        .forever(head: "", piece: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    ]) func aHeadWithoutEndIsNotRead(_ flood: HTTPResponder.Answer) async throws {
        let responder = try HTTPResponder { _ in flood }
        let clock = ContinuousClock()
        let start = clock.now
        let answer = try await answer("http://127.0.0.1:\(responder.port)/", timeout: .seconds(60))
        guard case .failed = answer else {
            Issue.record("\(String(describing: answer))")
            return
        }
        #expect(clock.now - start < .seconds(30))
    }

    @Test(arguments: [
        ("http://h/a", "/b", "http://h/b"), ("http://h/a", "https://h/b", "https://h/b"),
        ("http://h:8080/a", "https://H:8443/b", "https://H:8443/b"),
        ("https://h/a", "https://h:443/b", "https://h:443/b"), ("http://u:p@h/a", "https://h/b", "https://u:p@h/b"),
        ("https://h/a", "http://h/b", "it leads from https to http"), ("https://h/a", "https://other/b", "it leads to another host"),
        ("http://h/a", "http://h:81/b", "it leads to another port"), ("http://h/a", "//other/b", "it leads to another host"),
        ("http://h/a", "file:///etc/passwd", "it does not lead to an http or https URL"),
        ("http://u:p@h/a", "http://x:y@h/b", "http://u:p@h/b"),
        ("http://h/a", "https://h:99999/", "its port is not a number from 1 to 65535"),
        ("http://h/a", "https://h:0/", "its port is not a number from 1 to 65535"),
    ]) func whereARedirectMayLead(_ from: String, _ location: String, _ expected: String) throws {
        switch HTTPRequest.next(from: try #require(URL(string: from)), to: location) {
        case .success(let url): #expect(url.absoluteString == expected)
        case .failure(let refusal): #expect(refusal.text == expected)
        }
    }

    @Test(
        arguments: [
            ("https://h.internal/", ["https_proxy": "http://u:p%40@proxy:3128"], "proxy:3128 u p@"),
            ("https://h/", ["HTTPS_PROXY": "proxy:3128"], "proxy:3128"),
            ("http://h/", ["http_proxy": "proxy"], "proxy:1080"), ("http://h/", ["HTTP_PROXY": "proxy:1"], "none"),
            ("http://h/", ["https_proxy": "proxy:1"], "none"),
            ("http://h/", ["all_proxy": "proxy:1"], "proxy:1"), ("https://h/", ["https_proxy": "proxy:1", "no_proxy": "*"], "none"),
            ("https://a.internal/", ["https_proxy": "proxy:1", "no_proxy": "x, .internal"], "none"),
            ("https://Internal/", ["https_proxy": "proxy:1", "NO_PROXY": "internal"], "none"),
            ("https://notinternal/", ["https_proxy": "p:1", "no_proxy": "internal"], "p:1"),
            ("https://h/", ["https_proxy": ""], "none"), ("https://h/", ["https_proxy": "socks5://p:1"], "none"),
            ("https://h/", ["https_proxy": "p:99999", "no_proxy": "h"], "none"), ("https://h/", [:], "none"),
        ] as [(String, [String: String], String)]
    ) func theProxyOfTheEnvironment(_ place: String, _ environment: [String: String], _ expected: String) throws {
        let proxy = HTTPProxy(for: try #require(URL(string: place)), environment: environment)
        let text = proxy.map { ["\($0.host):\($0.port)", $0.user, $0.password].compactMap(\.self).joined(separator: " ") }
        #expect(text ?? "none" == expected)
    }

    @Test(
        arguments: [
            ("http://h", true), ("http://h:/", true), ("http://h:1/a", true), ("https://h:65535?a=:99999", true),
            ("http://h/a:99999", true),
            ("http://u:99999@h/", true), ("http://[::1]/", true), ("http://[2001:db8::99999]:443/", true),
            ("http://h:0", false), ("http://h:65536/", false), ("http://u:p@h:99999/", false), ("http://[::1]:99999#a", false),
            ("http://h:18446744073709551616/", false), ("http://h:-1/", false),
        ] as [(String, Bool)]
    ) func aPortIsFrom1To65535(_ url: String, _ isUsable: Bool) {
        #expect(URLPort.isUsable(in: url) == isUsable)
    }

    /// Each of them ended the process.
    @Test(arguments: ["http://127.0.0.1:99999/", "https://127.0.0.1:65536/", "http://127.0.0.1:0/"])
    func aPortThatNoServerHasIsNoEndOfTheProcess(_ place: String) async throws {
        #expect(try await answer(place) == .failed("its port is not a number from 1 to 65535"))
    }

    @Test func aRedirectToAPortThatNoServerHasIsNotFollowed() async throws {
        let responder = try HTTPResponder { _ in .redirect("https://127.0.0.1:99999/") }
        let answer = try await answer("http://127.0.0.1:\(responder.port)/")
        #expect(answer == .astray(302, "its port is not a number from 1 to 65535"))
    }

    @Test(arguments: ["http://127.0.0.1:99999", "127.0.0.1:0"])
    func aProxyWithAPortThatNoServerHasIsNotPassedBy(_ proxy: String) async throws {
        let server = try HTTPResponder { _ in .status(200) }
        let request = HTTPRequest(
            url: try #require(URL(string: "http://127.0.0.1:\(server.port)/")),
            redirects: .refused,
            timeout: .seconds(30),
            environment: ["http_proxy": proxy]
        )
        #expect(await request.answer() == .failed("the proxy of the environment: its port is not a number from 1 to 65535"))
        #expect(server.requests == [])
    }

    @Test func aProxyIsAskedInTheServersPlace() async throws {
        let proxy = try HTTPResponder { _ in .status(204) }
        let environment = ["http_proxy": "http://user:hunter2@127.0.0.1:\(proxy.port)"]
        let request = HTTPRequest(
            url: try #require(URL(string: "http://no-such-host.invalid/x")),
            redirects: .refused,
            timeout: .seconds(30),
            environment: environment
        )
        // The proxy opens the way and then hangs up.
        guard case .failed = await request.answer() else {
            Issue.record("what came back was not the proxy's end")
            return
        }
        let asked = try #require(proxy.requests.first)
        #expect(asked.hasPrefix("CONNECT no-such-host.invalid:80 HTTP/1.1\r\n"), "\(asked)")
        #expect(asked.lowercased().contains("proxy-authorization: basic "), "\(asked)")
    }

    /// What a request carries is for one host.
    @Test func credentialsStayWithTheirHost() async throws {
        let other = try HTTPResponder { _ in .status(200) }
        let responder = try HTTPResponder { [port = other.port] _ in .redirect("http://localhost:\(port)/") }
        let answer = try await answer("http://user:hunter2@127.0.0.1:\(responder.port)/")
        #expect(answer == .astray(302, "it leads to another host"))
        #expect(other.requests == [])
    }
}
