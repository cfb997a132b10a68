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
        resuming earlier: FleetReport? = nil,
        giveUp: AsyncStream<Void> = AsyncStream { $0.finish() },
        timing: RunNotifier.Timing = .init(patience: .seconds(60), grace: .zero, silence: .seconds(30))
    ) async -> [String] {
        let warnings = Warnings()
        let report = Mutex(earlier ?? FleetReport())
        let copy: @Sendable () -> FleetReport = { report.withLock(\.self) }
        let notifier = RunNotifier(webhooks, file: "fleet.yaml", resuming: earlier, timing: timing, report: copy, warn: warnings.add)
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
