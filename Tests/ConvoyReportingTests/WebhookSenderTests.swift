import ConvoyFleet
import ConvoyReporting
import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyRollout

@Suite(.timeLimit(.minutes(2))) struct WebhookSenderTests {
    @Test(
        arguments: [
            (.status(200), .arrived), (.status(204), .arrived), (.status(404), .refused("it answered 404")),
            (.status(302), .refused("it answered 302, and Convoy does not follow redirects")),
            (.status(500), .failed("it answered 500", pause: nil)), (.status(408), .failed("it answered 408", pause: nil)),
            (.status(429, retryAfter: "7"), .failed("it answered 429", pause: .seconds(7))),
            (.status(503, retryAfter: " 1e9"), .failed("it answered 503", pause: .seconds(60))),
            (.status(503, retryAfter: "-1"), .failed("it answered 503", pause: .zero)),
            (.status(503, retryAfter: "nan"), .failed("it answered 503", pause: nil)),
            (.status(503, retryAfter: "soon"), .failed("it answered 503", pause: nil)),
            (.status(503, retryAfter: "Sat, 08 Aug 2026 09:00:30 GMT"), .failed("it answered 503", pause: .seconds(30))),
            (.status(503, retryAfter: "Sat, 08 Aug 2026 08:00:30 GMT"), .failed("it answered 503", pause: .zero)),
            (.failed("connection refused"), .failed("connection refused", pause: nil)),
            (nil, .failed("no answer within 10 s", pause: nil)),
        ] as [(HTTPRequest.Answer?, Delivery)]
    ) func whatAnAnswerMeans(_ answer: HTTPRequest.Answer?, _ delivery: Delivery) {
        #expect(Delivery(answer, timeout: .seconds(10), at: moment()) == delivery)
    }

    @Test func pausesGrowAndEnd() {
        for tries in 1...40 {
            let pause = Delivery.backoff(after: tries, first: .seconds(1))
            let whole = min(Duration.seconds(60), .seconds(1 << min(tries - 1, 10)))
            #expect(pause >= whole / 2 && pause <= whole)
        }
    }

    private final class Warnings: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock(\.self) }
        @Sendable func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    /// Sends one message and returns what was told of it.
    private func warnings(
        _ url: String,
        retries: Int = 2,
        timeout: Duration = .seconds(30),
        headers: [Webhook.Header] = [],
        messages: Int = 1
    ) async -> [String] {
        let warnings = Warnings()
        let webhook = Webhook(url: Secret(url), timeout: timeout, retries: retries, headers: headers, line: 3)
        let sender = WebhookSender(webhook, file: "fleet.yaml", firstPause: .milliseconds(1), warn: warnings.add)
        for _ in 0..<messages { sender.post("{}", about: .halted) }
        sender.finish()
        await sender.deliver()
        #expect(sender.undelivered == 0)
        return warnings.all
    }

    @Test(
        arguments: [
            ([.status(200)], nil), ([.status(500), .later("0"), .status(201)], nil), ([.hangUp, .status(200)], nil),
            ([.status(503), .status(503), .status(503)], "it answered 503, after 3 attempts"), ([.status(403)], "it answered 403"),
            ([.redirect("/elsewhere")], "it answered 302, and Convoy does not follow redirects"),
        ] as [([HTTPResponder.Answer], String?)]
    ) func triesAgainWhereThatMayHelp(_ answers: [HTTPResponder.Answer], _ problem: String?) async throws {
        let left = Mutex(answers[...])
        let responder = try HTTPResponder { _ in left.withLock { $0.popFirst() } ?? .status(418) }
        let told = await warnings("http://user:hunter2@127.0.0.1:\(responder.port)/hunter2?hunter2")
        #expect(told == (problem.map { ["fleet.yaml:3: warning: the notification of halted did not arrive: \($0)"] } ?? []))
        #expect(responder.requests.count == answers.count)
        #expect(responder.requests.allSatisfy { $0.hasSuffix("\r\n\r\n{}") })
    }

    @Test func silenceAndNobody() async throws {
        let silent = try HTTPResponder { _ in .silence }
        let late = await warnings("http://127.0.0.1:\(silent.port)/", timeout: .milliseconds(100))
        #expect(late == ["fleet.yaml:3: warning: the notification of halted did not arrive: no answer within 100 ms, after 3 attempts"])
        let port = try RefusedPort()
        let refused = await warnings("http://127.0.0.1:\(port.port)/", retries: 0)
        #expect(refused == ["fleet.yaml:3: warning: the notification of halted did not arrive: connection refused"])
    }

    @Test func aSecretHeaderGoesNowhereElse() async throws {
        let other = try HTTPResponder { _ in .status(200) }
        let responder = try HTTPResponder { [port = other.port] _ in .redirect("http://127.0.0.1:\(port)/") }
        let header = Webhook.Header(name: "X-Token", value: Secret("hunter2"))
        let told = await warnings("http://127.0.0.1:\(responder.port)/", headers: [header])
        #expect(told.count == 1)
        #expect(responder.requests.count == 1 && responder.requests[0].contains("X-Token: hunter2\r\n"))
        #expect(other.requests == [])
    }

    /// Sends one message to a webhook whose URL and header a secret command gives.
    private func warnings(lateURL url: String, header value: String) async -> [String] {
        let warnings = Warnings()
        let command = SecretCommand(name: "vault", program: "vault", arguments: [["", ""]])
        let commands = SecretCommands([command], environment: [:]) { _, key in .success(Secret(key == "url" ? url : value)) }
        var header = Webhook.Header(name: "Authorization", value: Secret(""))
        header.late = LateSecret(
            [.text(Secret("Bearer ")), .reference(SecretReference(command: "vault", key: "token"))],
            commands: commands
        )
        var webhook = Webhook(url: Secret(""), retries: 0, headers: [header], line: 3)
        webhook.lateURL = LateSecret([.reference(SecretReference(command: "vault", key: "url"))], commands: commands)
        let sender = WebhookSender(webhook, file: "fleet.yaml", firstPause: .milliseconds(1), warn: warnings.add)
        sender.post("{}", about: .halted)
        sender.finish()
        await sender.deliver()
        return warnings.all
    }

    @Test func aSecretCommandGivesTheURLAndAHeader() async throws {
        let responder = try HTTPResponder { _ in .status(200) }
        #expect(await warnings(lateURL: "http://127.0.0.1:\(responder.port)/hook", header: "hunter2") == [])
        #expect(responder.requests.count == 1)
        #expect(responder.requests.first?.contains("Authorization: Bearer hunter2\r\n") == true)
        let start = "fleet.yaml:3: warning: the notification of halted did not arrive: "
        #expect(await warnings(lateURL: "hunter2", header: "x") == [start + "its URL is not valid"])
        #expect(
            await warnings(lateURL: "http://127.0.0.1:99999/", header: "x") == [start + "its port is not a number from 1 to 65535"]
        )
        #expect(
            await warnings(lateURL: "http://127.0.0.1:\(responder.port)/hook", header: "hunter2\r\nX: y")
                == [start + "header Authorization contains a character that is not allowed"]
        )
        #expect(responder.requests.count == 1)
    }

    @Test func moreThanTheQueueTakesIsToldAndDropped() async throws {
        let responder = try HTTPResponder { _ in .status(200) }
        let told = await warnings("http://127.0.0.1:\(responder.port)/", messages: 40)
        #expect(
            told
                == Array(
                    repeating: "fleet.yaml:3: warning: the notification of halted did not arrive: too many notifications are waiting",
                    count: 8
                )
        )
        #expect(responder.requests.count == 32)
    }
}
