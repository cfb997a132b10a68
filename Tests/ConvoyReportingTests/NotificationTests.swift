import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ConvoyReporting

/// A run that waits at a gate twice over and then ends badly.
private let gatedRun: [Event] =
    troubledRun.prefix(7) + [
        Event(at: moment(0.3), .gateOpened(wave: "canary")),
        Event(at: moment(0.3), .gateWaiting(wave: "canary", reason: "the end of its soak in 10 min and an approval")),
        Event(at: moment(0.3), .gateWaiting(wave: "canary", reason: "an approval")),
    ] + troubledRun.dropFirst(7)

struct NotificationMessageTests {
    private func messages(_ events: [Event]) -> [NotificationMessage] {
        var report = FleetReport()
        return events.compactMap { event in
            report.apply(event)
            return NotificationMessage(event, report)
        }
    }

    @Test func everyMessageFitsItsPublishedSchema() throws {
        let schema = try JSONSchema(named: "notification")
        let messages = messages(gatedRun + hostileRun)
        #expect(Set(messages.map(\.occasion)) == Set(Webhook.Occasion.allCases))
        for message in messages {
            let value = try JSONSerialization.jsonObject(with: Data(message.body(.json).utf8))
            #expect(schema.problems(in: value) == [])
        }
    }

    @Test func whatSlackIsTold() {
        #expect(
            messages(gatedRun).map(\.slack) == [
                "Convoy run `r-1` of `teslamate-eu` has started: 4 instances in 2 waves",
                "Convoy run `r-1` of `teslamate-eu` waits at the gate of wave `canary` for `the end of its soak in 10 min and an approval`: "
                    + "1 migrated, 3 pending",
                "Convoy run `r-1` of `teslamate-eu` waits at the gate of wave `canary` for `an approval`: 1 migrated, 3 pending",
                "Convoy run `r-1` of `teslamate-eu` was halted: `wave rest reached its stop rule failures: 1 (bob)`; no new instances start: "
                    + "1 migrated, 2 pending, 1 failed\n• failed: `Migrations/20260808090000_narrow_charges.sql:7: numeric field overflow "
                    + "(SQLSTATE 22003)`: `bob`",
                "Convoy run `r-1` of `teslamate-eu` halted after 3.5 s: 1 migrated, 1 pending, 1 failed, 1 lock-busy\n"
                    + "• failed: `Migrations/20260808090000_narrow_charges.sql:7: numeric field overflow (SQLSTATE 22003)`: `bob`\n"
                    + "• lock-busy: `another session holds the migration lock`: `carol`",
            ]
        )
    }

    /// Names and messages that would call everybody, or end the code that they stand in.
    private var hostileRun: [Event] {
        let names = (0..<40).map { "<!channel> @here `a\($0)`\n*b*" }
        let wave = PlannedWave(name: "<!here>", instances: names)
        let failure = Failure(.failed, "<!everyone|x> & `rm` [a](http://evil)\u{1B}[2J" + String(repeating: "x", count: 5000))
        return [Event(at: moment(), .runStarted(run: "r-2", fleet: "<@U1>", waves: [wave]))]
            + names.map { Event(at: moment(), .instanceFinished(instance: $0, result: InstanceResult(outcome: .failed, failure: failure))) }
            + [Event(at: moment(), .runFinished(status: .failed))]
    }

    @Test func hostileTextStaysText() throws {
        for message in messages(hostileRun) {
            let text = message.slack
            #expect(!text.contains("<") && !text.contains(">"))
            #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
            // What is not code is Convoy's own.
            let outside = text.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset.isMultiple(of: 2) }
                .map(\.element).joined()
            for word in ["channel", "here", "everyone", "evil", "rm", "U1"] { #expect(!outside.contains(word)) }
            #expect(text.count < 4000)
            #expect(message.body(.json).utf8.count < 8000)
        }
    }
}

/// The messages of other programs.
struct NotificationFormatTests {
    private func messages(_ events: [Event], link: String? = "https://convoy.internal/runs/r-1") -> [NotificationMessage] {
        var report = FleetReport()
        return events.compactMap { event in
            report.apply(event)
            var message = NotificationMessage(event, report)
            message?.link = link
            return message
        }
    }

    private func object(_ message: NotificationMessage, _ format: Webhook.Format) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(message.body(format).utf8)) as? [String: Any])
    }

    @Test func anAnnotationOfGrafanaSpansTheRun() throws {
        let all = messages(gatedRun)
        let first = try object(try #require(all.first), .grafana)
        #expect(first["time"] as? Int == Int(moment(0).timeIntervalSince1970 * 1000))
        #expect(first["timeEnd"] == nil)
        #expect(first["tags"] as? [String] == ["convoy", "run-started", "fleet:teslamate-eu", "status:running"])
        let last = try object(try #require(all.last), .grafana)
        #expect(last["time"] as? Int == first["time"] as? Int)
        #expect(last["timeEnd"] as? Int == Int(moment(3.5).timeIntervalSince1970 * 1000))
        #expect(last["tags"] as? [String] == ["convoy", "run-finished", "fleet:teslamate-eu", "status:halted"])
        let text = try #require(last["text"] as? String)
        #expect(text.hasPrefix("Convoy run r-1 of teslamate-eu halted after 3.5 s: "))
        #expect(text.hasSuffix("<br><a href=\"https://convoy.internal/runs/r-1\">page of the run</a>"))
    }

    @Test func aCardOfTeamsHasARunOfTextForEachPiece() throws {
        let card = try object(try #require(messages(gatedRun).first), .teams)
        #expect(card["type"] as? String == "message")
        let attachment = try #require((card["attachments"] as? [[String: Any]])?.first)
        #expect(attachment["contentType"] as? String == "application/vnd.microsoft.card.adaptive")
        let content = try #require(attachment["content"] as? [String: Any])
        #expect(content["type"] as? String == "AdaptiveCard")
        let blocks = try #require(content["body"] as? [[String: Any]])
        let texts = blocks.map { ($0["inlines"] as? [[String: Any]] ?? []).compactMap { $0["text"] as? String }.joined() }
        #expect(texts == ["Convoy run r-1 of teslamate-eu has started: 4 instances in 2 waves"])
        #expect(blocks.allSatisfy { $0["type"] as? String == "RichTextBlock" })
        let actions = try #require(content["actions"] as? [[String: Any]])
        #expect(actions.first?["url"] as? String == "https://convoy.internal/runs/r-1")
    }

    @Test(arguments: Webhook.Format.allCases) func aLinkIsOnlyWhereThereIsADashboard(_ format: Webhook.Format) throws {
        for (with, without) in zip(messages(gatedRun), messages(gatedRun, link: nil)) {
            #expect(with.body(format).contains("convoy.internal/runs/r-1") || with.body(format).contains("convoy.internal\\/runs\\/r-1"))
            #expect(!without.body(format).contains("convoy.internal"))
        }
    }

    /// Names and errors that are HTML.
    @Test func hostileTextStaysTextInGrafana() throws {
        let name = "<img src=x onerror=alert(1)>\"&"
        let wave = PlannedWave(name: "w", instances: [name])
        let failure = Failure(.failed, "<script>x</script>\u{1B}[2J")
        let events = [
            Event(at: moment(), .runStarted(run: "r-2", fleet: "<b>", waves: [wave])),
            Event(at: moment(), .instanceFinished(instance: name, result: InstanceResult(outcome: .failed, failure: failure))),
            Event(at: moment(1), .runFinished(status: .failed)),
        ]
        for message in messages(events, link: nil) {
            let text = try #require(try object(message, .grafana)["text"] as? String).replacing("<br>", with: "")
            #expect(!text.contains("<") && !text.contains(">") && !text.contains("\""))
        }
    }
}

extension NotificationMessage {
    fileprivate var slack: String {
        (try? JSONSerialization.jsonObject(with: Data(body(.slack).utf8)) as? [String: String])?["text"] ?? ""
    }
}

@Suite(.timeLimit(.minutes(2))) struct RunNotifierTests {
    private final class Warnings: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock(\.self) }
        @Sendable func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    /// Sends a run's events and returns what was told of it.
    private func send(
        _ events: [Event],
        to webhooks: [Webhook],
        dashboard: String? = nil,
        resuming earlier: FleetReport? = nil,
        giveUp: AsyncStream<Void> = AsyncStream { $0.finish() },
        timing: RunNotifier.Timing = .init(patience: .seconds(60), grace: .zero, silence: .seconds(30))
    ) async -> [String] {
        let warnings = Warnings()
        let report = Mutex(earlier ?? FleetReport())
        let copy: @Sendable () -> FleetReport = { report.withLock(\.self) }
        let notifier = RunNotifier(
            webhooks,
            file: "fleet.yaml",
            dashboard: dashboard,
            resuming: earlier,
            timing: timing,
            report: copy,
            warn: warnings.add
        )
        await notifier.delivering(giveUp: giveUp) {
            for event in events {
                report.withLock { $0.apply(event) }
                await notifier.send([event])
            }
        }
        return warnings.all
    }

    private func events(of requests: [String]) throws -> [String] {
        try requests.map { request in
            let body = try #require(request.components(separatedBy: "\r\n\r\n").dropFirst().first)
            let value = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            return try #require(value?["event"] as? String)
        }
    }

    @Test func aMessageLinksToTheDashboard() async throws {
        let responder = try HTTPResponder { _ in .status(200) }
        let url = Secret("http://127.0.0.1:\(responder.port)/hook")
        let warnings = await send(gatedRun, to: [Webhook(url: url, occasions: [.runStarted])], dashboard: "https://convoy.internal/c")
        #expect(warnings == [])
        let body = try #require(responder.requests.first?.components(separatedBy: "\r\n\r\n").dropFirst().first)
        let value = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        #expect(value?["url"] as? String == "https://convoy.internal/c/runs/r-1")
    }

    @Test func eachOccasionIsToldOnce() async throws {
        let responder = try HTTPResponder { _ in .status(200) }
        let url = Secret("http://127.0.0.1:\(responder.port)/hook/s3cret")
        let token = Webhook.Header(name: "Authorization", value: Secret("Bearer hunter2"))
        let warnings = await send(
            gatedRun,
            to: [Webhook(url: url, headers: [token]), Webhook(url: url, format: .slack, occasions: [.runFinished])]
        )
        #expect(warnings == [])
        let json = responder.requests.filter { !$0.contains(#"{"text":"#) }
        #expect(try events(of: json) == ["run-started", "gate-waiting", "halted", "run-finished"])
        #expect(responder.requests.count == 5)
        #expect(json.allSatisfy { $0.hasPrefix("POST /hook/s3cret HTTP/1.1\r\n") && $0.contains("Authorization: Bearer hunter2\r\n") })
        #expect(json.allSatisfy { $0.contains("Content-Type: application/json\r\n") })
    }

    @Test func aResumedRunStartsNoSecondTimeAndRepeatsNoGate() async throws {
        let responder = try HTTPResponder { _ in .status(204) }
        var earlier = report(gatedRun.prefix(10))
        earlier.apply(Event(at: moment(1), .runResumed(by: "ann")))
        let again = [
            Event(at: moment(1), .runResumed(by: "ann")), Event(at: moment(1), .gateOpened(wave: "canary")),
            Event(at: moment(1), .gateWaiting(wave: "canary", reason: "an approval")),
            Event(at: moment(2), .runFinished(status: .succeeded)),
        ]
        let warnings = await send(again, to: [Webhook(url: Secret("http://127.0.0.1:\(responder.port)/"))], resuming: earlier)
        #expect(warnings == [])
        #expect(try events(of: responder.requests) == ["run-finished"])
    }

    @Test func aReceiverThatNeverAnswersIsGivenUpInTheEnd() async throws {
        let port = try SilentPort()
        let webhook = Webhook(url: Secret("http://127.0.0.1:\(port.port)/hunter2"), timeout: .seconds(300), line: 7)
        let warnings = await send(
            gatedRun,
            to: [webhook],
            timing: .init(patience: .milliseconds(200), grace: .zero, silence: .milliseconds(50))
        )
        #expect(
            warnings == [
                "waiting up to 150 ms for notifications to arrive",
                "fleet.yaml:7: warning: the notification of run-started did not arrive: no time was left; the last attempt: no answer within 5 min",
                "fleet.yaml:7: warning: 3 more notifications were not sent",
            ]
        )
    }

    @Test func theOperatorNeedNotWait() async throws {
        let port = try SilentPort()
        let (giveUp, ask) = AsyncStream.makeStream(of: Void.self)
        ask.yield()
        let warnings = await send(
            Array(gatedRun.suffix(1)),
            to: [Webhook(url: Secret("http://127.0.0.1:\(port.port)/"), timeout: .seconds(300))],
            giveUp: giveUp,
            timing: .init(patience: .seconds(600), grace: .milliseconds(10), silence: .seconds(300))
        )
        #expect(warnings.count == 1)
    }
}
