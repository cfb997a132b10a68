import TestSupport
import Testing

@testable import ConvoyRollout

@Suite(.timeLimit(.minutes(1))) struct HTTPCheckTests {
    private static func answer(_ path: String) -> HTTPResponder.Answer {
        switch path {
        case "/ok?token=abc": .status(204)
        case "/ok": .status(200)
        case "/bad": .status(500)
        case "/missing": .status(404)
        case "/once": .redirect("/ok")
        case "/loop": .redirect("/loop")
        case "/file": .redirect("file:///etc/passwd")
        case "/silent": .silence
        case "/endless": .endless
        default: .hangUp
        }
    }

    @Test(
        arguments: [
            ("/ok", nil), ("/ok?token=abc", nil), ("/once", nil), ("/endless", nil),
            ("/bad", "GET http://127.0.0.1:PORT/bad answered 500"), ("/missing", "GET http://127.0.0.1:PORT/missing answered 404"),
            ("/loop", "GET http://127.0.0.1:PORT/loop answered 302 after 5 redirects"),
            (
                "/file",
                "GET http://127.0.0.1:PORT/file answered 302, and Convoy does not follow that redirect: it does not lead to an http or https URL"
            ),
            ("/bad?token=abc", "GET http://127.0.0.1:PORT/bad: the connection was closed before an answer"),
        ] as [(String, String?)]
    ) func answers(_ path: String, _ problem: String?) async throws {
        let responder = try HTTPResponder(Self.answer)
        let check = HTTPCheck(url: "http://127.0.0.1:\(responder.port)\(path)", timeout: .seconds(30))
        let given = await check.problem()
        #expect(given == problem?.replacing("PORT", with: "\(responder.port)"))
    }

    @Test func silence() async throws {
        let responder = try HTTPResponder(Self.answer)
        let check = HTTPCheck(url: "http://127.0.0.1:\(responder.port)/silent", timeout: .milliseconds(300))
        let given = await check.problem()
        #expect(given == "GET http://127.0.0.1:\(responder.port)/silent: no answer within 300 ms")
    }

    @Test func userAndPasswordAreSentAndNotShown() async throws {
        let responder = try HTTPResponder(Self.answer)
        let problem = await HTTPCheck(url: "http://user:hunter2@127.0.0.1:\(responder.port)/bad", timeout: .seconds(30)).problem()
        #expect(problem == "GET http://127.0.0.1:\(responder.port)/bad answered 500")
        #expect(responder.requests.first?.contains("Authorization: Basic dXNlcjpodW50ZXIy") == true, "\(responder.requests)")
    }

    @Test func nothingThere() async throws {
        let port = try RefusedPort()
        #expect(
            await HTTPCheck(url: "http://127.0.0.1:\(port.port)/").problem() == "GET http://127.0.0.1:\(port.port)/: connection refused"
        )
        #expect(await HTTPCheck(url: "http://no-such-host.invalid/").problem() == "GET http://no-such-host.invalid/: host not found")
        #expect(
            await HTTPCheck(url: "http://127.0.0.1:99999/").problem()
                == "GET http://127.0.0.1:99999/: its port is not a number from 1 to 65535"
        )
        #expect(await HTTPCheck(url: "gopher://host/").problem() == "GET: this is not an http or https URL")
    }
}
