import ConvoyFleet
import FoundationEssentials
import Testing

@testable import ConvoyMigrations
@testable import ConvoyRun

/// The ids of traces and spans, and how other programs name them.
struct RunTraceTests {
    @Test(arguments: [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true),
        ("00-00000000000000000000000000000001-0000000000000001-02", false),
        // A later version may have more.
        ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", true),
    ])
    func aParentIsRead(_ text: String, _ isSampled: Bool) throws {
        let parent = try #require(TraceParent(text))
        #expect(parent.isSampled == isSampled)
        #expect(parent.description.hasPrefix("00-\(parent.trace.hex)-\(parent.span.hex)-0"))
        #expect(text.contains(parent.trace.hex) && text.contains(parent.span.hex))
    }

    @Test(arguments: [
        "", "-", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-４bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ])
    func anInvalidParentIsNone(_ text: String) {
        #expect(TraceParent(text) == nil)
    }

    private static let run = "20261122T123456Z-ab12cd"

    /// Written down, so that a release that changes them is noticed: a run may be resumed by a newer Convoy.
    @Test func idsStayTheSame() {
        let trace = RunTrace(run: Self.run)
        let visit = SpanPlace.visit(instance: "alice", process: 1, isRollback: false)
        #expect(trace.id == RunTrace(run: Self.run, process: 2).id)
        #expect(trace.traceparent(visit) == "00-\(trace.id.hex)-\(trace.span(visit).hex)-01")
        #expect(TraceParent(trace.traceparent(visit))?.trace == trace.id)
        #expect(RunTrace(run: Self.run, isSampled: false).traceparent(visit).hasSuffix("-00"))
    }

    @Test func eachPlaceHasAnIDOfItsOwn() {
        var places: [SpanPlace] = [.run(part: 0), .run(part: 1), .wave("alice", part: 0), .wave("alice", part: 1)]
        places.append(.gate(wave: "alice", process: 1))
        for name in ["alice", "bob"] {
            for process in [1, 2] {
                for isRollback in [true, false] {
                    let visit = SpanPlace.visit(instance: name, process: process, isRollback: isRollback)
                    places.append(visit)
                    for version in [MigrationVersion(1), MigrationVersion(2)] {
                        places.append(.migration(version, .up, of: visit))
                        places.append(.migration(version, .down, of: visit))
                    }
                }
            }
        }
        for ordinal in 0..<2 {
            places.append(.hook(.beforeWave, wave: "alice", instance: nil, process: 1, ordinal: ordinal))
            places.append(.hook(.beforeInstance, wave: "alice", instance: "bob", process: 1, ordinal: ordinal))
            places.append(.hook(.beforeInstance, wave: "bob", instance: "alice", process: 1, ordinal: ordinal))
        }
        let trace = RunTrace(run: Self.run)
        let other = RunTrace(run: "20261122T123456Z-ab12ce")
        let ids = Set(places.map { trace.span($0) })
        #expect(ids.count == places.count)
        #expect(ids.isDisjoint(with: places.map { other.span($0) }))
        #expect(trace.id != other.id)
    }

    @Test func aResumedRunStaysInItsTrace() throws {
        let parent = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let other = try #require(TraceParent("00-11111111111111111111111111111111-2222222222222222-01"))
        let always: (TraceParent?, TraceID) -> Bool = { _, _ in true }
        let first = RunTrace(of: Self.run, resuming: nil, within: parent, sampler: always)
        #expect(first.id == parent.trace && first.parent == parent && first.process == 1)

        var log = RunLog()
        // A process that died before its first event has left nothing.
        #expect(RunTrace(of: Self.run, resuming: log, within: other, sampler: always).parent == other)
        log.apply(Event(at: .now, .runStarted(run: Self.run, fleet: "f", waves: [])))
        // One that began without a parent has a trace of its own, whoever resumes it.
        #expect(RunTrace(of: Self.run, resuming: log, within: other, sampler: always) == RunTrace(run: Self.run, process: 2))
        log.apply(Event(at: .now, .traceJoined(parent: parent.description)))
        log.apply(Event(at: .now, .runResumed(by: "ann")))
        let third = RunTrace(of: Self.run, resuming: log, within: nil, sampler: always)
        #expect(third.id == parent.trace && third.parent == parent && third.process == 3)
    }
}
