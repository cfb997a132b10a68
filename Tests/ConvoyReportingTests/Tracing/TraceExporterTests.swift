import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyReporting

/// How spans reach a collector, and what happens where they do not.
@Suite(.timeLimit(.minutes(2)))
struct TraceExporterTests {
    @Test(
        arguments: [
            (.status(200), "{}", .arrived(rejected: 0, remark: nil)), (.status(202), nil, .arrived(rejected: 0, remark: nil)),
            (.status(200), "no JSON", .arrived(rejected: 0, remark: nil)), (.status(200), "[]", .arrived(rejected: 0, remark: nil)),
            (.status(200), #"{"partialSuccess":{}}"#, .arrived(rejected: 0, remark: nil)),
            (
                .status(200), #"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too\nold"}}"#,
                .arrived(rejected: 2, remark: "too\\nold")
            ),
            (.status(200), #"{"partialSuccess":{"rejectedSpans":3}}"#, .arrived(rejected: 3, remark: nil)),
            (.status(200), #"{"partialSuccess":{"rejectedSpans":"99999999999999999999"}}"#, .arrived(rejected: 0, remark: nil)),
            (.status(200), #"{"partialSuccess":{"rejectedSpans":"500"}}"#, .arrived(rejected: 10, remark: nil)),
            (.status(200), #"{"partialSuccess":{"rejectedSpans":"-5"}}"#, .arrived(rejected: 0, remark: nil)),
            (.status(200), #"{"partialSuccess":{"errorMessage":"slow down"}}"#, .arrived(rejected: 0, remark: "slow down")),
            (.status(302), nil, .refused("it answered 302, and Convoy does not follow redirects")),
            (.status(400), nil, .refused("it answered 400")), (.status(500), nil, .refused("it answered 500")),
            (.status(429, retryAfter: "7"), nil, .failed("it answered 429", pause: .seconds(7))),
            (.status(503, retryAfter: "1e9"), nil, .failed("it answered 503", pause: .seconds(60))),
            (.status(502), nil, .failed("it answered 502", pause: nil)), (.status(504), nil, .failed("it answered 504", pause: nil)),
            (.failed("connection refused"), nil, .failed("connection refused", pause: nil)),
            (nil, nil, .failed("no answer within 10 s", pause: nil)),
        ] as [(HTTPRequest.Answer?, String?, TraceDelivery)]
    ) func whatAnAnswerMeans(_ answer: HTTPRequest.Answer?, _ body: String?, _ delivery: TraceDelivery) {
        #expect(TraceDelivery(answer, body: body, of: 10, timeout: .seconds(10), at: moment()) == delivery)
    }

    private static let limits = TraceExporter.Limits(queue: 100, batch: 40, pause: .milliseconds(10), firstBackoff: .milliseconds(10))
    private static let trace = RunTrace(run: "r-1")

    private func spans(_ count: Int) -> [TraceSpan] {
        (0..<count).map { number in
            TraceSpan(
                id: Self.trace.span(.visit(instance: "i\(number)", process: 1, isRollback: false)),
                parent: nil,
                name: "instance",
                start: SpanTime(moment()),
                end: SpanTime(moment(1)),
                attributes: [TraceFold.text("convoy.instance", "i\(number)")]
            )
        }
    }

    private func settings(_ endpoint: String, timeout: String = "2000", headers: String = "x-token=hunter2") throws -> TraceSettings {
        let environment = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": timeout, "OTEL_EXPORTER_OTLP_HEADERS": headers,
        ]
        return try #require(TraceSettings.read(environment).settings)
    }

    /// Sends spans, and returns what is said of those that did not arrive, and how long it took.
    private func warning(
        _ endpoint: String,
        count: Int = 10,
        timeout: String = "2000",
        limits: TraceExporter.Limits = limits,
        patience: Duration = .seconds(20)
    ) async throws -> (warning: String?, duration: Duration) {
        let exporter = TraceExporter(try settings(endpoint, timeout: timeout), Self.trace.id, limits: limits)
        exporter.post(spans(count))
        exporter.finish(by: .now + patience)
        let start = ContinuousClock.now
        _ = try? await within(patience) { await exporter.export() }
        return (exporter.warning, .now - start)
    }

    @Test func spansArriveInBatches() async throws {
        let collector = try TraceCollector()
        let (warning, _) = try await warning(collector.endpoint, count: 100)
        #expect(warning == nil)
        let arrived = try collector.spans()
        #expect(arrived.count == 100 && Set(arrived.map(\.id)).count == 100)
        #expect(collector.requests.count == 3)
        #expect(collector.requests.allSatisfy { $0.contains("x-token: hunter2\r\n") })
        #expect(Set(arrived.map { $0.resource["service.name"] }) == ["convoy"])
        #expect(Set(arrived.map(\.trace)) == [Self.trace.id.hex])
    }

    private static func lost(_ reason: String, _ count: Int = 10, of all: Int = 10) -> String {
        "OTEL_EXPORTER_OTLP_ENDPOINT: \(count) of \(all) spans of the run's trace did not arrive: \(reason)"
    }

    @Test(
        arguments: [
            ([.status(503), TraceCollector.success], 2, nil), ([.hangUp, TraceCollector.success], 2, nil),
            ([.later("0"), TraceCollector.success], 2, nil),
            ([.status(503), .status(503)], 2, lost("it answered 503, after 2 attempts")),
            ([.later("3600")], 1, lost("it answered 429")), ([.status(500)], 1, lost("it answered 500")),
            ([.redirect("/elsewhere")], 1, lost("it answered 302, and Convoy does not follow redirects")),
            ([.endless], 1, nil),
            (
                [TraceCollector.answer(#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#)], 1,
                lost("the collector rejected them: too old", 3)
            ),
            (
                [TraceCollector.answer(#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":"use grpc"}}"#)], 1,
                "OTEL_EXPORTER_OTLP_ENDPOINT: the collector says of the run's trace: use grpc"
            ),
        ] as [([HTTPResponder.Answer], Int, String?)]
    ) func triesAgainWhereThatMayHelp(_ answers: [HTTPResponder.Answer], _ requests: Int, _ expected: String?) async throws {
        let left = Mutex(answers[...])
        let collector = try TraceCollector { left.withLock { $0.popFirst() } ?? .status(418) }
        let (warning, _) = try await warning("http://ann:hunter2@127.0.0.1\(collector.endpoint.dropFirst("http://127.0.0.1".count))")
        #expect(warning == expected)
        #expect(collector.requests.count == requests)
    }

    @Test func aCollectorThatIsDownOrSilentCostsLittle() async throws {
        let port = try RefusedPort()
        let refused = try await warning("http://127.0.0.1:\(port.port)")
        #expect(refused.warning == Self.lost("connection refused, after 2 attempts"))
        let silent = try TraceCollector { .silence }
        let late = try await warning(silent.endpoint, timeout: "100")
        #expect(late.warning == Self.lost("no answer within 100 ms, after 2 attempts"))
        let cut = try await warning(silent.endpoint, count: 100, timeout: "60000", patience: .milliseconds(300))
        #expect(cut.warning == Self.lost("it had not answered when the time after the run was over", 100, of: 100))
        #expect(cut.duration < .seconds(10))
        #expect(silent.requests.count == 3)
    }

    /// The status says that the spans have arrived.
    @Test func aBodyThatDoesNotEndIsNotWaitedFor() async throws {
        let collector = try TraceCollector { .unfinished }
        var limits = Self.limits
        limits.body = .milliseconds(50)
        let (warning, duration) = try await warning(collector.endpoint, count: 80, timeout: "60000", limits: limits)
        #expect(warning == nil)
        #expect(duration < .seconds(10))
        #expect(collector.requests.count == 2)
    }

    @Test func whatTheQueueDoesNotTakeIsCounted() async throws {
        let collector = try TraceCollector()
        let (warning, _) = try await warning(collector.endpoint, count: 130)
        #expect(warning == Self.lost("too many were waiting", 30, of: 130))
        #expect(try collector.spans().count == 100)
    }

    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock(\.self) }
        @Sendable func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test func aRunIsTracedWhileItHappens() async throws {
        let collector = try TraceCollector()
        let lines = Lines()
        let fold = TraceFold(Self.trace, direction: .up, places: [:])
        let tracer = RunTracer(try settings(collector.endpoint), fold, patience: .seconds(30), limits: Self.limits, warn: lines.add)
        let value = await tracer.tracing(after: { $0 }) {
            await tracer.send(Array(troubledRun.prefix(7)))
            // A span is sent when it has ended, not with the run.
            try? await eventually("the first instance arrives") { try collector.spans().contains { $0.name == "instance" } }
            for event in troubledRun.dropFirst(7) { await tracer.send([event]) }
            return 7
        }
        #expect(value == 7 && lines.all == [])
        let arrived = try collector.spans()
        #expect(arrived.count == 8 && Set(arrived.map(\.id)).count == 8)
        #expect(arrived.last?.name == "convoy migrate")
    }

    /// As the workers of a run do: each knows all events, and sends what ends with its own.
    @Test func twoProcessesSendOneTrace() async throws {
        let collector = try TraceCollector()
        let lines = Lines()
        for isFirst in [true, false] {
            let fold = TraceFold(Self.trace, direction: .up, places: [:])
            let tracer = RunTracer(try settings(collector.endpoint), fold, patience: .seconds(30), limits: Self.limits, warn: lines.add)
            await tracer.tracing(after: { $0 }) {
                for (index, event) in troubledRun.enumerated() { tracer.take([event], isOwn: index.isMultiple(of: 2) == isFirst) }
            }
        }
        let arrived = try collector.spans()
        #expect(arrived.count == 8 && Set(arrived.map(\.id)).count == 8)
        #expect(lines.all == [])
    }

    @Test func theEndOfARunIsNotHeldUp() async throws {
        let silent = try TraceCollector { .silence }
        let lines = Lines()
        let fold = TraceFold(Self.trace, direction: .up, places: [:])
        let tracer = RunTracer(
            try settings(silent.endpoint, timeout: "60000"),
            fold,
            patience: .milliseconds(300),
            limits: Self.limits,
            warn: lines.add
        )
        let start = ContinuousClock.now
        await tracer.tracing(after: { $0 }) { await tracer.send(troubledRun) }
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(lines.all == ["warning: " + Self.lost("it had not answered when the time after the run was over", 8, of: 8)])
    }

    @Test func aWaitAfterTheRunIsAnnounced() async throws {
        let silent = try TraceCollector { .silence }
        let lines = Lines()
        let tracer = RunTracer(
            try settings(silent.endpoint, timeout: "60000"),
            TraceFold(Self.trace, direction: .up, places: [:]),
            patience: .seconds(2),
            silence: .milliseconds(50),
            limits: Self.limits,
            warn: lines.add
        )
        await tracer.tracing(after: { $0 }) { await tracer.send(troubledRun) }
        #expect(lines.all.count == 2, "\(lines.all)")
        #expect(lines.all.first?.hasPrefix("waiting up to 1.") == true && lines.all.first?.hasSuffix(" s for the trace to arrive") == true)
        #expect(lines.all.last?.hasPrefix("warning: ") == true)
    }

    /// The past of a run may be long.
    @Test func aPastThatTakesTooLongIsLeft() async throws {
        let collector = try TraceCollector()
        let lines = Lines()
        let fold = TraceFold(Self.trace, direction: .up, places: [:])
        let tracer = RunTracer(try settings(collector.endpoint), fold, patience: .milliseconds(100), limits: Self.limits, warn: lines.add)
        await tracer.tracing(
            after: { replay in
                // Until it is cancelled.
                _ = await OneShot<Void>().value()
                return replay
            }
        ) { await tracer.send(troubledRun) }
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("did not arrive: ") == true, "\(lines.all)")
    }
}
